"""Contrasts of an older file: their q are not read as those of today, and the next ingest computes them again."""

from pathlib import Path

import pytest

from ingest.contrasts.stale import STALE
from ingest.jobs.contrast import refresh_contrasts
from queries import run_query
from schema import open_atlas
from schema.migrations import Migration
from schema.verify import verify
from tests.made.jobs import compute_contrast

SIDES = ["medical"], ["control"]
FIGURES = "SELECT feature, p, q, family_p FROM feature_contrast ORDER BY feature"


@pytest.fixture
def older(atlas_copy: Path) -> Path:
    """A file that had none of the columns of this migration, brought up by it."""
    with open_atlas(atlas_copy) as atlas:
        compute_contrast(atlas, "medical", *SIDES, shuffles=30)
        atlas.rows("ALTER TABLE feature_contrast DROP COLUMN family_p")
        atlas.rows("ALTER TABLE contrast_null DROP COLUMN min_q")
        with atlas.transaction():
            Migration("m007_false_discoveries").apply(atlas.connection)
    return atlas_copy


def test_nothing_is_found_until_it_is_computed_again(older: Path) -> None:
    with open_atlas(older) as atlas:
        assert atlas.rows("SELECT DISTINCT documents_hash FROM sae_contrast") == [(STALE,)]
        assert atlas.rows("SELECT DISTINCT q, family_p FROM feature_contrast") == [(None, None)]
        (summary,) = run_query(atlas, "contrast_summary").to_pylist()
        assert summary["favouring_positive"] == 0
        assert summary["state"] == "to be computed again"
        verdicts = {row["verdict"] for row in run_query(atlas, "candidates_compared").to_pylist()}
        assert "to be computed again" in verdicts
        assert "not told from chance" not in verdicts
        assert [finding for finding in verify(atlas) if finding.violations] == []
        assert refresh_contrasts(atlas) == ["medical"]
        again = atlas.rows(FIGURES)
        assert atlas.rows("SELECT COUNT(*), COUNT(min_q) FROM contrast_null") == [(30, 30)]
        assert run_query(atlas, "contrast_summary").to_pylist()[0]["state"] == "up to date"
        compute_contrast(atlas, "other", *SIDES, shuffles=30)
        assert (
            atlas.rows("SELECT feature, p, q, family_p FROM feature_contrast WHERE contrast = 1 ORDER BY feature")
            == again
        )
        assert min(row[2] for row in again if row[2] is not None) < 0.05
