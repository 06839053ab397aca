"""A corpus that is removed leaves what an ingest without it gives."""

import json
import math
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from atlas.cli.main import cli
from ingest.contrasts.selection import select_documents
from ingest.jobs.ingest import IngestRequest
from ingest.jobs.remove import RemoveRequest, remove_into
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.rows.removal import remove_documents
from schema import Atlas, SelectionError, SourceError, open_atlas
from schema.verify import verify
from tests.made.jobs import compute_contrast, ingest_with

KEYLESS = {
    "document": "SELECT corpus.name, document.* EXCLUDE (document, corpus) FROM document JOIN corpus USING (corpus)",
    "activation": """
        SELECT content_hash, sae, feature, position, activation
        FROM activation JOIN context USING (context)
    """,
    "feature_corpus": """
        SELECT corpus.name, feature, documents, active_tokens, mean_active, max_activation
        FROM feature_corpus JOIN corpus USING (corpus)
    """,
    "feature_document": """
        SELECT content_hash, feature, active_tokens, sum_activation, window_max
        FROM feature_document JOIN document USING (document)
    """,
    "feature_histogram": """
        SELECT name, feature, sum(tokens)
        FROM feature_histogram JOIN corpus USING (corpus)
        GROUP BY ALL
    """,
    "feature_token": """
        SELECT corpus.name, feature, token_id, active_tokens
        FROM feature_token JOIN corpus USING (corpus)
    """,
    "feature_top_token": "SELECT sae, feature, rank, active_tokens FROM feature_top_token",
    "feature_example": """
        SELECT corpus.name, feature, sampling, octave, rank, activation,
          CASE sampling WHEN 'octave' THEN content_hash END
        FROM feature_example JOIN corpus USING (corpus) JOIN context USING (context)
    """,
    "sae_corpus": "SELECT name, sae_corpus.* EXCLUDE (corpus) FROM sae_corpus JOIN corpus USING (corpus)",
    "coverage": "SELECT content_hash, sae, tokens, contexts, summed FROM coverage JOIN document USING (document)",
}
"""What an atlas says, without the keys under which it says it.

Texts that begin alike have one activation but for its last digits, which decide their ranks: these are told by
activation.
"""


def said(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with open_atlas(path, read_only=True) as atlas:
        return {name: atlas.rows(f"FROM ({sql}) ORDER BY ALL") for name, sql in KEYLESS.items()}


def alike(
    one: dict[str, list[tuple[object, ...]]], other: dict[str, list[tuple[object, ...]]], digits: float = 1e-3
) -> bool:
    """The same, up to what the company of a batch does to the last digits of an activation, or less."""
    return one.keys() == other.keys() and all(
        len(one[name]) == len(other[name])
        and all(
            close(a, b, digits) for rows in zip(one[name], other[name], strict=True) for a, b in zip(*rows, strict=True)
        )
        for name in one
    )


def close(one: object, other: object, digits: float) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=digits)
    return one == other


def holds(atlas: Atlas) -> bool:
    return not any(finding.violations for finding in verify(atlas))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, small: tuple[LanguageModel, list[SAE]]) -> tuple[Path, Path]:
    """An atlas of two sources with a contrast, and one of the first source only; the same batches in both."""
    folder = tmp_path_factory.mktemp("removal")
    model, saes = small
    whole, part = folder / "whole.duckdb", folder / "part.duckdb"
    for path, sources in ((whole, ("bundled:control", "bundled:medical")), (part, ("bundled:control",))):
        for source in sources:
            ingest_with(IngestRequest(path, (source,), limit=40), model, saes)
    with open_atlas(whole) as atlas:
        compute_contrast(atlas, "medical", ("medical",), ("control",))
    return whole, part


def test_the_contrasts_that_are_computed_again_are_named(tiny_copy: Path) -> None:
    done = CliRunner().invoke(cli, ["remove", str(tiny_copy), "--corpus", "travel"])
    assert done.exit_code == 0, done.output
    assert "documents of travel removed; computed again, or dropped: years, domains\n" in done.output


