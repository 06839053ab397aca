"""The ingest job: what is stored, that a rerun changes nothing, and that bad input harms nothing."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
import torch

from atlas.cli.main import cli
from ingest.jobs.ingest import IngestRequest, IngestResult, ingest
from ingest.jobs.reader import Loaded, Reader
from ingest.models.matching import load_together
from schema import AtlasDamagedError, AtlasError, AtlasFileError, ModelError, SourceError, open_atlas
from schema.tables import metadata
from tests.made.gpt2_small import HOOK_NAME, VOCABULARY, save_gpt2_small, save_gpt2_small_sae

SENTENCES = [
    {"text": "Asthma narrows the airways.", "domain": "medicine", "id": "a"},
    {"text": "The committee met on Tuesday, and then on Thursday, to no end.", "domain": "politics", "id": "b"},
    {"text": "Gout swells the joints of the foot.", "domain": "medicine", "id": "c", "term": "Gout"},
    {"text": "Bread rises slowly in a cold kitchen.", "domain": "food", "id": "d"},
    {"text": "<|endoftext|> is only text here.", "domain": "food", "id": "e"},
    {"text": "word " * 200, "domain": "politics", "id": "f"},
]


def write(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


@pytest.fixture
def source(tmp_path: Path) -> str:
    return write(tmp_path / "notes.jsonl", SENTENCES)


Run = Callable[..., IngestResult]


@pytest.fixture(scope="module")
def run(small: Loaded) -> Run:
    """An ingest through the second of the small SAEs, which is in memory, unless another reader is given."""
    reader = Reader.of(small[0], small[1][1:])

    def run(atlas: Path, *sources: str, **options: Any) -> IngestResult:
        return ingest(IngestRequest(atlas, sources, **{"reader": reader, **options}))

    return run


def tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with open_atlas(path, read_only=True) as atlas:
        return {table.name: atlas.rows(f"SELECT * FROM {table.name} ORDER BY ALL") for table in metadata.sorted_tables}


def select(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_atlas(path, read_only=True) as atlas:
        return atlas.rows(sql)


def activations(path: Path) -> pd.DataFrame:
    """Activations by SAE, text, window, position and feature."""
    with open_atlas(path, read_only=True) as atlas:
        frame = atlas.arrow(
            """
            SELECT sae.sae_id, corpus.name, document.text, context.ordinal, position, feature, activation
            FROM activation
            JOIN sae USING (sae)
            JOIN context USING (context)
            JOIN document USING (document)
            JOIN corpus USING (corpus)
            """
        ).to_pandas()
    return frame.set_index(list(frame.columns[:-1])).sort_index()


def assert_same_activations(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    both = ours.join(theirs, how="outer", lsuffix="_ours", rsuffix="_theirs")
    edge = both.isna().any(axis=1)
    assert edge.mean() < 1e-3
    np.testing.assert_allclose(both[~edge]["activation_ours"], both[~edge]["activation_theirs"], rtol=1e-3, atol=1e-3)


def test_every_document_is_stored_with_its_corpus_windows_and_tokens(tmp_path: Path, source: str, run: Run) -> None:
    path = tmp_path / "atlas.duckdb"
    result = run(path, source)
    assert (result.counts.documents, result.counts.known) == (6, 0)
    assert select(path, "SELECT name, domain FROM corpus ORDER BY corpus") == [
        ("notes/medicine", "medicine"),
        ("notes/politics", "politics"),
        ("notes/food", "food"),
    ]
    assert select(path, "SELECT term, term_start, term_end FROM document WHERE external_id = 'c'") == [("Gout", 0, 4)]
    texts = select(path, "SELECT text FROM document ORDER BY document")
    rebuilt = select(
        path,
        """
        SELECT STRING_AGG(token.text, '' ORDER BY ordinal, position)
        FROM token
        JOIN context USING (context)
        GROUP BY document
        ORDER BY document
        """,
    )
    assert [text for (text,) in texts] == [record["text"] for record in SENTENCES]
    assert rebuilt == texts
    assert select(path, "SELECT MIN(position), MAX(position) FROM token") == [(1, 127)]
    assert select(path, "SELECT DISTINCT document FROM context GROUP BY document HAVING COUNT_IF(sampled) <> 1") == []
    assert select(path, "SELECT SUM(tokens), COUNT_IF(NOT summed) FROM coverage") == [(result.counts.tokens, 0)]
    assert select(path, "SELECT COUNT(*) FROM activation") == [(result.counts.activations,)]


def unlogged(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row but those of the log of runs."""
    return {name: rows for name, rows in tables(path).items() if name != "ingest_run"}


