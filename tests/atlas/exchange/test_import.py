"""What others have exported is in the atlas as it is in their files, and comes out of it again."""

import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from atlas.cli.exchange import import_ as command
from atlas.exchange import Wanted, export
from atlas.exchange.arrivals import Imported, ImportRequest, import_exports
from atlas.publish import publish
from ingest.jobs.contrast import ContrastRequest, contrast
from ingest.jobs.label import saes_to_label
from ingest.jobs.progress import Progress
from queries import run_query, saved_queries
from schema import AtlasError, SelectionError, open_atlas
from schema.verify import verify
from tests.atlas.exchange.test_export import lines
from tests.made.activation_pages import serving
from tests.made.required import REQUIRED
from tests.made.tiny_atlas import SAES

Row = dict[str, Any]
REAL = Path(__file__).resolve().parents[4] / "shared" / "realdata" / "saedashboard"
NAME = "gpt2-small-res-jb/blocks.0.hook_resid_pre"


def window(tokens: str, values: list[float], **fields: Any) -> Row:
    """A window of SAEDashboard's, a token a letter."""
    interval = {"bin_min": -1, "bin_max": 2.5, "bin_contains": -1, "qualifying_token_index": int(np.argmax(values))}
    return interval | {"tokens": list(tokens), "values": values} | fields


def feature(index: int, *windows: Row, **fields: Any) -> Row:
    """A feature of SAEDashboard's."""
    ends = {"pos_str": [" a", "b"], "pos_values": [0.5, 0.25], "neg_str": ["c"], "neg_values": [-0.125]}
    return {"feature_index": index, **ends, "frac_nonzero": 0.25, **fields, "activations": list(windows)}


FIRST = feature(
    0, window("abcab", [0, 2.5, 0, 0, 1.5]), window("bbb", [0.1, 0, 0]), window("abcab", [0, 2.5, 0, 0, 1.5])
)
DEAD = feature(1, window("zyx", [0, 0, 0]), window("zyx", [0, 0, 0]), frac_nonzero=0)
THIRD = feature(5, window("bbb", [0, 0, 7.25]), window("zyx", [0, 0, 0], bin_min=0.0, bin_max=3.5, bin_contains=0.75))


def dashboards(folder: Path, *batches: list[Row], **head: Any) -> Path:
    """A folder of SAEDashboard's."""
    folder.mkdir(exist_ok=True)
    for number, features in enumerate(batches):
        batch = {"model_id": "toy", "layer": 3, "sae_set": "res-x", **head, "features": features}
        (folder / f"batch-{number}.json").write_text(json.dumps(batch))
    return folder


def state(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows that an import makes, but for times."""
    tables = ["tokenization", "vocabulary", "feature", "feature_import", "shown_window", "document", "context", "token"]
    tables += ["activation", "coverage", "feature_corpus", "feature_example", "sae_corpus", "feature_label"]
    with open_atlas(path, read_only=True) as atlas:
        return {table: atlas.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables}


def plain(rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows with their JSON read."""
    return [[json.loads(value) if str(value).startswith("[") else value for value in row] for row in rows]


def violations(path: Path) -> list[str]:
    with open_atlas(path, read_only=True) as atlas:
        return [finding.invariant for finding in verify(atlas) if finding.violations]


def dashboard_features(folder: Path) -> Iterator[Row]:
    for path in sorted(folder.rglob("batch-*.json")):
        yield from json.loads(path.read_text(encoding="utf-8"))["features"]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory, empty_built: Path) -> Path:
    """An atlas of three features of a toy's, out of two files."""
    folder = tmp_path_factory.mktemp("toy")
    shutil.copy(empty_built, folder / "a.duckdb")
    import_exports(ImportRequest(folder / "a.duckdb", dashboards(folder / "in", [FIRST, DEAD], [THIRD])))
    return folder / "a.duckdb"


