"""Contrasts: their sets, their figures against scipy on the raw rows, and when they are computed again."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from ingest.contrasts.feature_columns import MIN_DOCUMENTS
from ingest.contrasts.stored_contrasts import contrast_tables
from ingest.models.names import parse_sae_name
from schema import Atlas, SelectionError, open_atlas, tables
from tests.made.jobs import compute_contrast

POCKET = str(parse_sae_name("pocket"))
STORED = ("contrast", "sae_contrast", "feature_contrast", "ingest_run")


@pytest.fixture
def atlas(atlas_copy: Path) -> Any:
    with open_atlas(atlas_copy) as opened:
        yield opened


@pytest.fixture
def tiny(tiny_copy: Path) -> Any:
    """Two SAEs, three corpora; one document has two windows."""
    with open_atlas(tiny_copy) as opened:
        for table in (*contrast_tables("contrast"), tables.contrast):
            opened.rows(f"DELETE FROM {table.name}")
        yield opened


def stored(atlas: Atlas) -> dict[str, list[tuple[Any, ...]]]:
    return {name: atlas.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in STORED}


def figures(atlas: Atlas, sae: int = 0) -> pd.DataFrame:
    found = atlas.arrow("SELECT * FROM feature_contrast WHERE sae = $sae ORDER BY feature", {"sae": sae}).to_pandas()
    return found.set_index("feature")


def dense(atlas: Atlas, sae: int, score: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores (document, feature) from raw rows, zeros included, and each document's corpus, tokens and windows."""
    documents = atlas.arrow(
        """
        SELECT document, corpus.name, CAST(SUM(context.tokens) AS INTEGER) AS tokens, COUNT(*) AS contexts
        FROM document
        JOIN corpus USING (corpus)
        JOIN context USING (document)
        GROUP BY ALL
        ORDER BY document
        """
    ).to_pandas()
    rows = atlas.arrow(
        f"""
        SELECT document, feature, {score} AS score
        FROM activation
        JOIN context USING (context)
        WHERE sae = $sae
        GROUP BY ALL
        """,
        {"sae": sae},
    ).to_pandas()
    scores = rows.pivot_table(index="document", columns="feature", values="score", fill_value=0.0)
    return scores.reindex(documents["document"], fill_value=0.0).fillna(0.0), documents.set_index("document")


def calibrated(atlas: Atlas, sae: int, q: np.ndarray) -> list[float]:
    """Each q, or the share of shuffles with any as small if one has and that is more."""
    smallest = [row[0] for row in atlas.rows("SELECT min_q FROM contrast_null WHERE sae = ?", [sae])]
    reached = [sum(other <= value * (1 + 1e-9) for other in smallest) for value in q]
    return [max(value, (1 + n) / (1 + len(smallest))) if n else value for value, n in zip(q, reached, strict=True)]


def exact_p(score: np.ndarray, positive: np.ndarray, pairs: list[list[int]]) -> float:
    """The share of all ways to choose as many positive documents, one of each pair, with as far a rank sum."""
    rank, k = stats.rankdata(score), int(positive.sum())
    ways = [way for way in combinations(range(len(rank)), k) if all(len({*way} & {*pair}) == 1 for pair in pairs)]
    sums = np.array([rank[list(way)].sum() for way in ways])
    return float((np.abs(sums - sums.mean()) >= abs(rank[positive].sum() - sums.mean()) - 1e-9).mean())


WINDOW_MAX = "COALESCE(MAX(activation) FILTER (WHERE sampled), 0)"