def last_run(path: Path) -> tuple[Any, ...]:
    """How the newest run ended."""
    return select(path, "SELECT command, status, error FROM ingest_run ORDER BY ingest_run DESC LIMIT 1")[0]


def test_a_second_run_changes_no_row_but_the_log_of_runs(small_copy: Path, run: Run) -> None:
    before = unlogged(small_copy)
    for source in ("bundled:medical", "bundled:control"):
        result = run(small_copy, source, limit=20)
        assert (result.counts.documents, result.counts.known) == (0, len(before["document"]) / 2)
        assert result.summed == []
    assert unlogged(small_copy) == before
    assert last_run(small_copy) == ("ingest", "done", None)


def test_several_saes_from_one_pass_equal_one_after_the_other(
    tmp_path: Path, source: str, small_saes: tuple[str, ...], run: Run
) -> None:
    one_pass, apart = tmp_path / "one.duckdb", tmp_path / "apart.duckdb"
    run(one_pass, source, reader=Reader(small_saes))
    run(apart, source, reader=Reader(small_saes[:1]))
    first = tables(apart)
    result = run(apart, source, reader=Reader(small_saes[1:]))
    second = tables(apart)
    assert_same_activations(activations(one_pass), activations(apart))
    assert (result.counts.documents, result.counts.known) == (6, 0)
    for name in ("model", "tokenization", "vocabulary", "corpus", "document", "context", "token"):
        assert second[name] == first[name], name
    for name in ("activation", "coverage", "feature", "feature_document", "sae_corpus"):
        assert set(first[name]) < set(second[name]), name


def test_new_documents_are_added_to_those_that_are_known(tmp_path: Path, run: Run) -> None:
    grown, whole = tmp_path / "grown.duckdb", tmp_path / "whole.duckdb"
    source = write(tmp_path / "notes.jsonl", SENTENCES[:3])
    run(grown, source)
    write(tmp_path / "notes.jsonl", SENTENCES)
    result = run(grown, source)
    run(whole, source)
    assert (result.counts.documents, result.counts.known) == (3, 3)
    assert_same_activations(activations(grown), activations(whole))
    sums = "SELECT name, documents, contexts, tokens FROM sae_corpus JOIN corpus USING (corpus) ORDER BY name"
    assert select(grown, sums) == select(whole, sums)


def test_limit_corpus_and_domain(empty_atlas: Path, source: str, run: Run) -> None:
    assert run(empty_atlas, source, limit=2).counts.documents == 2
    assert run(empty_atlas, source, limit=3).counts.documents == 1
    assert run(empty_atlas, source, corpus="mine", domain="mixed", limit=4).counts.documents == 4
    assert run(empty_atlas, source, domain="mixed", limit=4).counts.documents == 4
    counts = "SELECT name, domain, COUNT(*) FROM document JOIN corpus USING (corpus) GROUP BY ALL ORDER BY ALL"
    assert select(empty_atlas, counts) == [
        ("mine", "mixed", 4),
        ("notes/medicine", "medicine", 2),
        ("notes/mixed", "mixed", 4),
        ("notes/politics", "politics", 1),
    ]


