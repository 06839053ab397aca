"""AUROC, the rank-sum test, q and the AUROC against each control domain, against scipy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from ingest.statistics.rank_sum import RankSum, benjamini_hochberg, rank_sum, rank_sums_by_domain
from tests.made.sparse_cases import Case, cases

SCORES = st.sampled_from([0.0, 0.0, 0.0, 0.25, 0.5, 0.5, 1.0, 3.0, 1e-3, 1e6])


def of_matrix(scores: np.ndarray, positive: np.ndarray) -> RankSum:
    """The statistics of dense scores (document, feature), through their entries above 0 in no particular order."""
    document, feature = np.nonzero(scores)
    shuffled = np.random.default_rng(0).permutation(len(feature))
    document, feature = document[shuffled], feature[shuffled]
    groups = (int(positive.sum()), int((~positive).sum()))
    return rank_sum(feature, scores[document, feature], positive[document], groups, scores.shape[1])


@settings(max_examples=50, deadline=None)
@given(data=st.data(), documents=st.integers(2, 30), features=st.integers(1, 3))
def test_it_equals_scipy_and_scikit_learn(data: st.DataObject, documents: int, features: int) -> None:
    scores = data.draw(arrays(np.float32, (documents, features), elements=SCORES.map(np.float32)))
    n_positive = data.draw(st.integers(1, documents - 1))
    positive = np.arange(documents) < n_positive
    found = of_matrix(scores, positive)
    for feature in range(features):
        column = scores[:, feature].astype(np.float64)
        assert found.auroc[feature] == pytest.approx(roc_auc_score(positive, column), abs=1e-12)
        if len(set(column)) > 1:
            expected = mannwhitneyu(column[positive], column[~positive], method="asymptotic").pvalue
            assert found.p[feature] == pytest.approx(expected, rel=1e-9, abs=1e-12)
        else:
            assert found.p[feature] == 1


def test_small_p_keeps_its_precision() -> None:
    positive = np.arange(1000) < 500
    scores = np.where(positive, np.random.default_rng(0).uniform(1, 2, 1000), 0)[:, None]
    expected = mannwhitneyu(scores[positive, 0], scores[~positive, 0], method="asymptotic").pvalue
    assert 0 < expected < 1e-150
    assert of_matrix(scores, positive).p[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("value", [0.0, 2.5])
def test_all_ties_say_nothing(value: float) -> None:
    found = of_matrix(np.full((9, 2), value), np.arange(9) < 4)
    assert found.auroc.tolist() == [0.5, 0.5]
    assert found.p.tolist() == [1, 1]


@pytest.mark.parametrize("fires", [[0.0, 3.0], [3.0, 0.0], [1.0, 3.0], [0.0, 0.0]])
def test_one_document_a_side(fires: list[float]) -> None:
    found = of_matrix(np.array(fires)[:, None], np.array([True, False]))
    assert found.auroc[0] == roc_auc_score([True, False], fires)
    assert found.p[0] == 1


def test_features_that_fire_on_one_side_only() -> None:
    positive = np.arange(8) < 4
    scores = np.zeros((8, 3))
    scores[4:, 0] = 1
    scores[:4, 1] = 1
    found = of_matrix(scores, positive)
    assert found.auroc.tolist() == [0, 1, 0.5]
    only_controls = of_matrix(scores[:, :1], positive)
    assert only_controls.p[0] == pytest.approx(found.p[1])


def test_the_sides_are_symmetric() -> None:
    rng = np.random.default_rng(3)
    scores, positive = rng.integers(0, 4, (30, 6)).astype(float), rng.random(30) < 0.4
    one, other = of_matrix(scores, positive), of_matrix(scores, ~positive)
    np.testing.assert_allclose(one.auroc, 1 - other.auroc, atol=1e-12)
    np.testing.assert_allclose(one.p, other.p, rtol=1e-12)


@pytest.mark.parametrize("groups", [(0, 3), (3, 0)])
def test_an_empty_group_is_refused(groups: tuple[int, int]) -> None:
    none = np.array([], dtype=int)
    with pytest.raises(ValueError, match="both groups"):
        rank_sum(none, none.astype(float), none.astype(bool), groups, 2)


@settings(max_examples=60, deadline=None)
@given(p=arrays(np.float64, st.integers(1, 50), elements=st.floats(0, 1)))
def test_q_is_the_least_level_at_which_a_test_is_called(p: np.ndarray) -> None:
    """The procedure's own words: the largest k such that the k-th smallest p is at most k / m of the level."""
    levels = [min(1.0, *(len(p) * other / (p <= other).sum() for other in p if other >= one)) for one in p]
    np.testing.assert_allclose(benjamini_hochberg(p), levels, rtol=1e-12, atol=0)


def test_no_tests_have_no_q() -> None:
    assert benjamini_hochberg(np.array([])).shape == (0,)


DOMAINS = 3


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_it_equals_scikit_learn(case: Case) -> None:
    feature, document, score = case.rows
    domain = np.where(case.positive, -1, case.group % DOMAINS)
    members = np.bincount(domain[domain >= 0], minlength=DOMAINS)
    found = rank_sums_by_domain(feature, score, domain[document], members, (case.sizes[0], case.n_features))
    for number, scores in enumerate(case.dense):
        for place in range(DOMAINS):
            inside = case.positive | (domain == place)
            assert found.fires[number, place] == (scores[domain == place] > 0).sum()
            if members[place]:
                expected = roc_auc_score(case.positive[inside], scores[inside])
                assert found.auroc[number, place] == pytest.approx(expected, abs=1e-12)
            else:
                assert np.isnan(found.auroc[number, place])
