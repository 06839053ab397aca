"""Rank correlations against scipy, and their intervals against draws of clusters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from ingest.statistics.correlation import (
    Correlations,
    cluster_draws,
    correlated_clusters,
    rank_correlations,
    weighted_ranks,
)

VALUES = st.sampled_from([0.0, 1.0, 1.0, 2.0, 3.5, -4.0, np.nan])


def correlated(x: np.ndarray, y: np.ndarray, given_: np.ndarray, cluster: np.ndarray | None = None) -> Correlations:
    cluster = np.arange(len(x)) if cluster is None else cluster
    return rank_correlations(x, y, given_, cluster, cluster_draws(cluster))


@settings(max_examples=60, deadline=None)
@given(x=arrays(float, 12, elements=VALUES), y=arrays(float, 12, elements=VALUES))
def test_it_equals_scipy(x: np.ndarray, y: np.ndarray) -> None:
    found = correlated(x, y, np.arange(12.0))
    known = np.isfinite(x) & np.isfinite(y)
    assert found.n == known.sum()
    if len(set(x[known])) < 2 or len(set(y[known])) < 2:
        assert np.isnan(found.plain.rho)
        return
    assert found.plain.rho == pytest.approx(stats.spearmanr(x[known], y[known]).statistic, abs=1e-12)
    assert not found.plain.low > found.plain.rho
    assert not found.plain.high < found.plain.rho


@settings(max_examples=40, deadline=None)
@given(x=arrays(float, 9, elements=st.integers(0, 4)), counts=arrays(int, (9, 3), elements=st.integers(0, 3)))
def test_ranks_of_a_draw_are_those_of_its_values_written_out(x: np.ndarray, counts: np.ndarray) -> None:
    ranks = weighted_ranks(x, counts.astype(float))
    for draw in range(3):
        written = np.repeat(np.arange(9), counts[:, draw])
        np.testing.assert_allclose(ranks[written, draw], stats.rankdata(x[written]))


@pytest.mark.parametrize("copies", [1, 5])
def test_the_interval_covers_the_truth_as_often_as_it_says(copies: int) -> None:
    """Each feature has near-copies that say nearly the same; taken as independent they would cover too seldom."""
    rng = np.random.default_rng(0)
    r = 0.5
    truth = 6 / np.pi * np.arcsin(r / 2)  # Spearman's rho of a normal pair with correlation r
    cluster = np.repeat(np.arange(60), copies)
    covered, naive = np.zeros(2), 0
    for _ in range(200):
        x, noise, other = rng.normal(size=(3, 60))[:, cluster] + rng.normal(size=(3, len(cluster))) / 100
        found = correlated(x, r * x + np.sqrt(1 - r**2) * noise, other, cluster)
        covered += [part.low <= truth <= part.high for part in (found.plain, found.partial)]
        if copies > 1:
            alone = correlated(x, r * x + np.sqrt(1 - r**2) * noise, other)
            naive += alone.plain.low <= truth <= alone.plain.high
    assert (covered / 200 >= 0.9).all()
    assert (covered / 200 <= 0.99).all()
    assert naive / 200 < 0.75


def test_partial_correlation_is_that_of_residual_ranks() -> None:
    rng = np.random.default_rng(1)
    given_ = rng.random(80)
    x, y = given_ + rng.random(80), given_ + rng.random(80)
    ranks = [stats.rankdata(values) for values in (x, y, given_)]
    residuals = [values - np.polyval(np.polyfit(ranks[2], values, 1), ranks[2]) for values in ranks[:2]]
    expected = np.corrcoef(*residuals)[0, 1]
    found = correlated(x, y, given_)
    assert found.partial.rho == pytest.approx(expected, abs=1e-9)
    assert abs(expected) < abs(found.plain.rho)


def test_clusters_are_chains_of_near_features() -> None:
    cluster = correlated_clusters(np.array([0, 1, 4]), np.array([1, 2, 5]), 7)
    assert cluster[0] == cluster[1] == cluster[2]
    assert cluster[4] == cluster[5]
    assert len(set(cluster)) == 4


def test_too_few_have_no_interval() -> None:
    few = correlated(np.arange(3.0), np.arange(3.0), np.arange(3.0))
    assert np.isnan(few.plain.low)
    assert np.isnan(few.partial.rho)
    x = np.random.default_rng(0).random((3, 40))
    assert np.isnan(correlated(x[0], x[1], x[2], np.arange(40) % 4).plain.low), "four clusters"
    assert correlated(np.zeros(0), np.zeros(0), np.zeros(0)).n == 0