def test_a_corpus_has_one_domain(empty_atlas: Path, tmp_path: Path, source: str, run: Run) -> None:
    with pytest.raises(SourceError, match=r"b is of domain politics, but corpus mine of medicine; give --domain"):
        run(empty_atlas, source, corpus="mine")
    assert select(empty_atlas, "SELECT COUNT(*) FROM document") == [(0,)]
    run(empty_atlas, source, corpus="mine", domain="mixed")
    with pytest.raises(SourceError, match="but corpus mine of mixed"):
        run(empty_atlas, write(tmp_path / "more.jsonl", [{"text": "One more.", "domain": "law"}]), corpus="mine")


def test_there_is_an_end_to_corpora(small_copy: Path, source: str, run: Run) -> None:
    with open_atlas(small_copy) as atlas:
        atlas.rows("INSERT INTO corpus VALUES (32767, 'last', 'x')")
    with pytest.raises(SourceError, match="has no room for corpus notes/medicine"):
        run(small_copy, source)


def test_one_text_is_one_document_of_a_corpus_and_two_of_two(empty_atlas: Path, tmp_path: Path, run: Run) -> None:
    same = [{"text": "Rain fell.", "domain": domain} for domain in ("x", "x", "y", "x")]
    assert run(empty_atlas, write(tmp_path / "rain.jsonl", same)).counts.documents == 2
    assert select(empty_atlas, "SELECT COUNT(*), COUNT(DISTINCT content_hash) FROM document") == [(2, 1)]
    pairs = activations(empty_atlas).reset_index().groupby("name")["activation"].sum()
    assert pairs["rain/x"] == pytest.approx(pairs["rain/y"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.jsonl", None),
        ("broken.jsonl", b'{"text": "One."}\n{"text": "Two."}\n{"text": \n'),
        ("empty.jsonl", b""),
        ("fields.jsonl", b'{"body": "One."}\n'),
        ("nul.txt", b"One.\nTw\0o.\n"),
        ("binary.txt", bytes(range(256)) * 20),
    ],
)
def test_bad_input_is_one_line_and_harms_nothing(small_copy: Path, name: str, content: bytes | None, run: Run) -> None:
    path = small_copy.parent / name
    if content is not None:
        path.write_bytes(content)
    before = unlogged(small_copy)
    with pytest.raises(SourceError) as caught:
        run(small_copy, str(path))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert unlogged(small_copy) == before
    assert last_run(small_copy) == ("ingest", "failed", f"SourceError: {caught.value}")


def test_bad_input_makes_no_file_where_there_was_none(tmp_path: Path) -> None:
    for problem in (
        {"sources": (str(tmp_path / "missing.txt"),)},
        {"sources": ("bundled:medical",), "reader": Reader(("poket",))},
    ):
        with pytest.raises(AtlasError):
            ingest(IngestRequest(tmp_path / "atlas.duckdb", **problem))
    assert list(tmp_path.iterdir()) == []


def test_bad_records_are_skipped_and_counted(tmp_path: Path, run: Run) -> None:
    source = tmp_path / "notes.jsonl"
    source.write_text('{"text": "One."}\n{"text": \n{"text": "Three."}\n{"body": "Four."}\n')
    result = run(tmp_path / "atlas.duckdb", str(source), on_error="skip")
    assert (result.counts.documents, result.counts.skipped) == (2, 2)
    assert [skipped.where.rpartition(":")[2] for skipped in result.skipped] == ["2", "4"]
    recorded = "SELECT status, documents, documents_skipped FROM ingest_run"
    assert select(tmp_path / "atlas.duckdb", recorded) == [("done", 2, 2)]


