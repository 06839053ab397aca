"""Lifts: the figures by hand and by a dense bootstrap, and intervals that cover the truth as often as they say."""

import numpy as np
import pytest
from hypothesis import given, settings

from ingest.statistics.groups import MIN_GROUPS
from ingest.statistics.lift import Rates, Sides, rates_per_token
from tests.made.sparse_cases import Case, cases


def rates_of(dense: np.ndarray, positive: np.ndarray, group: np.ndarray, tokens: np.ndarray) -> Rates:
    return rates_per_token(dense.astype(float), Sides.of(positive, group, tokens, np.ones(len(positive), bool)))


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_figures_are_ratios_of_totals_and_intervals_hold_them(case: Case) -> None:
    tokens = np.arange(len(case.positive)) % 5 + 1
    found = rates_of(case.dense, case.positive, case.group, tokens)
    for number, amounts in enumerate(case.dense.astype(float)):
        totals = amounts[case.positive].sum(), amounts[~case.positive].sum()
        densities = totals[0] / tokens[case.positive].sum(), totals[1] / tokens[~case.positive].sum()
        assert found.positive.value[number] == pytest.approx(densities[0])
        assert found.control.value[number] == pytest.approx(densities[1])
        if sum(totals):
            assert found.share.value[number] == pytest.approx(totals[0] / sum(totals))
        if totals[1]:
            assert found.lift.value[number] == pytest.approx(densities[0] / densities[1])
        for estimate in found:
            value, low, high = (part[number] for part in estimate)
            assert np.isnan([value, low, high]).any() or low <= value <= high
            sides = [len(np.unique(case.group[side])) for side in (case.positive, ~case.positive)]
            if min(sides) >= MIN_GROUPS and sum(totals):
                assert not np.isnan(low)
    assert not (found.share.low < 0).any()
    assert not (found.share.high > 1).any()


@pytest.mark.parametrize("empty", ["positive", "control"])
def test_a_side_without_documents_has_no_rate_and_no_lift(empty: str) -> None:
    positive = np.full(4, empty == "control")
    found = rates_of(np.array([[1, 0, 2, 0], [0, 0, 0, 0]]), positive, np.arange(4), np.full(4, 10))
    there, gone = (found.control, found.positive) if empty == "positive" else (found.positive, found.control)
    np.testing.assert_allclose(there.value, [3 / 40, 0])
    assert np.isnan(gone.value).all()
    assert np.isnan([found.lift.value, found.share.value]).all()


@settings(max_examples=30, deadline=None)
@given(case=cases())
def test_the_order_of_documents_and_the_names_of_groups_change_nothing(case: Case) -> None:
    order = np.random.default_rng(1).permutation(len(case.positive))
    tokens = np.arange(len(case.positive)) % 5 + 1
    one = rates_of(case.dense, case.positive, case.group, tokens)
    other = rates_of(case.dense[:, order], case.positive[order], 1000 - case.group[order], tokens[order])
    np.testing.assert_allclose(np.array(one), np.array(other), rtol=1e-9, atol=1e-12)


def drawn(rng: np.random.Generator, groups: int, rate: float, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Amounts (feature, group) that vary far more than Poisson's, and the groups' tokens."""
    tokens = rng.integers(20, 400, groups)
    per_group = rate * rng.gamma(0.5, 2.0, (features, groups))
    return rng.poisson(per_group * tokens).astype(float), tokens


def both(rng: np.random.Generator, groups: tuple[int, int], rate: tuple[float, float], features: int) -> Rates:
    """Rates of features whose true densities are `rate`."""
    (first, tokens), (second, others) = (drawn(rng, n, r, features) for n, r in zip(groups, rate, strict=True))
    positive = np.arange(sum(groups)) < groups[0]
    return rates_of(np.hstack([first, second]), positive, np.arange(sum(groups)), np.append(tokens, others))


@pytest.mark.parametrize("groups", [(12, 60), (40, 40), (150, 25)])
@pytest.mark.parametrize("rate", [(0.02, 0.02), (0.05, 0.005), (0.03, 0.0004)])
def test_intervals_cover_the_truth_by_group(groups: tuple[int, int], rate: tuple[float, float]) -> None:
    found = both(np.random.default_rng(3), groups, rate, 600)
    true = rate[0] / rate[1]
    assert ((found.lift.low <= true) & (true <= found.lift.high)).mean() > 0.9
    assert (found.lift.low <= true).mean() > 0.94
    for estimate, density in zip((found.positive, found.control), rate, strict=True):
        assert ((estimate.low <= density) & (density <= estimate.high)).mean() > 0.88


def test_the_interval_of_documents_that_are_pieces_of_a_few_groups_is_that_of_the_groups() -> None:
    rng = np.random.default_rng(5)
    amounts, tokens = drawn(rng, 60, 0.02, 200)
    positive, group = np.arange(60) < 30, np.arange(60)
    whole = rates_of(amounts, positive, group, tokens)
    cut = np.repeat(amounts, 4, axis=1) / 4, np.repeat(positive, 4)
    pieces = rates_of(*cut, np.repeat(group, 4), np.repeat(tokens, 4))
    np.testing.assert_allclose(pieces.lift.low, whole.lift.low, rtol=1e-6)
    wrong = rates_of(*cut, np.arange(240), np.repeat(tokens, 4))
    assert np.median((wrong.lift.high - wrong.lift.low) / (whole.lift.high - whole.lift.low)) < 0.6


def test_groups_on_both_sides_are_compared_with_themselves() -> None:
    """Pairs that vary together leave a narrower interval than the same documents unpaired; a bootstrap agrees."""
    rng = np.random.default_rng(6)
    level = rng.gamma(1.0, 1.0, (300, 50))
    sides = [rng.poisson(level * 4).astype(float) for _ in range(2)]
    positive, tokens = np.arange(100) < 50, np.full(100, 100)
    amounts = np.hstack(sides)
    paired = rates_of(amounts, positive, np.arange(100) % 50, tokens)
    alone = rates_of(amounts, positive, np.arange(100), tokens)
    width = np.log(paired.lift.high / paired.lift.low)
    assert np.median(width / np.log(alone.lift.high / alone.lift.low)) < 0.7
    weights = rng.multinomial(50, np.full(50, 1 / 50), 2000)
    draws = np.log(sides[0][:40] @ weights.T) - np.log(sides[1][:40] @ weights.T)
    np.testing.assert_allclose(np.median(width[:40] / (4 * draws.std(axis=1))), 1, atol=0.1)


def test_a_side_on_which_it_never_fires_still_bounds_the_lift() -> None:
    amounts = np.zeros((2, 40))
    amounts[0, :20] = 3
    found = rates_of(amounts, np.arange(40) < 20, np.arange(40), np.full(40, 100))
    assert found.lift.value[0] == found.lift.high[0] == np.inf
    assert 1.5 < found.lift.low[0] < 20
    assert found.control.value[0] == found.control.low[0] == 0
    assert 0 < found.control.high[0] < 0.03
    assert found.share.value[0] == found.share.high[0] == 1
    assert np.isnan(found.lift.value[1]), "it fires on neither side"
    assert found.positive.value[1] == 0


def test_too_few_groups_have_no_interval() -> None:
    found = rates_of(np.ones((1, 30)), np.arange(30) < 15, np.arange(30) % 15 % 4, np.full(30, 10))
    assert found.lift.value[0] == 1
    assert np.isnan(found.lift.low[0])
    assert np.isnan(found.positive.high[0])
