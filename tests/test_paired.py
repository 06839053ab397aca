"""The signed-rank test on pairs against scipy, and what a pair is."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

from ingest.statistics.paired import pair_differences, pair_numbers, signed_rank
from tests.sparse_cases import Case, cases


def literal_differences(case: Case, feature: int) -> np.ndarray:
    """A template's mean positive minus mean control score, template by template."""
    found = []
    for template in np.unique(case.group):
        sides = [case.dense[feature, (case.group == template) & side] for side in (case.positive, ~case.positive)]
        if all(len(side) for side in sides):
            found.append(sides[0].mean(dtype=float) - sides[1].mean(dtype=float))
    return np.round(np.array(found), 10).astype(np.float32).astype(float)


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_it_equals_scipy(case: Case) -> None:
    feature, document, score = case.rows
    pair = pair_numbers(case.group, case.positive)
    found = signed_rank(pair_differences(feature, score, document, pair, case.positive), case.n_features)
    for number in range(case.n_features):
        differences = literal_differences(case, number)
        assert found.higher[number] == (differences > 0).sum()
        assert found.lower[number] == (differences < 0).sum()
        if not differences.any():
            assert found.p[number] == 1
            continue
        expected = stats.wilcoxon(differences, correction=True, method="asymptotic").pvalue
        assert found.p[number] == pytest.approx(min(1.0, expected), rel=1e-9)


def test_pairs_are_templates_with_both_sides() -> None:
    template = np.array([4, 4, -1, -1, 7, 7, 9, 9, 9])
    positive = np.array([True, False, True, False, True, True, False, True, False])
    assert pair_numbers(template, positive).tolist() == [0, 0, -1, -1, -1, -1, 1, 1, 1]


def test_without_pairs_nothing_is_tested() -> None:
    none = np.full(4, -1)
    positive = np.array([True, True, False, False])
    feature, score, document = np.array([0, 0]), np.array([1.0, 2.0]), np.array([0, 2])
    pair = pair_numbers(none, positive)
    found = signed_rank(pair_differences(feature, score, document, pair, positive), 2)
    assert found.p.tolist() == [1, 1]
    assert found.higher.tolist() == [0, 0]
