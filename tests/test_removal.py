"""A corpus that is removed leaves what an ingest without it gives."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from atlas.__main__ import cli
from ingest.contrasts.job import compute_contrast
from ingest.job import IngestRequest, ingest_with
from ingest.models.language_model import LanguageModel
from ingest.models.sae import LoadedSAE
from ingest.removal import remove_corpus
from schema import Atlas, SelectionError, open_atlas
from schema.verify import verify

KEYLESS = {
    "document": "SELECT corpus.name, document.* EXCLUDE (document, corpus) FROM document JOIN corpus USING (corpus)",
    "activation": """
        SELECT content_hash, sae, feature, position, round(activation, 3)
        FROM activation JOIN context USING (context)
    """,
    "feature_corpus": """
        SELECT corpus.name, feature, documents, active_tokens, round(sum_1, 2), round(max_activation, 3)
        FROM feature_corpus JOIN corpus USING (corpus)
    """,
    "feature_document": """
        SELECT content_hash, feature, active_tokens, round(sum_activation, 2), round(window_max, 3)
        FROM feature_document JOIN document USING (document)
    """,
    "feature_histogram": "SELECT name, feature, sum(tokens) FROM feature_histogram JOIN corpus USING (corpus) GROUP BY ALL",
    "feature_token": """
        SELECT corpus.name, feature, token_id, active_tokens
        FROM feature_token JOIN corpus USING (corpus)
    """,
    "feature_example": """
        SELECT corpus.name, feature, sampling, octave, rank, content_hash
        FROM feature_example JOIN corpus USING (corpus) JOIN context USING (context)
    """,
    "sae_corpus": "SELECT name, sae_corpus.* EXCLUDE (corpus) FROM sae_corpus JOIN corpus USING (corpus)",
    "coverage": "SELECT content_hash, sae, tokens, contexts, summed FROM coverage JOIN document USING (document)",
}
"""What an atlas says, without the keys under which it says it."""


def said(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with open_atlas(path, read_only=True) as atlas:
        return {name: atlas.rows(f"FROM ({sql}) ORDER BY ALL") for name, sql in KEYLESS.items()}


def holds(atlas: Atlas) -> bool:
    return not any(finding.violations for finding in verify(atlas))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, pocket: tuple[LanguageModel, list[LoadedSAE]]) -> tuple[Path, Path]:
    """An atlas of two sources with a contrast, and one of the first source only; the same batches in both."""
    folder = tmp_path_factory.mktemp("removal")
    model, saes = pocket
    whole, part = folder / "whole.duckdb", folder / "part.duckdb"
    for path, sources in ((whole, ("bundled:control", "bundled:medical")), (part, ("bundled:control",))):
        for source in sources:
            ingest_with(IngestRequest(path, (source,), limit=40), model, saes)
    with open_atlas(whole) as atlas:
        compute_contrast(atlas, "medical", ("medical",), ("control",))
    return whole, part


def test_what_remains_is_what_an_ingest_without_it_gives(both: tuple[Path, Path], tmp_path: Path) -> None:
    path = shutil.copy(both[0], tmp_path / "a.duckdb")
    done = CliRunner().invoke(cli, ["remove", str(path), "--corpus", "medical"])
    assert done.exit_code == 0, done.output
    assert "40 documents of medical removed" in done.output
    assert said(Path(path)) == said(both[1])
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
        assert atlas.rows("SELECT documents_positive, documents_control FROM sae_contrast") == [(40, 40 - documents)]


def test_an_unknown_corpus_changes_nothing(both: tuple[Path, Path], tmp_path: Path) -> None:
    path = shutil.copy(both[0], tmp_path / "a.duckdb")
    before = said(Path(path))
    with open_atlas(path) as atlas, pytest.raises(SelectionError, match="near it: control"):
        remove_corpus(atlas, "contro")
    assert said(Path(path)) == before
