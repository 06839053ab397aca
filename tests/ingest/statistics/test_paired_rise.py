"""Rises of a figure per token: the ratio, its paired interval by group, and how often the interval holds the truth."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from ingest.statistics.paired_rise import Sides, paired_rises


def sides_of(rng: np.random.Generator, groups: int, size: int) -> Sides:
    """Two sides of as many groups of documents, of many lengths."""
    group = np.repeat(np.arange(2 * groups), size)
    return Sides(rng.integers(5, 40, len(group)), group, group < groups)


def test_rises_are_ratios_of_sums() -> None:
    rng = np.random.default_rng(0)
    sides = sides_of(rng, 8, 3)
    gain = rng.normal(size=len(sides.group))
    found = paired_rises(gain, sides, seed=0)
    own = [gain[side].sum() / sides.tokens[side].sum() for side in (sides.positive, ~sides.positive)]
    assert [found.positive.rise, found.control.rise] == pytest.approx(own)
    assert found.difference.rise == pytest.approx(own[0] - own[1])


def test_the_interval_of_a_side_is_that_of_scipys_bootstrap_over_groups_made_wider_for_few() -> None:
    rng = np.random.default_rng(1)
    groups = 200
    sides = sides_of(rng, groups, 2)
    gain = rng.normal(0.3, 1, len(sides.group)) + np.repeat(rng.normal(size=2 * groups), 2)
    found = paired_rises(gain, sides, seed=0, resamples=8000).positive
    of_groups = [np.add.reduceat(each[sides.positive], np.arange(0, 2 * groups, 2)) for each in (gain, sides.tokens)]
    theirs = bootstrap(
        of_groups,
        lambda gained, tokens, axis: gained.sum(axis) / tokens.sum(axis),
        paired=True,
        n_resamples=8000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    width = theirs.high - theirs.low
    assert found.low == pytest.approx(theirs.low, abs=0.08 * width)
    assert found.high == pytest.approx(theirs.high, abs=0.08 * width)


def test_the_interval_of_no_difference_holds_nought_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for seed in range(300):
        sides = sides_of(rng, 12, 2)
        gain = rng.normal(size=len(sides.group)) + np.repeat(rng.normal(size=24), 2)
        found = paired_rises(gain, sides, seed, resamples=500).difference
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0 <= found.high
    assert 0.91 <= held / 300 <= 0.985


def test_a_group_on_both_sides_is_drawn_on_both_at_once() -> None:
    group = np.concatenate([np.arange(12), np.arange(12)])
    positive = np.arange(24) < 12
    gain = np.tile(np.random.default_rng(4).normal(size=12), 2)
    found = paired_rises(gain, Sides(np.full(24, 10), group, positive), seed=0)
    assert found.positive.low is not None
    assert found.positive.high is not None
    assert found.positive.high > found.positive.low + 0.05
    assert (found.difference.low, found.difference.high) == pytest.approx((0, 0), abs=1e-12)


def test_few_groups_have_no_interval() -> None:
    sides = Sides(np.full(20, 10), np.arange(20) // 5, np.arange(20) < 10)
    found = paired_rises(np.ones(20), sides, seed=0)
    assert found.difference.low is found.positive.high is None
    assert found.positive.rise == pytest.approx(0.1)