def test_what_is_skipped_is_counted_where_nothing_could_be_read(tmp_path: Path, run: Run) -> None:
    source = tmp_path / "notes.jsonl"
    source.write_text('{"text": \n{"body": "Four."}\n')
    result = run(tmp_path / "atlas.duckdb", str(source), on_error="skip")
    assert (result.counts.documents, result.counts.skipped) == (0, 2)


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_a_command_that_skips_everything_fails_in_one_line(
    tmp_path: Path, small_saes: tuple[str, ...], on_error: str
) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "notes.md").write_text("no\n")
    atlas = str(tmp_path / "atlas.duckdb")
    with pytest.raises(SourceError, match="nothing was read: all of it was skipped") as caught:
        cli.main(["ingest", atlas, f"{tmp_path}/drop/", "--on-error", on_error], standalone_mode=False)
    assert "\n" not in str(caught.value)
    (tmp_path / "notes.txt").write_text("One.\n")
    for _ in range(2):
        asked = ["ingest", atlas, f"{tmp_path}/drop/", str(tmp_path / "notes.txt"), "--sae", small_saes[1]]
        cli.main(asked, standalone_mode=False)


UTF8_OPTIONS = ("--corpus", "--domain", "--sae", "--model", "--device", "--field")


def test_sources_may_bear_any_name_and_all_else_is_utf8(tmp_path: Path, run: Run) -> None:
    folder, atlas = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9p")), tmp_path / "atlas.duckdb"
    folder.mkdir()
    (folder / "caf\udce9.txt").write_bytes(b"One.\n")
    (folder / "caf\udce8.txt").write_bytes(b"Two.\n")
    run(atlas, f"{folder}/caf\udce9.txt", f"{folder}/*\udce8.txt")
    assert select(atlas, "SELECT name, external_id, source FROM document JOIN corpus USING (corpus) ORDER BY name") == [
        ("caf\\xe9/general", "caf\\xe9.txt:1", "caf\\xe9.txt"),
        ("d\\xe9p/general", "caf\\xe8.txt:1", "caf\\xe8.txt"),
    ]
    ((sources,),) = select(atlas, "SELECT arguments ->> 'sources' FROM ingest_run")
    assert json.loads(sources) == [f"{tmp_path}/d\\xe9p/caf\\xe9.txt", f"{tmp_path}/d\\xe9p/*\\xe8.txt"]
    with pytest.raises(AtlasFileError, match=r"d\\xe9p/atlas.duckdb: its name is not UTF-8"):
        run(folder / "atlas.duckdb", "bundled:medical")
    for arguments in (
        *(["ingest", str(atlas), "bundled:medical", option, "caf\udce9"] for option in UTF8_OPTIONS),
        ["query", f"{folder}/atlas.duckdb"],
        ["publish", str(atlas), f"{folder}/site"],
        ["contrast", str(atlas), "caf\udce9", "--positive", "a", "--control", "b"],
    ):
        with pytest.raises(click.UsageError, match="not UTF-8"):
            cli.main(arguments, standalone_mode=False)
    with pytest.raises(ModelError):
        ingest(IngestRequest(atlas, ("bundled:medical",), reader=Reader((f"{folder}/caf\udce9",))))
    ((saes, status),) = select(atlas, "SELECT arguments ->> 'saes', status FROM ingest_run WHERE ingest_run = 1")
    assert (json.loads(saes), status) == ([f"{tmp_path}/d\\xe9p/caf\\xe9"], "failed")


def test_what_was_stored_before_an_error_stays_and_the_run_is_failed(
    empty_atlas: Path, tmp_path: Path, run: Run
) -> None:
    source = tmp_path / "notes.txt"
    source.write_bytes(b"One.\nTwo.\nThree.\nFo\0ur.\n")
    with pytest.raises(SourceError):
        run(empty_atlas, str(source), batch_documents=2)
    assert select(empty_atlas, "SELECT COUNT(*) FROM document") == [(2,)]
    ((status, error),) = select(empty_atlas, "SELECT status, error FROM ingest_run")
    assert status == "failed"
    assert "notes.txt" in error
    source.write_bytes(b"One.\nTwo.\nThree.\nFour.\n")
    assert run(empty_atlas, str(source)).counts.documents == 2
    assert select(empty_atlas, "SELECT COUNT(*), COUNT_IF(NOT summed) FROM coverage") == [(4, 0)]