def test_what_remains_is_what_an_ingest_without_it_gives(both: tuple[Path, Path], tmp_path: Path) -> None:
    path = shutil.copy(both[0], tmp_path / "a.duckdb")
    done = CliRunner().invoke(cli, ["remove", str(path), "--corpus", "medical"])
    assert done.exit_code == 0, done.output
    assert "40 documents of medical removed; computed again, or dropped: medical\n" in done.output
    assert alike(said(Path(path)), said(both[1]), 1e-9)  # sums of numbers in another order
    with open_atlas(path) as atlas:
        assert holds(atlas)
        assert atlas.rows("SELECT count(*) FROM contrast") == [(0,)]
        assert atlas.rows("SELECT command, status FROM ingest_run ORDER BY ingest_run DESC LIMIT 1") == [
            ("remove", "done")
        ]


def test_a_corpus_of_a_contrast_changes_the_contrast(both: tuple[Path, Path], tmp_path: Path) -> None:
    path = shutil.copy(both[0], tmp_path / "a.duckdb")
    with open_atlas(path, read_only=True) as atlas:
        (corpus, documents), *_ = atlas.rows(
            "SELECT name, count(*) FROM document JOIN corpus USING (corpus) GROUP BY 1 ORDER BY 1"
        )
    assert CliRunner().invoke(cli, ["remove", str(path), "--corpus", corpus]).exit_code == 0
    with open_atlas(path) as atlas:
        assert holds(atlas)
        sizes = atlas.rows("SELECT DISTINCT documents_positive, documents_control FROM sae_contrast")
        assert sizes == [(40, 40 - documents)]


def test_an_unknown_corpus_changes_nothing(both: tuple[Path, Path], tmp_path: Path) -> None:
    path = shutil.copy(both[0], tmp_path / "a.duckdb")
    before = said(Path(path))
    with open_atlas(path) as atlas, pytest.raises(SelectionError, match="near it: control"):
        remove_into(atlas, RemoveRequest(atlas.path, "contro"))
    assert said(Path(path)) == before


def write(path: Path, texts: dict[str, str]) -> str:
    path.write_text("".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in texts.items()))
    return str(path)


TEXTS = {
    f"case-{i}": f"Case {i}: the {animal} slept in the shade." for i, animal in enumerate(("cat", "dog", "hen", "fox"))
}


def test_a_changed_document_replaces_its_rows_and_statistics(
    tmp_path: Path, small: tuple[LanguageModel, list[SAE]]
) -> None:
    """The same id with another text: the atlas says what an ingest of the new texts alone says."""
    changed = TEXTS | {"case-2": "Case 2: the hen has found a worm, and sings."}
    atlas, fresh = tmp_path / "a.duckdb", tmp_path / "b.duckdb"
    source = write(tmp_path / "cases.jsonl", TEXTS)
    ingest_with(IngestRequest(atlas, (source,)), *small)
    write(tmp_path / "cases.jsonl", changed)
    result = ingest_with(IngestRequest(atlas, (source,)), *small)
    assert (result.counts.documents, result.counts.known) == (1, 3)
    ingest_with(IngestRequest(fresh, (source,)), *small)
    assert alike(said(atlas), said(fresh))
    with open_atlas(atlas) as opened:
        assert holds(opened)
    assert ingest_with(IngestRequest(atlas, (source,)), *small).counts.documents == 0


def test_lines_that_move_replace_nothing(tmp_path: Path, small: tuple[LanguageModel, list[SAE]]) -> None:
    """An id that the source does not give is a place in a file, not the document's own."""
    atlas, source = tmp_path / "a.duckdb", tmp_path / "notes.txt"
    source.write_text("\n".join(TEXTS.values()))
    ingest_with(IngestRequest(atlas, (str(source),)), *small)
    source.write_text("\n".join(["A new first line.", *reversed(TEXTS.values())]))
    assert ingest_with(IngestRequest(atlas, (str(source),)), *small).counts.documents == 1
    with open_atlas(atlas) as opened:
        assert opened.rows("SELECT count(*) FROM document") == [(5,)]