def test_each_window_is_a_document_once_and_zeros_are_no_example(toy: Path) -> None:
    with open_atlas(toy, read_only=True) as atlas:
        texts = atlas.rows("SELECT text FROM document ORDER BY text")
        fired = atlas.rows(
            """
            SELECT feature, document.text, position, activation
            FROM activation
            JOIN context USING (context)
            JOIN document USING (document)
            ORDER BY ALL
            """
        )
        examples = atlas.rows("SELECT feature, activation FROM feature_example WHERE sampling = 'top' ORDER BY ALL")
        shown = atlas.rows(
            "SELECT feature, COUNT(*), COUNT(DISTINCT context) FROM shown_window GROUP BY ALL ORDER BY ALL"
        )
        (sae,) = atlas.rows("SELECT label, neuronpedia_id, d_sae, hook_layer, weights_sha256, logit_weights FROM sae")
        (run,) = atlas.rows("SELECT command, status, documents, activations FROM ingest_run")
    tenth = float(np.float32(0.1))
    assert texts == [("abcab",), ("bbb",), ("zyx",)]
    assert fired == [(0, "abcab", 1, 2.5), (0, "abcab", 4, 1.5), (0, "bbb", 0, tenth), (5, "bbb", 2, 7.25)]
    assert examples == [(0, tenth), (0, 2.5), (5, 7.25)]
    assert shown == [(0, 3, 2), (1, 2, 1), (5, 2, 2)]
    assert sae == ("toy/3-res-x", "toy/3-res-x", 6, 3, None, "imported")
    assert run == ("import", "done", 3, 4)
    assert violations(toy) == []


def test_it_comes_out_as_it_went_in(toy: Path, tmp_path: Path) -> None:
    export(toy, "saedashboard", tmp_path / "out", Wanted())
    for before, after in zip([FIRST, DEAD, THIRD], dashboard_features(tmp_path / "out"), strict=True):
        assert {name: after[name] for name in before if name != "activations"} == {
            name: value for name, value in before.items() if name != "activations"
        }
        windows = [{name: each[name] for name in before["activations"][0]} for each in after["activations"]]
        assert windows == before["activations"]


def test_the_same_files_again_change_nothing_and_others_are_another_sae(toy: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(toy, tmp_path / "a.duckdb"))
    before = state(copy)
    again = import_exports(ImportRequest(copy, dashboards(tmp_path / "in", [FIRST, DEAD], [THIRD])))
    assert [each.new for each in again] == [0]
    assert state(copy) == before
    import_exports(ImportRequest(copy, dashboards(tmp_path / "in", [FIRST])))
    with open_atlas(copy, read_only=True) as atlas:
        names = [label for (label,) in atlas.rows("SELECT label FROM sae ORDER BY ordinal")]
    assert names[0] == "toy/3-res-x" and names[1].startswith("toy/3-res-x@")
    assert violations(copy) == []


def many() -> list[Row]:
    """Two features with 700 windows each, of three tokens, every second one shown before."""
    seen = [format(number // 2, "03x") for number in range(700)]
    return [feature(index, *(window(text, [0, index + 1.5, 0]) for text in seen)) for index in range(2)]


def test_an_import_that_was_killed_is_finished_by_the_same_command(empty_built: Path, tmp_path: Path) -> None:
    folder = dashboards(tmp_path / "in", many())
    paths = [Path(shutil.copy(empty_built, tmp_path / name)) for name in ("killed.duckdb", "whole.duckdb")]
    killed, whole = (ImportRequest(path, folder) for path in paths)
    import_exports(whole)

    def leave(progress: Progress) -> None:
        if progress.stage != "checking":
            raise KeyboardInterrupt

    for _ in range(3):  # two parts, then the sums
        with pytest.raises(KeyboardInterrupt):
            import_exports(killed, leave)
        assert violations(killed.atlas) == []
    assert [each.new for each in import_exports(killed)] == [0]
    assert state(killed.atlas) == state(whole.atlas)


def broken(change: Callable[[str], str]) -> Callable[[Path], object]:
    """What changes the second of two files."""

    def apply(folder: Path) -> object:
        path = folder / "batch-1.json"
        return path.write_text(change(path.read_text()))

    return apply


FAULTS = [
    (broken(lambda text: text[:-20]), r"batch-1\.json is cut short"),
    (broken(lambda text: text + "x"), "something follows its end"),
    (broken(lambda text: text.replace("7.25", "NaN")), "NaN is no number of JSON"),
    (broken(lambda text: text.replace("7.25", "-7.25")), "no activation of an SAE, which is 0 or more"),
    (broken(lambda text: text.replace("7.25", '"7"')), "an activation is no number"),
    (broken(lambda text: text.replace("7.25", "1e39")), "no number that 32 bits hold"),
    (broken(lambda text: text.replace("0, 0, 7.25", "0, 7.25")), "not as many values as tokens"),
    (broken(lambda text: text.replace('"b", "b", "b"', '"b", "\\ud800", "b"')), "half a surrogate pair"),
    (broken(lambda text: text.replace('"feature_index": 5', '"feature_index": 0')), "feature 0 stands in"),
    (broken(lambda text: text.replace('"feature_index": 5', '"feature_index": -1')), "a whole number from 0"),
    (broken(lambda text: text.replace('"layer": 3', '"layer": 4')), "is of toy/4-res-x, the files before it of toy/3"),
    (broken(lambda text: text.replace('"sae_set"', '"set"')), "none of SAEDashboard's: sae_set"),
    (broken(lambda text: text.replace('"model_id": "toy"', '"model_id": "../../x"')), "no name of a model or a set"),
    (broken(lambda text: text.replace('"sae_set": "', '"sae_set": "/etc/')), "no name of a model or a set"),
    (broken(lambda text: text.replace('index": 5', 'index": 5, "hookName": "../x"')), r"'\.\./x' is no name of a hook"),
    (broken(lambda text: text.replace('"layer": 3', '"layer": 40000')), "layer 40,000 is more than the 32,767"),
    (broken(lambda text: "[" * 100_000), "cut short, or no JSON"),
    (shutil.rmtree, "is no folder"),
    (lambda folder: [path.unlink() for path in folder.iterdir()], "holds no export"),
]


@pytest.mark.parametrize(("harm", "message"), FAULTS, ids=range(len(FAULTS)))
def test_a_faulty_file_is_one_line_and_leaves_nothing(
    tmp_path: Path, harm: Callable[[Path], object], message: str
) -> None:
    folder = dashboards(tmp_path / "in", [FIRST, DEAD], [THIRD])
    harm(folder)
    with pytest.raises(AtlasError, match=message) as caught:
        import_exports(ImportRequest(tmp_path / "a.duckdb", folder))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "a.duckdb").exists()


@pytest.mark.parametrize("name", ["blocks.1/../../x", "blocks.1\\x", "a\0b", "a//b", "."])
def test_a_name_of_saelens_that_would_be_a_path_is_refused(tiny: Path, tmp_path: Path, name: str) -> None:
    export(tiny, "neuronpedia", tmp_path / "in", Wanted((f"tiny/{SAES[0]}",)))
    (path,) = (tmp_path / "in").rglob("source.jsonl")
    for field in ("saelensRelease", "saelensSaeId"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {field: name}))
        with pytest.raises(AtlasError, match="is no name of an SAE or its release") as caught:
            import_exports(ImportRequest(tmp_path / "a.duckdb", tmp_path / "in"))
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "a.duckdb").exists()


