"""Thresholds, precision, recall, F1 and the k = 1 probe against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_score, recall_score

from ingest.statistics.classifiers import Probe, best_threshold, classifier_scores, fit_probe, probe_calls
from tests.made.sparse_cases import Case, cases, random_case


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
    found = classifier_scores(feature[called], case.positive[document[called]], case.sizes[0], case.n_features)
    for number, scores in enumerate(case.dense):
        calls = scores >= 0.5
        assert found.recall[number] == pytest.approx(recall_score(case.positive, calls), abs=1e-12)
        assert found.f1[number] == pytest.approx(f1_score(case.positive, calls), abs=1e-12)
        if calls.any():
            assert found.precision[number] == pytest.approx(precision_score(case.positive, calls), abs=1e-12)
        else:
            assert np.isnan(found.precision[number])


def test_nothing_to_find_is_not_a_ratio() -> None:
    found = classifier_scores(np.array([0]), np.array([False]), 0, 2)
    assert found.precision[0] == 0
    assert np.isnan([found.recall[0], found.recall[1], found.f1[1], found.precision[1]]).all()


def agree(case: Case, tolerance: float) -> None:
    """Compare with scikit-learn run to its own tight tolerance: its stopping rule, not ours, sets the bound."""
    feature, document, x = case.rows
    found = fit_probe(feature, x, case.positive[document], case.sizes, case.n_features)
    for number in range(case.n_features):
        probe = LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=1000)
        probe.fit(case.dense[number][:, None].astype(float), case.positive)
        assert found.weight[number] == pytest.approx(probe.coef_[0, 0], rel=tolerance, abs=tolerance)
        assert found.bias[number] == pytest.approx(probe.intercept_[0], rel=tolerance, abs=tolerance)


@settings(max_examples=30, deadline=None)
@given(case=cases())
def test_it_equals_scikit_learn(case: Case) -> None:
    agree(case, 1e-9)


def test_it_equals_scikit_learn_on_many_documents() -> None:
    agree(random_case(1, 12, 300), 1e-9)


def test_at_the_minimum_the_gradient_vanishes() -> None:
    case = random_case(2, 40, 200)
    feature, document, x = case.rows
    found = fit_probe(feature, x, case.positive[document], case.sizes, case.n_features)
    chance = 1 / (1 + np.exp(-(found.weight[:, None] * case.dense + found.bias[:, None])))
    miss = chance - case.positive
    np.testing.assert_allclose((miss * case.dense).sum(axis=1) + found.weight, 0, atol=1e-9)
    np.testing.assert_allclose(miss.sum(axis=1), 0, atol=1e-9)


def test_a_separated_feature_keeps_a_finite_weight() -> None:
    positive = np.arange(20) < 10
    found = fit_probe(np.zeros(10, int), np.full(10, 1000.0), positive[:10], (10, 10), 1)
    assert np.isfinite(found.weight).all()
    assert probe_calls(found, np.zeros(1, int), np.array([1000.0])).all()


def test_it_calls_where_weight_and_bias_say() -> None:
    probe = Probe(np.array([2.0, -1.0]), np.array([-1.0, 0.5]))
    assert probe_calls(probe, np.array([0, 0, 1]), np.array([0.4, 0.6, 1.0])).tolist() == [False, True, False]


@pytest.mark.parametrize("groups", [(0, 3), (3, 0)])
def test_one_side_alone_is_refused(groups: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="both groups"):
        fit_probe(np.zeros(0, int), np.zeros(0), np.zeros(0, bool), groups, 1)
