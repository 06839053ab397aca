"""Hugging Face data sets as a source, proven on local folders of data files."""

import gc
import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.sources import Document, Skipped, read_documents, source_stem
from schema.errors import SourceError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set of two splits in Parquet, with a column that no document has."""
    path = tmp_path / "notes"
    path.mkdir()
    train: dict[str, list[object]] = {"text": ["one", "two"], "id": [7, 8], "domain": ["law", ""]}
    train |= {"licence": ["CC0", None], "vector": [[0.5], [0.5]]}
    pq.write_table(pa.table(train), path / "train-00000-of-00001.parquet")
    pq.write_table(pa.table({"text": ["three"], "id": [9]}), path / "test-00000-of-00001.parquet")
    return path


@pytest.fixture(autouse=True)
def quiet_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


def refusal(source: str) -> str:
    with pytest.raises(SourceError) as caught:
        list(read_documents(source))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_split_gives_its_rows_with_their_fields(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    expected = [
        Document("7", "one", "law", "notes:train", "CC0", identified=True),
        Document("8", "two", "general", "notes:train", identified=True),
    ]
    assert list(read_documents(f"hf:{folder}:train")) == expected
    assert list(read_documents(f"hf:{folder}")) == expected
    (document,) = read_documents(f"hf:{folder}:test")
    assert isinstance(document, Document)
    assert document.text == "three"
    assert source_stem(f"hf:{folder}:test") == "notes"
    assert capfd.readouterr() == ("", "")


def test_rows_without_an_id_are_named_by_their_number_wherever_the_folder_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = b"".join(json.dumps({"text": f"line {n}"}).encode() + b"\n" for n in range(3))
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / "a.jsonl.gz").write_bytes(gzip.compress(lines))
    by_path = list(read_documents(f"hf:{tmp_path}/lines"))
    monkeypatch.chdir(tmp_path)
    assert list(read_documents("hf:./lines:train")) == by_path
    assert [d.external_id for d in by_path if isinstance(d, Document)] == [f"lines:train:{n}" for n in (1, 2, 3)]


def test_bad_rows_are_named_or_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"")
    pq.write_table(pa.table({"text": ["one", None, " ", "four"]}), tmp_path / "a.parquet")
    assert f"hf:{tmp_path}:train:2: no text field" in refusal(f"hf:{tmp_path}")
    outcomes = list(read_documents(f"hf:{tmp_path}", on_error="skip"))
    assert [type(outcome) for outcome in outcomes] == [Document, Skipped, Skipped, Document]


def test_a_data_set_that_breaks_off_says_where(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"text": "one"}\n')
    (tmp_path / "b.json").write_bytes(b'{"text": "two"}\n{"te\n')
    first, *_, last = read_documents(f"hf:{tmp_path}", on_error="skip")
    assert isinstance(first, Document)
    assert isinstance(last, Skipped)
    assert "cannot be read beyond this row" in last.reason


def test_a_bad_line_of_one_of_several_files_is_named_and_costs_itself_alone(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "one"}\n')
    (tmp_path / "b.jsonl").write_bytes(b'{"text": "two"}\n{"te\n{"text": "three"}\n')
    assert f"hf:{tmp_path}:train:3: not JSON" in refusal(f"hf:{tmp_path}")
    outcomes = list(read_documents(f"hf:{tmp_path}", on_error="skip"))
    assert texts_of(outcomes) == ["one", "two", "three"]
    assert [o.reason.endswith("(b.jsonl:2)") for o in outcomes if isinstance(o, Skipped)] == [True]


def parquet(path: Path, *texts: str) -> None:
    pq.write_table(pa.table({"text": pa.array(texts, pa.string())}), path)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_an_empty_file_of_several_is_named_as_anywhere_else(tmp_path: Path, ending: str) -> None:
    for number, text in enumerate(["one", "", "three"]):
        path = tmp_path / f"train-{number}.{ending}"
        match ending:
            case "parquet":
                parquet(path, *[text] * bool(text))
            case "jsonl":
                path.write_text(json.dumps({"text": text}) * bool(text))
            case _:
                path.write_text(f"text\n{text}\n")
    for source in (f"hf:{tmp_path}", f"{tmp_path}/*.{ending}"):
        assert "empty: there is no document in it" in refusal(source)
        outcomes = list(read_documents(source, on_error="skip"))
        assert [type(outcome) for outcome in outcomes] == [Document, Skipped, Document]
    assert f"(train-1.{ending}); give a file with text, or pass over it" in refusal(f"hf:{tmp_path}")


def texts_of(outcomes: Iterable[object]) -> list[str]:
    return [outcome.text for outcome in outcomes if isinstance(outcome, Document)]


@pytest.mark.parametrize("name", ["json", "csv", "text", "parquet"])
def test_a_folder_that_bears_the_name_of_a_reader_is_that_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "train.jsonl").write_text('{"text": "never asked for"}')
    assert f"there is no folder {name}, and no data set bears the name of a reader" in refusal(f"hf:{name}")
    (tmp_path / name).mkdir()
    (tmp_path / name / "train.jsonl").write_text('{"text": "asked for"}')
    for source in (f"hf:{name}", f"hf:./{name}", f"hf:{name}:train", f"hf:{tmp_path}/{name}"):
        assert texts_of(read_documents(source)) == ["asked for"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the library leaves its files open
def test_a_data_set_that_says_how_it_is_read_is_read_so(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("1#one\n#two\n")
    says = "sep: '#'\n  column_names: [id, text]"
    types = "dataset_info:\n  features:\n  - {name: id, dtype: int64}\n  - {name: text, dtype: string}\n"
    for more in ("", types):
        card = f"---\nconfigs:\n- config_name: default\n  data_files: train.csv\n  {says}\n{more}---\n"
        (tmp_path / "README.md").write_text(card)
        found = [d for d in read_documents(f"hf:{tmp_path}") if isinstance(d, Document)]
        gc.collect()
        assert [(d.text, d.external_id) for d in found] == [("one", "1"), ("two", f"{tmp_path.name}:train:2")]


@pytest.mark.parametrize("named", ["../private/train.jsonl", "../private/*.jsonl", "{}/private/train.jsonl"])
def test_a_data_set_that_names_files_outside_of_its_folder_is_refused(tmp_path: Path, named: str) -> None:
    for name in ("private", "set"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.jsonl").write_text('{"text": "a"}')
    card = f"---\nconfigs:\n- config_name: default\n  data_files: {named.format(tmp_path)!r}\n---\n"
    (tmp_path / "set" / "README.md").write_text(card)
    assert f"outside of the folder, {tmp_path}/private/train.jsonl" in refusal(f"hf:{tmp_path}/set")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the library leaves its .tsv open
@pytest.mark.parametrize(("ending", "mark"), [("csv", ","), ("tsv", "\t")])
def test_values_of_a_folder_are_as_its_files_spell_them(tmp_path: Path, ending: str, mark: str) -> None:
    rows = [("text", "id", "domain"), ("None of it", "001", "NA"), ("NA", "1e3", ""), ("null", "7.0", "law")]
    (tmp_path / f"train.{ending}").write_text("".join(mark.join(row) + "\n" for row in rows))
    found = [d for d in read_documents(f"hf:{tmp_path}") if isinstance(d, Document)]
    gc.collect()
    assert [(d.text, d.external_id, d.domain) for d in found] == [rows[1], ("NA", "1e3", "general"), rows[3]]


def test_a_column_may_begin_with_nulls_and_change_its_type(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a", "term": null, "id": 1}\n')
    (tmp_path / "b.jsonl").write_text('{"text": "b term", "term": "term", "id": "x"}\n')
    assert texts_of(read_documents(f"hf:{tmp_path}")) == ["a", "b term"]
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").rename(tmp_path / f"{name}.json")
    assert "the type of a column changes; give a folder of .txt, .jsonl, .csv, .parquet files" in refusal(
        f"hf:{tmp_path}"
    )


def test_a_linked_folder_of_a_data_set_is_said_to_be_passed_over(tmp_path: Path) -> None:
    for name in ("set", "away"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jsonl").write_text(json.dumps({"text": name}))
    (tmp_path / "set" / "more").symlink_to("../away")
    (tmp_path / "set" / "self").symlink_to(".")
    skipped, document = read_documents(f"hf:{tmp_path}/set")
    assert isinstance(skipped, Skipped)
    assert isinstance(document, Document)
    assert (skipped.where, document.text) == (f"{tmp_path}/set/more", "set")
    assert "a linked folder" in skipped.reason


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("hf:{}:valid", "there is no split valid; it has 'train', 'test'"),
        ("hf:{}:other:train", "choose a configuration"),
        ("hf:{}/nowhere", "there is no folder"),
        ("hf:", "not a data set; spell it hf:NAME"),
        ("hf:a:b:c:d", "not a data set; spell it hf:NAME"),
        ("hf:a/b/c", "is no name of a data set"),
        ("hf:nobody/nothing:train", "the data set cannot be reached; check its name and the connection"),
    ],
)
def test_what_cannot_be_had_is_one_line(folder: Path, source: str, what: str) -> None:
    assert what in refusal(source.format(folder))


def test_columns_without_a_text_are_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"content": ["one"]}), tmp_path / "a.parquet")
    assert "no text column (columns: 'content')" in refusal(f"hf:{tmp_path}")


def test_a_script_is_never_run(tmp_path: Path) -> None:
    script = tmp_path / "evil" / "evil.py"
    script.parent.mkdir()
    script.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert "hf:" in refusal(f"hf:{script.parent}")
    assert "hf:" in refusal(f"hf:{script}")
    assert not (tmp_path / "ran").exists()
