"""Rank correlations against scipy, and their intervals against draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from ingest.statistics.correlation import partial_rank_correlation, rank_correlation

VALUES = st.sampled_from([0.0, 1.0, 1.0, 2.0, 3.5, -4.0, np.nan])


@settings(max_examples=60, deadline=None)
@given(x=arrays(float, 12, elements=VALUES), y=arrays(float, 12, elements=VALUES))
def test_it_equals_scipy(x: np.ndarray, y: np.ndarray) -> None:
    found = rank_correlation(x, y)
    known = np.isfinite(x) & np.isfinite(y)
    assert found.n == known.sum()
    if len(set(x[known])) < 2 or len(set(y[known])) < 2:
        assert np.isnan(found.rho)
        return
    assert found.rho == pytest.approx(stats.spearmanr(x[known], y[known]).statistic, abs=1e-12)
    assert not found.low > found.rho
    assert not found.high < found.rho


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    r = 0.5
    truth = 6 / np.pi * np.arcsin(r / 2)  # Spearman's rho of a normal pair with correlation r
    covered = 0
    for _ in range(400):
        x, noise = rng.normal(size=(2, 60))
        found = rank_correlation(x, r * x + np.sqrt(1 - r**2) * noise)
        covered += found.low <= truth <= found.high
    assert 0.91 <= covered / 400 <= 0.98


def test_partial_correlation_is_that_of_residual_ranks() -> None:
    rng = np.random.default_rng(1)
    given_ = rng.random(80)
    x, y = given_ + rng.random(80), given_ + rng.random(80)
    ranks = [stats.rankdata(values) for values in (x, y, given_)]
    residuals = [values - np.polyval(np.polyfit(ranks[2], values, 1), ranks[2]) for values in ranks[:2]]
    expected = np.corrcoef(*residuals)[0, 1]
    assert partial_rank_correlation(x, y, given_) == pytest.approx(expected, abs=1e-9)
    assert abs(expected) < abs(rank_correlation(x, y).rho)


def test_too_few_have_no_interval() -> None:
    assert np.isnan(rank_correlation(np.arange(3.0), np.arange(3.0)).low)
    assert np.isnan(partial_rank_correlation(np.arange(3.0), np.arange(3.0), np.arange(3.0)))
    assert rank_correlation(np.zeros(0), np.zeros(0)).n == 0
