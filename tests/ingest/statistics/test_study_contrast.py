"""The study's rule against a literal transcription of what it did."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ingest.statistics.study_contrast import study_kept, study_mean_with_bos

MEANS = arrays(np.float64, 30, elements=st.one_of(st.just(0.0), st.floats(0, 10), st.floats(0, 1000)))


def as_the_study_did(mean_positive: np.ndarray, mean_control: np.ndarray) -> pd.Series:
    """Positive mean and difference; within the mean of the kept differences +- 2 of their sample std."""
    frame = pd.DataFrame({"medical": mean_positive, "difference": mean_positive - mean_control})
    frame = frame[(frame["medical"] > 0) & (frame["difference"] > 0)]
    mean, std = frame["difference"].mean(), frame["difference"].std()
    frame = frame[(frame["difference"] >= mean - 2 * std) & (frame["difference"] <= mean + 2 * std)]
    return frame["difference"].nlargest(40)


@settings(max_examples=60, deadline=None)
@given(mean_positive=MEANS, mean_control=MEANS)
def test_the_rule_is_the_studys(mean_positive: np.ndarray, mean_control: np.ndarray) -> None:
    difference = mean_positive - mean_control
    candidates = (mean_positive > 0) & (difference > 0)
    if candidates.sum() < 2:
        return
    edge = np.abs(np.abs(difference - difference[candidates].mean()) - 2 * difference[candidates].std(ddof=1))
    if edge[candidates].min() < 1e-9 * difference.max():
        return  # on the edge itself the order of summation decides
    kept = study_kept(mean_positive, mean_control)
    assert set(np.flatnonzero(kept)) == set(as_the_study_did(mean_positive, mean_control).index)


def test_an_outlier_is_dropped_and_the_rest_kept() -> None:
    mean_positive = np.array([1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 40.0, 0.0, 0.5])
    mean_control = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.6])
    assert np.flatnonzero(study_kept(mean_positive, mean_control)).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("difference", [[0.0, 0.0], [0.0, 1.0], [-1.0, 1.0]])
def test_fewer_than_two_differences_have_no_spread_to_be_outside_of(difference: list[float]) -> None:
    kept = study_kept(np.array(difference).clip(0), np.array([0.0, 0.0]) - np.array(difference).clip(max=0))
    assert kept.tolist() == [value > 0 for value in difference]


def test_bos_counts_as_one_more_position() -> None:
    rng = np.random.default_rng(0)
    lengths, bos = np.array([3, 7, 12]), rng.random(5)
    acts = [rng.random((n, 5)) for n in lengths]
    expected = np.mean([np.vstack([bos, document]).mean(axis=0) for document in acts], axis=0)
    mean_sum = np.mean([document.sum(axis=0) / (len(document) + 1) for document in acts], axis=0)
    np.testing.assert_allclose(study_mean_with_bos(mean_sum, bos, float((1 / (lengths + 1)).mean())), expected)
