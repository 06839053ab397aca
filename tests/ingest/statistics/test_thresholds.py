"""Thresholds, precision, recall and F1 against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.metrics import f1_score, precision_score, recall_score

from ingest.statistics.thresholds import best_threshold, judge
from tests.made.sparse_cases import Case, cases


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_the_threshold_has_the_largest_f1_and_is_the_highest_that_does(case: Case) -> None:
    feature, document, score = case.rows
    found = best_threshold(feature, score, case.positive[document], case.sizes[0], case.n_features)
    for number, scores in enumerate(case.dense):
        tried = np.unique(scores[scores > 0])
        if not len(tried):
            assert np.isnan(found[number])
            continue
        reached = [f1_score(case.positive, scores >= threshold) for threshold in tried]
        best = [t for t, f1 in zip(tried, reached, strict=True) if f1 >= max(reached) - 1e-12]
        assert found[number] == max(best)


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_judgements_equal_scikit_learn(case: Case) -> None:
    feature, document, score = case.rows
    called = score >= 0.5
    found = judge(feature[called], case.positive[document[called]], case.sizes[0], case.n_features)
    for number, scores in enumerate(case.dense):
        calls = scores >= 0.5
        assert found.recall[number] == pytest.approx(recall_score(case.positive, calls), abs=1e-12)
        assert found.f1[number] == pytest.approx(f1_score(case.positive, calls), abs=1e-12)
        if calls.any():
            assert found.precision[number] == pytest.approx(precision_score(case.positive, calls), abs=1e-12)
        else:
            assert np.isnan(found.precision[number])


def test_nothing_to_find_is_not_a_ratio() -> None:
    found = judge(np.array([0]), np.array([False]), 0, 2)
    assert found.precision[0] == 0
    assert np.isnan([found.recall[0], found.recall[1], found.f1[1], found.precision[1]]).all()