@pytest.mark.parametrize(("unit", "score"), [("document", "MAX(activation)"), ("window", WINDOW_MAX)])
def test_figures_equal_scipy_on_the_raw_rows(tiny: Atlas, unit: Any, score: str) -> None:
    compute_contrast(tiny, "c", ["notes/medical"], ["notes/control", "travel"], unit, shuffles=40)
    sql = "SELECT list(document) FROM document WHERE template IS NOT NULL GROUP BY template HAVING COUNT(*) > 1"
    pairs = [row[0] for row in tiny.rows(sql)]
    for sae in (0, 1):
        found = figures(tiny, sae)
        scores, documents = dense(tiny, sae, score)
        totals, _ = dense(tiny, sae, "SUM(CAST(activation AS DOUBLE))")
        positive = (documents["name"] == "notes/medical").to_numpy()
        bos = dict(tiny.rows("SELECT feature, activation FROM bos_activation WHERE sae = ?", [sae]))
        assert set(found.index) == set(totals.columns) | set(bos)
        for feature, row in found.iterrows():
            column = scores[feature].to_numpy(float) if feature in scores else np.zeros(len(positive))
            total = totals[feature].to_numpy(float) if feature in totals else np.zeros(len(positive))
            mean = total / documents["tokens"].to_numpy()
            lengths = (documents["tokens"] + documents["contexts"]).to_numpy()
            study = (total + bos.get(feature, 0) * documents["contexts"].to_numpy()) / lengths
            expected = {
                "fires_positive": (column[positive] > 0).sum(),
                "fires_control": (column[~positive] > 0).sum(),
                "mean_positive": mean[positive].mean(),
                "mean_control": mean[~positive].mean(),
                "mean_difference": mean[positive].mean() - mean[~positive].mean(),
                "study_positive": study[positive].mean(),
                "study_control": study[~positive].mean(),
                "study_difference": study[positive].mean() - study[~positive].mean(),
                "auroc": roc_auc_score(positive, column),
            }
            assert dict(row[list(expected)]) == pytest.approx(expected, rel=1e-9, abs=1e-12)
            assert row["p"] == pytest.approx(exact_p(column, positive, pairs), rel=0.05)
            assert row["fisher_p"] == pytest.approx(exact_p(column > 0, positive, pairs), rel=0.05)
        tested = found["fires_positive"] + found["fires_control"] >= MIN_DOCUMENTS
        assert (found["q"].notna() == tested).all()
        uncalibrated = stats.false_discovery_control(found[tested]["p"])
        assert (found[tested]["q"] >= uncalibrated - 1e-12).all()
        np.testing.assert_allclose(found[tested]["q"], calibrated(tiny, sae, uncalibrated), rtol=1e-9)
        assert (found["family_p"].notna() == tested).all()
        sql = "SELECT documents_positive, documents_control, features_tested FROM sae_contrast WHERE sae = ?"
        assert tiny.rows(sql, [sae]) == [(positive.sum(), (~positive).sum(), tested.sum())]


def test_the_unit_is_the_document_where_each_is_one_window(tiny: Atlas) -> None:
    compute_contrast(tiny, "several", ["notes/medical"], ["notes/control"])
    compute_contrast(tiny, "one", ["travel"], ["notes/control"])
    assert tiny.rows("SELECT name, unit FROM contrast ORDER BY name") == [("one", "document"), ("several", "window")]


@pytest.mark.parametrize(
    ("positive", "control", "sizes"),
    [
        (["notes/medical"], ["notes/control"], (6, 6)),
        (["notes/medical"], ["travel"], (6, 3)),
        (["notes"], ["travel"], (12, 3)),
        (["domain=medicine"], ["domain=everyday", "domain=geography"], (6, 9)),
        (["term=asthma", "term=Gout", "term=Measles"][::2], ["travel"], (2, 3)),
        (["notes/medical", "domain=medicine", "term=Asthma"], ["travel"], (6, 3)),
    ],
)
def test_sets_name_corpora_sources_domains_and_terms(
    tiny: Atlas, positive: list[str], control: list[str], sizes: tuple[int, int]
) -> None:
    compute_contrast(tiny, "c", positive, control)
    assert tiny.rows("SELECT DISTINCT documents_positive, documents_control FROM sae_contrast") == [sizes]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("notes/medicl", "near it: notes/medical"),
        ("note", "near it: notes"),
        ("domain=medcine", "near it: medicine"),
        ("term=Astma", "near it: Asthma"),
        ("zzzzzz", "this atlas has: "),
        ("", "this atlas has: "),
    ],
)
def test_a_set_that_selects_nothing_is_answered_with_what_is_near(tiny: Atlas, name: str, near: str) -> None:
    before = stored(tiny)
    for sides in (([name], ["travel"]), (["travel"], [name])):
        with pytest.raises(SelectionError, match="selects no document") as caught:
            compute_contrast(tiny, "c", *sides)
        assert near in str(caught.value)
    assert stored(tiny) == before