def test_a_tokenizer_of_an_export_that_spells_its_tokens_is_refused(empty_atlas: Path, tmp_path: Path) -> None:
    folder = dashboards(tmp_path / "in", [FIRST, DEAD])
    with pytest.raises(SelectionError, match="--tokenizer is of delphi's caches") as caught:
        import_exports(ImportRequest(empty_atlas, folder, tokenizer="pocket"))
    assert "\n" not in str(caught.value)
    with open_atlas(empty_atlas, read_only=True) as atlas:
        assert atlas.rows("SELECT COUNT(*) FROM sae") == [(0,)]


def test_a_sae_that_ran_keeps_its_name(tiny_copy: Path, tmp_path: Path) -> None:
    folder = dashboards(tmp_path / "in", [FIRST])
    with pytest.raises(AtlasError, match=r"tiny/blocks\.1\.hook_resid_pre, which a model has run"):
        import_exports(ImportRequest(tiny_copy, folder, sae="tiny/blocks.1.hook_resid_pre"))
    import_exports(ImportRequest(tiny_copy, folder))
    assert violations(tiny_copy) == []


@pytest.fixture(scope="module")
def returned(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory, empty_built: Path
) -> tuple[Path, Path, list[Imported]]:
    """The tiny atlas exported for Neuronpedia; an atlas of that; what was imported."""
    folder = tmp_path_factory.mktemp("returned")
    export(tiny, "neuronpedia", folder / "out", Wanted())
    shutil.copy(empty_built, folder / "b.duckdb")
    return folder / "out", folder / "b.duckdb", import_exports(ImportRequest(folder / "b.duckdb", folder / "out"))


def test_our_own_bulk_export_is_read_back(tiny: Path, returned: tuple[Path, Path, list[Imported]]) -> None:
    _, path, imported = returned
    assert [(each.sae, each.features, each.left_out) for each in imported] == [
        ("tiny/blocks.1.hook_resid_pre", 12, 0),
        ("tiny/blocks.2.hook_resid_pre", 12, 0),
    ]
    assert violations(path) == []
    label = "SELECT sae.label, feature, feature_label.label FROM feature_label JOIN sae USING (sae) ORDER BY ALL"
    logits = "SELECT label, feature, top_logits, bottom_logits FROM feature JOIN sae USING (sae) ORDER BY ALL"
    value = """
        SELECT DISTINCT sae.label, feature, document.text, token.char_start, token.text, activation
        FROM activation
        JOIN sae USING (sae)
        JOIN token USING (context, position)
        JOIN context USING (context)
        JOIN document USING (document)
    """
    with open_atlas(tiny, read_only=True) as before, open_atlas(path, read_only=True) as after:
        for sql in (label, logits):
            assert plain(after.rows(sql)) == plain(before.rows(sql))
        known = {(*row[:2], row[4], row[5]) for row in before.rows(value)}
        found = {(*row[:2], row[4], row[5]) for row in after.rows(value)}
    assert found and found <= known