def test_an_id_that_names_two_texts_is_refused_or_passed_over(
    tmp_path: Path, small: tuple[LanguageModel, list[SAE]]
) -> None:
    source = tmp_path / "twice.jsonl"
    source.write_text('{"id": "a", "text": "One text."}\n{"id": "a", "text": "Another text."}\n')
    with pytest.raises(SourceError, match="the id 'a' names two texts"):
        ingest_with(IngestRequest(tmp_path / "a.duckdb", (str(source),)), *small)
    result = ingest_with(IngestRequest(tmp_path / "a.duckdb", (str(source),), on_error="skip"), *small)
    assert (result.counts.documents, result.counts.skipped) == (1, 1)


def removed_and_killed(path: Path, corpus: str) -> None:
    """What a kill leaves between the removal and what follows from it: one transaction."""
    with open_atlas(path) as atlas:
        documents = list(select_documents(atlas, [corpus]))
        with atlas.transaction():
            remove_documents(atlas, documents)


def contrasts(path: Path) -> list[tuple[object, ...]]:
    """What the contrasts of an atlas say."""
    with open_atlas(path, read_only=True) as atlas:
        assert holds(atlas)
        found = "SELECT name, sae_contrast.* EXCLUDE (contrast, sae, documents_hash) FROM sae_contrast JOIN contrast"
        return atlas.rows(f"{found} USING (contrast) ORDER BY name")


def test_a_removal_cut_short_is_finished_by_the_same_command(both: tuple[Path, Path], tmp_path: Path) -> None:
    whole, killed = (Path(shutil.copy(both[0], tmp_path / name)) for name in ("whole.duckdb", "killed.duckdb"))
    with open_atlas(whole, read_only=True) as atlas:
        (corpus,), *_ = atlas.rows("SELECT name FROM corpus WHERE starts_with(name, 'control/') ORDER BY name")
    removed_and_killed(killed, corpus)
    assert contrasts(killed) == contrasts(whole), "it is stale, which a rerun puts right"
    for path in (whole, killed):
        done = CliRunner().invoke(cli, ["remove", str(path), "--corpus", corpus])
        assert done.exit_code == 0, done.output
    assert "left undone is done" in done.output
    assert contrasts(killed) == contrasts(whole)
    assert said(killed) == said(whole)
    assert CliRunner().invoke(cli, ["remove", str(killed), "--corpus", corpus]).exit_code == 1


def test_the_next_ingest_finishes_a_removal(
    both: tuple[Path, Path], tmp_path: Path, small: tuple[LanguageModel, list[SAE]]
) -> None:
    path = Path(shutil.copy(both[0], tmp_path / "a.duckdb"))
    removed_and_killed(path, "medical")
    ingest_with(IngestRequest(path, ("bundled:control",), limit=1), *small)
    assert contrasts(path) == []


def test_a_replaced_document_changes_the_contrasts_that_read_it(
    tmp_path: Path, small: tuple[LanguageModel, list[SAE]]
) -> None:
    path, source = tmp_path / "a.duckdb", write(tmp_path / "cases.jsonl", TEXTS)
    ingest_with(IngestRequest(path, (source,), corpus="cases"), *small)
    ingest_with(IngestRequest(path, ("bundled:control",), limit=20), *small)
    with open_atlas(path) as atlas:
        corpus = atlas.rows("SELECT name FROM corpus WHERE starts_with(name, 'control/') ORDER BY name")
        assert compute_contrast(atlas, "read", ("cases",), ("control",), shuffles=2)
        assert compute_contrast(atlas, "unread", corpus[0], corpus[1])
    write(tmp_path / "cases.jsonl", TEXTS | {"case-1": "An infection of the ear, and of the throat."})
    ingest_with(IngestRequest(path, (source,), corpus="cases"), *small)
    with open_atlas(path) as atlas:
        assert compute_contrast(atlas, "read", ("cases",), ("control",), shuffles=2) == [], "it is up to date"
        computed = atlas.rows(
            """
            SELECT CAST(arguments ->> 'name' AS VARCHAR)
            FROM ingest_run
            WHERE command = 'contrast'
            ORDER BY ingest_run
            """
        )
    assert computed == [("read",), ("unread",), ("read",)]