def test_one_text_on_both_sides_is_refused(tiny: Atlas) -> None:
    with pytest.raises(SelectionError, match="6 texts are on both sides"):
        compute_contrast(tiny, "c", ["notes"], ["domain=medicine", "travel"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Crème brûlée.", "Crème brûlée. "),
        ("Crème brûlée.", "Cre\u0300me bru\u0302le\u0301e."),
        ("Crème brûlée.", "\ufeffCrème\u200b\u00a0 \r\nbrûlée."),
    ],
)
def test_one_text_on_both_sides_is_known_by_its_letters(tiny: Atlas, one: str, other: str) -> None:
    tiny.rows("UPDATE document SET text = ? WHERE document = 0", [one])
    tiny.rows("UPDATE document SET text = ? WHERE document = 14", [other])
    with pytest.raises(SelectionError, match="1 texts are on both sides"):
        compute_contrast(tiny, "c", ["notes/medical"], ["travel"])


def test_one_text_in_two_corpora_of_a_side_counts_once(tiny: Atlas) -> None:
    tiny.rows("UPDATE document SET text = 'Frost causes a slippery road.  ' WHERE document = 14")
    compute_contrast(tiny, "c", ["notes/medical"], ["notes/control", "travel"])
    assert tiny.rows("SELECT DISTINCT documents_control FROM sae_contrast") == [(8,)]
    assert tiny.rows("SELECT DISTINCT COUNT(*) FROM contrast_document WHERE NOT positive GROUP BY sae") == [(8,)]


def test_a_contrast_that_no_sae_has_encoded_is_refused(tiny: Atlas) -> None:
    tiny.rows("DELETE FROM coverage")
    before = stored(tiny)
    with pytest.raises(SelectionError, match="atlas ingest"):
        compute_contrast(tiny, "c", ["notes"], ["travel"])
    assert stored(tiny) == before


def test_a_rerun_changes_nothing(atlas: Atlas) -> None:
    assert compute_contrast(atlas, "medical", ["medical"], ["control"]) == [POCKET]
    before = stored(atlas)
    assert compute_contrast(atlas, "medical", ["medical"], ["control"]) == []
    assert stored(atlas) == before
    assert atlas.rows("SELECT unit FROM contrast") == [("document",)]
    assert 0 < atlas.rows("SELECT MIN(q) FROM feature_contrast")[0][0] < 0.05


def test_another_definition_under_the_name_replaces_all_of_the_old_one(tiny: Atlas) -> None:
    compute_contrast(tiny, "kept", ["notes/medical"], ["travel"])
    kept = figures(tiny)
    compute_contrast(tiny, "c", ["notes/medical"], ["notes/control"])
    assert len(compute_contrast(tiny, "c", ["travel"], ["notes/control"])) == 2
    assert tiny.rows("SELECT name, positive FROM contrast ORDER BY name") == [
        ("c", '["travel"]'),
        ("kept", '["notes/medical"]'),
    ]
    assert tiny.rows("SELECT COUNT(*), COUNT(DISTINCT contrast) FROM sae_contrast") == [(4, 2)]
    assert tiny.rows("SELECT * FROM feature_contrast ANTI JOIN contrast USING (contrast)") == []
    pd.testing.assert_frame_equal(figures(tiny).query("contrast == 0"), kept)


def test_other_documents_are_computed_again(tiny: Atlas) -> None:
    compute_contrast(tiny, "c", ["notes"], ["travel"], "document")
    tiny.rows("DELETE FROM coverage WHERE sae = 1 AND document = 0")
    again = compute_contrast(tiny, "c", ["notes"], ["travel"], "document")
    assert again == ["tiny/blocks.2.hook_resid_pre"]
    assert tiny.rows("SELECT documents_positive FROM sae_contrast ORDER BY sae") == [(12,), (11,)]
