"""Features against a number or a class of documents: scipy and scikit-learn give the same on the same rows."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from ingest.statistics.association import Ranks, Spread, Trend, kruskal_wallis, rank_correlation, ranks_of
from ingest.statistics.pooled import Shuffles, pooled_p, pools_of_features
from ingest.statistics.shuffles import Labelled, Rows, labelled_units, relabel_units, unit_mean_scores
from ingest.statistics.trend_interval import Drawn, trend_intervals
from tests.made.relabelled import random_scores

CLASSES = 3


def sparse(scores: np.ndarray) -> Ranks:
    feature, unit = np.nonzero(scores)
    return ranks_of(Rows(feature, unit, scores[feature, unit]), scores.shape[1], len(scores))


def seeds(low: int = 8, high: int = 40) -> st.SearchStrategy[tuple[np.random.Generator, int]]:
    return st.tuples(st.integers(0, 2**32 - 1).map(np.random.default_rng), st.integers(low, high))


@given(seeds())
def test_rank_correlation_is_spearmans(drawn: tuple[np.random.Generator, int]) -> None:
    rng, n = drawn
    scores, label = random_scores(rng, 12, n), rng.integers(-3, 4, n).astype(float)
    label[:2] = 0, 1
    found = rank_correlation(sparse(scores), label)
    for row, rho in zip(scores.astype(float), found, strict=True):
        expected = stats.spearmanr(row, label).statistic if np.ptp(row) else 0.0
        assert rho == pytest.approx(expected, abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(seeds())
def test_h_is_kruskal_and_walliss_and_a_class_has_the_auroc_of_the_others(
    drawn: tuple[np.random.Generator, int],
) -> None:
    rng, n = drawn
    scores = random_scores(rng, 5, n)
    label = np.concatenate([np.arange(CLASSES), rng.choice(CLASSES, n - CLASSES, p=[0.8, 0.15, 0.05])])
    found = kruskal_wallis(sparse(scores), label, CLASSES)
    for place, row in enumerate(scores.astype(float)):
        sides = [row[label == number] for number in range(CLASSES)]
        expected = stats.kruskal(*sides).statistic if np.ptp(row) else 0.0
        assert found.h[place] == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert found.epsilon_squared[place] == pytest.approx(expected * (n + 1) / (n**2 - 1), rel=1e-9, abs=1e-9)
        for number in range(CLASSES):
            assert found.auroc[place, number] == pytest.approx(roc_auc_score(label == number, row))


def test_a_class_without_units_has_no_auroc() -> None:
    found = kruskal_wallis(sparse(random_scores(np.random.default_rng(1), 5, 20)), np.arange(20) % 2, CLASSES)
    assert np.isnan(found.auroc[:, 2]).all()
    assert np.isfinite(found.auroc[:, :2]).all()


@pytest.mark.parametrize("kind", ["number", "class"])
def test_p_is_the_share_of_all_exchanges(kind: str) -> None:
    """Of seven units, with ties on both sides, every exchange is counted."""
    label = np.array([1, 1, 1, 2, 2, 3, 9.0]) if kind == "number" else np.array([0, 0, 0, 1, 1, 2, 2])
    scores = np.array([[0, 0, 0, 1, 2, 2, 5.0], [0, 0, 3, 0, 0, 0, 1]], dtype=np.float32)
    one = np.zeros(7, dtype=np.int64)
    statistic = Trend(one) if kind == "number" else Spread(one, CLASSES)
    values = stats.rankdata(label) if kind == "number" else label
    everything = np.array(list(permutations(values))).T
    ranks = sparse(scores)
    true = statistic.distance(ranks, values[:, None])
    expected = (statistic.distance(ranks, everything) >= true - 1e-9).mean(axis=1)
    found = pooled_p(statistic, ranks, Shuffles(Labelled(one, values, one, 0), 7, 4000), 2)
    assert found.p == pytest.approx(expected, abs=0.03)


def test_strata_exchange_labels_within_themselves() -> None:
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(6), 4)
    label = rng.normal(size=24)
    label[:8] = np.repeat([1.0, 2.0], 4)
    units = labelled_units(group, label)
    assert units.mixed == 4
    assert len(units.label) == 2 + 16
    shuffled = relabel_units(units, 1, 1)
    for stratum in range(5):
        inside = units.stratum == stratum
        assert sorted(shuffled[inside]) == sorted(units.label[inside])
    assert not np.array_equal(shuffled, units.label)
    assert np.array_equal(relabel_units(units, 1, 0), relabel_units(units, 1, 0))


def test_what_groups_have_in_common_counts_for_nothing_where_labels_vary_within_them() -> None:
    """Groups of high scores and high numbers, with no relation inside any of them."""
    rng = np.random.default_rng(5)
    group = np.repeat(np.arange(20), 6)
    label = group + rng.random(120) / 2
    scores = (group[None] + rng.random((200, 120)) / 2).astype(np.float32)
    units = labelled_units(group, label)
    ranked = units._replace(label=stats.rankdata(units.label))
    found = pooled_p(Trend(units.stratum), sparse(scores), Shuffles(ranked, 7, 200), 200)
    assert rank_correlation(sparse(scores), label).min() > 0.9
    assert (found.p <= 0.05).mean() < 0.1


def test_a_group_of_one_label_scores_its_mean() -> None:
    group, label = np.array([0, 0, 1, 2]), np.array([5.0, 5.0, 1.0, 2.0])
    units = labelled_units(group, label)
    rows = unit_mean_scores(np.zeros(3, int), np.array([0, 1, 2]), np.array([2.0, 4.0, 1.0], np.float32), units.unit)
    assert units.label.tolist() == [5.0, 1.0, 2.0]
    assert rows.score.tolist() == [3.0, 1.0]


def test_pools_hold_every_feature_once() -> None:
    fires = np.random.default_rng(0).integers(0, 500, 300)
    found = list(pools_of_features(fires))
    assert sorted(np.concatenate(found)) == list(range(300))
    assert all(fires[pool].max() <= max(fires[pool].min() * 1.2, fires[pool].min()) for pool in found)


@given(seeds(10, 30))
def test_a_draw_gives_spearmans_of_the_documents_drawn(drawn: tuple[np.random.Generator, int]) -> None:
    rng, n = drawn
    row, label = random_scores(rng, 1, n)[0], rng.integers(0, 6, n).astype(float)
    weights = rng.multinomial(n, np.full(n, 1 / n), 4).T
    fires = np.flatnonzero(row)
    if not len(fires):
        return
    found = Drawn(label, weights).correlations(fires, row[fires])
    for draw_, rho in zip(weights.T, found, strict=True):
        x, y = np.repeat(row, draw_), np.repeat(label, draw_)
        if np.ptp(x) and np.ptp(y):
            assert rho == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-5)
        else:
            assert np.isnan(rho)


def test_an_interval_holds_the_true_correlation_as_often_as_it_says() -> None:
    """Normal pairs of known correlation, rank correlation 6/pi asin(r/2); 40 documents, of which half are silent."""
    rng, held, runs = np.random.default_rng(8), 0, 200
    x = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 200_000)
    truth = stats.spearmanr(np.maximum(x[:, 0], 0), x[:, 1]).statistic
    for _ in range(runs):
        x = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 40)
        fires = np.flatnonzero(x[:, 0] > 0)
        weights = rng.multinomial(40, np.full(40, 1 / 40), 300).T
        rows = np.zeros(len(fires), int), fires, x[fires, 0].astype(np.float32)
        interval = trend_intervals(*rows, Drawn(x[:, 1], weights), np.ones(1, bool), tail=0.025)
        held += interval.low[0] <= truth <= interval.high[0]
    assert 0.90 <= held / runs <= 0.99