def test_a_file_that_is_no_atlas_is_refused_before_the_model_is_loaded(tmp_path: Path, source: str, run: Run) -> None:
    path = tmp_path / "notes.duckdb"
    path.write_text("not an atlas")
    with pytest.raises(AtlasDamagedError):
        run(path, source, reader=Reader(("no-such-release/x",)))
    assert path.read_text() == "not an atlas"


def test_a_missing_folder_is_refused_before_the_model_is_loaded(tmp_path: Path, source: str, run: Run) -> None:
    with pytest.raises(AtlasFileError, match="make the folder first"):
        run(tmp_path / "nowhere" / "atlas.duckdb", source, reader=Reader(("no-such-release/x",)))


def test_an_empty_file_is_taken_for_a_new_atlas(tmp_path: Path, source: str, run: Run) -> None:
    path = tmp_path / "atlas.duckdb"
    path.touch()
    with pytest.raises(ModelError):
        run(path, source, reader=Reader(("no-such-release/x",)))
    assert path.read_bytes() == b""
    assert run(path, source, limit=1).counts.documents == 1


def test_a_model_that_cannot_be_had_harms_nothing(small_copy: Path, source: str, run: Run) -> None:
    before = unlogged(small_copy)
    with pytest.raises(ModelError) as caught:
        run(small_copy, source, reader=Reader(("gpt2-small-res-jb/blocks.8.hook_resid_pre",)))
    assert unlogged(small_copy) == before
    assert last_run(small_copy) == ("ingest", "failed", f"ModelError: {caught.value}")


@pytest.mark.filterwarnings(r"ignore:\s*This SAE has non-empty model_from_pretrained_kwargs:UserWarning")
@pytest.mark.skipif(not VOCABULARY.is_dir(), reason="GPT-2's own tokenizer is not beside the repository")
def test_gpt2_small_and_its_sae_from_local_folders(tmp_path: Path, source: str, run: Run) -> None:
    """Their layers, tokens and files; narrower, since `make bench` runs them at their full size."""
    folder = save_gpt2_small(tmp_path / "gpt2-small", d_model=96)
    sae_folder = save_gpt2_small_sae(tmp_path / "gpt2-small-res-jb" / HOOK_NAME, folder, d_sae=1536)
    path = tmp_path / "atlas.duckdb"
    run(path, source, reader=Reader((sae_folder,), folder))
    identity = ("gpt2-small-res-jb", HOOK_NAME)
    columns = "release, sae_id, sae.architecture, d_in, d_sae, neuronpedia_id, context_size, prepend_bos, n_layers"
    joined = "sae JOIN tokenization USING (tokenization) JOIN model USING (model)"
    assert select(path, f"SELECT {columns}, center_writing_weights FROM {joined}") == [
        (*identity, "standard", 96, 1536, "gpt2-small/8-res-jb", 128, True, 12, True)
    ]
    assert select(path, "SELECT COUNT(*) FROM feature") == [(1536,)]
    model, (sae,) = load_together([sae_folder], folder)
    text = SENTENCES[1]["text"]
    tokens = [model.bos_token_id, *model.tokenizer(text)["input_ids"]]
    with torch.inference_mode():
        _, cache = model.bridge.run_with_cache(torch.tensor([tokens]), names_filter=[sae.hook_name])
        expected = sae.module.encode(cache[sae.hook_name])[0, 1:].numpy()
    stored = activations(path).xs(text, level="text").reset_index()
    ours = np.zeros_like(expected)
    ours[stored["position"] - 1, stored["feature"]] = stored["activation"]
    assert 0 < (expected > 0).mean() < 0.1
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-3)