def test_what_was_read_back_is_written_as_it_was(returned: tuple[Path, Path, list[Imported]], tmp_path: Path) -> None:
    first, path, _ = returned
    export(path, "neuronpedia", tmp_path / "again", Wanted())
    for source in ("1-res", "2-res-tiny"):
        for part in ("features", "activations", "explanations"):
            before, after = (lines(folder / "tiny" / source / part) for folder in (first, tmp_path / "again"))
            kept = [name for name in before[0] if name not in {"notes", "id"}]
            assert [[row[name] for name in kept] for row in after] == [[row[name] for name in kept] for row in before]
        for part in ("release", "model", "sourceset", "source"):
            files = [folder / "tiny" / source / f"{part}.jsonl" for folder in (first, tmp_path / "again")]
            assert files[0].read_text() == files[1].read_text()


def test_a_bulk_export_that_is_cut_short_or_mixed_leaves_nothing(
    returned: tuple[Path, Path, list[Imported]], tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    cut = "activations/batch-0.jsonl.gz"

    def faulty(change: Callable[[Path], object], message: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(returned[0] / "tiny" / "1-res", folder)
        change(folder)
        with pytest.raises(AtlasError, match=message):
            import_exports(ImportRequest(tmp_path / "a.duckdb", folder))
        assert not (tmp_path / "a.duckdb").exists()

    faulty(lambda f: (f / cut).write_bytes((f / cut).read_bytes()[:-40]), "cannot be read beyond line")
    other = returned[0] / "tiny" / "2-res-tiny"
    faulty(lambda f: shutil.copy(other / cut, f / "activations" / "batch-1.jsonl.gz"), "is of tiny/2-res-tiny, not")
    faulty(lambda f: shutil.copy(other / "explanations/batch-0.jsonl.gz", f / "explanations"), "is not described")
    first = lines(returned[0] / "tiny" / "1-res" / "features")[:1]
    one = gzip.compress((json.dumps(first[0]) + "\n").encode())
    faulty(lambda f: (f / "features/batch-0.jsonl.gz").write_bytes(one), "which the export does not describe")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, empty_built: Path) -> Path:
    """An atlas of real windows of gpt2-small-res-jb."""
    if not REAL.is_dir():
        pytest.skip(f"real SAEDashboard files are not beside the repository: {REAL}")
    path = Path(shutil.copy(empty_built, tmp_path_factory.mktemp("real") / "real.duckdb"))
    done = CliRunner().invoke(command, [str(path), str(REAL), "--sae", NAME])
    assert done.exit_code == 0, done.output
    assert "4 features, 169 windows shown, 103 of them new texts" in done.output
    assert "no model ran" in done.output
    return path


def test_real_windows_have_each_token_and_activation_of_the_files(real: Path) -> None:
    with open_atlas(real, read_only=True) as atlas:
        rows = atlas.rows(
            """
            SELECT
              s.feature,
              s.place,
              LIST(COALESCE(v.spelled, v.text) ORDER BY t.position),
              LIST(COALESCE(CAST(CAST(a.activation AS VARCHAR) AS DOUBLE), 0) ORDER BY t.position)
            FROM shown_window AS s
            JOIN token AS t USING (context)
            JOIN vocabulary AS v USING (token_id)
            LEFT JOIN activation AS a
              ON a.sae = s.sae AND a.feature = s.feature AND a.context = s.context AND a.position = t.position
            GROUP BY s.feature, s.place
            ORDER BY ALL
            """
        )
    files = [
        (feature["feature_index"], place, window["tokens"], window["values"])
        for feature in dashboard_features(REAL)
        for place, window in enumerate(feature["activations"])
    ]
    assert len(files) == 169
    assert rows == files
    assert violations(real) == []


def test_real_files_come_out_as_they_went_in(real: Path, tmp_path: Path) -> None:
    export(real, "saedashboard", tmp_path / "out", Wanted())
    assert list(dashboard_features(tmp_path / "out")) == list(dashboard_features(REAL))


def test_real_tokens_read_as_the_text_that_they_are_of(real: Path) -> None:
    with open_atlas(real, read_only=True) as atlas:
        texts = [text for (text,) in atlas.rows("SELECT text FROM document")]
        tokens = atlas.rows(
            """
            SELECT t.text, SUBSTR(d.text, char_start + 1, char_end - char_start), v.spelled
            FROM token AS t
            JOIN context USING (context)
            JOIN document AS d USING (document)
            JOIN vocabulary AS v USING (token_id)
            """
        )
        parts = atlas.rows("SELECT text, spelled FROM vocabulary WHERE spelled IS NOT NULL ORDER BY ALL")
    assert sum("\u2019s reality brigade" in text for text in texts) > 0  # a right quote, of two tokens
    assert not set("".join(texts)) & set("\u0120\u010a\u0122\u013b")
    assert {(text, span) for text, span, spelled in tokens if text != span and not spelled} == set()
    parted = {span for text, span, spelled in tokens if spelled == "\u013b"}
    assert parted == {"\u2019", "\u0259", "\ufffd"}  # a window begins within a character
    assert ("\ufffd", "\u013b") in parts
    assert violations(real) == []


def test_no_dead_feature_and_no_repeat_is_an_example(real: Path) -> None:
    with open_atlas(real, read_only=True) as atlas:
        examples = atlas.rows("SELECT feature, context FROM feature_example WHERE sampling = 'top'")
    firing = {
        (feature["feature_index"], tuple(window["tokens"]))
        for feature in dashboard_features(REAL)
        for window in feature["activations"]
        if any(window["values"])
    }
    assert len(set(examples)) == len(examples)
    assert {feature for feature, _ in examples} == {0, 2, 3} == {feature for feature, _ in firing}
    for index in (0, 2, 3):
        shown = sum(feature == index for feature, _ in firing)
        assert sum(feature == index for feature, _ in examples) == min(shown, 20)


def test_every_saved_query_answers_on_an_imported_atlas(toy: Path) -> None:
    found, refused = {}, {}
    with open_atlas(toy, read_only=True) as atlas:
        for name, query in saved_queries().items():
            named = {**REQUIRED, "feature": "0"}
            asked = {each.name: named[each.name] for each in query.parameters if each.name in named}
            try:
                found[name] = run_query(atlas, name, asked).num_rows
            except SelectionError as error:
                refused[name] = str(error)
    assert all("explanation" in message for message in refused.values()), refused
    assert found["sae_summary"] == found["corpus_summary"] == 1
    assert found["feature_card"] and found["feature_tokens"] and found["densest_features"]


def test_what_was_imported_in_part_is_not_compared(toy: Path, tmp_path: Path) -> None:
    atlas = Path(shutil.copy(toy, tmp_path / "a.duckdb"))
    with open_atlas(atlas) as opened:
        (corpus,) = opened.rows("SELECT ANY_VALUE(corpus) FROM document GROUP BY corpus")[0]
        columns = "(corpus, name, domain) SELECT corpus + 1, name || '-other', domain"
        opened.rows(f"INSERT INTO corpus {columns} FROM corpus WHERE corpus = ?", [corpus])
        opened.rows("UPDATE document SET corpus = ? + 1 WHERE document % 2 = 0", [corpus])
        names = [name for (name,) in opened.rows("SELECT name FROM corpus ORDER BY corpus")]
    with pytest.raises(SelectionError, match="no SAE has encoded documents of both sides"):
        contrast(ContrastRequest(atlas, "c", names[:1], names[1:]))
    with (
        open_atlas(atlas, read_only=True) as opened,
        pytest.raises(SelectionError, match="no SAE has read any document"),
    ):
        saes_to_label(opened, ())


def test_pages_say_that_no_model_ran(toy: Path, tmp_path: Path) -> None:
    folder = publish(toy, tmp_path / "site").folder
    with open_atlas(toy, read_only=True) as atlas, closing(sqlite3.connect(folder / "atlas.db")) as copy:
        for table in ("sae_import", "feature_import"):
            assert copy.execute(f"SELECT * FROM {table}").fetchall() == atlas.rows(f"FROM {table} ORDER BY ALL")
    with serving(folder) as site:
        for address in ("/", "/sae/toy/3-res-x", "/feature/toy/3-res-x/0", "/feature/toy/3-res-x/1"):
            assert "no model ran" in site.get(address).text
        page = site.get("/feature/toy/3-res-x/0.json").json()
    assert [each["text"] for each in page["sentences"]["strongest"]] == ["abcab", "bbb"]
    assert [each["token"] for each in page["weights"]["raises"]] == [" a", "b"]
    assert page["imported"]["density"] == 0.25
