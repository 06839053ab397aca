"""The signed-rank test on pairs against every way to swap their sides and scipy, and what a pair is."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

from ingest.statistics.paired import Pairs, pair_differences, paired_template_numbers, signed_rank, units_of_pairs
from tests.made.sparse_cases import Case, cases


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
def test_it_is_the_share_of_all_ways_to_swap(case: Case) -> None:
    feature, document, score = case.rows
    pair = paired_template_numbers(case.group, case.positive)
    found = signed_rank(pair_differences(feature, score, document, pair, case.positive), case.n_features)
    for number in range(case.n_features):
        differences = literal_differences(case, number)
        assert found.higher[number] == (differences > 0).sum()
        assert found.lower[number] == (differences < 0).sum()
        if not differences.any():
            assert found.p[number] == 1
            continue
        assert found.p[number] == pytest.approx(literal_p(differences[differences != 0]), rel=1e-9)


def literal_p(differences: np.ndarray) -> float:
    """The share of all signs with a sum of ranks as far from its mean."""
    rank = stats.rankdata(np.abs(differences))
    signs = np.array(list(product((0, 1), repeat=len(rank))))
    distance = np.abs(signs @ rank - rank.sum() / 2)
    return float((distance >= abs(rank[differences > 0].sum() - rank.sum() / 2) - 1e-9).mean())


@pytest.mark.parametrize("number", [5, 50, 51, 300])
def test_p_is_exact_up_to_fifty_pairs_and_scipy_s_beyond(number: int) -> None:
    rng = np.random.default_rng(number)
    differences = rng.integers(1, 10**6, number) * rng.choice([-1, 1, 1], number)
    found = signed_rank(Pairs(np.zeros(number, dtype=int), differences), 1)
    method = "exact" if number <= 50 else "asymptotic"
    expected = stats.wilcoxon(differences, correction=True, method=method).pvalue
    assert found.p[0] == pytest.approx(expected, rel=1e-7)


def test_pairs_are_templates_with_both_sides() -> None:
    template = np.array([4, 4, -1, -1, 7, 7, 9, 9, 9])
    positive = np.array([True, False, True, False, True, True, False, True, False])
    assert paired_template_numbers(template, positive).tolist() == [0, 0, -1, -1, -1, -1, 1, 1, 1]


def test_pairs_that_share_a_group_are_one_unit() -> None:
    pair = np.array([0, 0, 1, 1, -1, 2, 2, 3, 3, 4, 4])
    group = np.array([8, 8, 9, 7, 9, 5, 6, 6, 3, 7, 1])
    assert units_of_pairs(pair, group).tolist() == [0, 1, 2, 2, 1]
    assert units_of_pairs(pair, np.arange(len(pair))).tolist() == [0, 1, 2, 3, 4]
    assert units_of_pairs(np.full(3, -1), group[:3]).tolist() == []


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_the_difference_of_a_unit_is_the_mean_of_its_pairs(case: Case) -> None:
    feature, score, document = case.rows[0], case.rows[2], case.rows[1]
    pair = paired_template_numbers(case.group, case.positive)
    unit = np.arange(pair.max() + 1) // 2
    found = pair_differences(feature, score, document, pair, case.positive, unit=unit)
    for number in range(case.n_features):
        by_pair = [_difference(case.dense[number], pair == each, case.positive) for each in range(len(unit))]
        expected = [np.mean(by_pair[first : first + 2]) for first in range(0, len(unit), 2)]
        held = found.difference[found.feature == number]
        assert sorted(held) == pytest.approx(sorted(mean for mean in expected if abs(mean) > 1e-9), rel=1e-6)


def _difference(scores: np.ndarray, inside: np.ndarray, positive: np.ndarray) -> float:
    return float(scores[inside & positive].mean(dtype=float) - scores[inside & ~positive].mean(dtype=float))


def test_without_pairs_nothing_is_tested() -> None:
    none = np.full(4, -1)
    positive = np.array([True, True, False, False])
    feature, score, document = np.array([0, 0]), np.array([1.0, 2.0]), np.array([0, 2])
    pair = paired_template_numbers(none, positive)
    found = signed_rank(pair_differences(feature, score, document, pair, positive), 2)
    assert found.p.tolist() == [1, 1]
    assert found.higher.tolist() == [0, 0]
