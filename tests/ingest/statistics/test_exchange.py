"""p of the rank sum against every exchange of labels counted one by one, and against scipy."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ingest.statistics.permutation import observed_p, shuffled_tails
from ingest.statistics.shuffles import Rows, Units, rank_lifts, shuffle_labels, shuffled_units, unit_scores
from tests.made.sparse_cases import Case, cases


def p_of(scores: np.ndarray, units: Units) -> np.ndarray:
    """p of dense scores (feature, unit)."""
    feature, unit = np.nonzero(scores)
    return observed_p(rank_lifts(Rows(feature, unit, scores[feature, unit]), units, len(scores)), units)


def plain(n_positive: int, n_control: int) -> Units:
    """As many documents, each by itself."""
    n = n_positive + n_control
    return shuffled_units(np.arange(n), np.arange(n) < n_positive)


def literal_p(score: np.ndarray, units: Units) -> float:
    """The share of all exchanges within strata whose rank sum is at least as far from the mean over them."""
    rank = stats.rankdata(score)
    sums = []
    for stratum in np.unique(units.stratum):
        inside = np.flatnonzero(units.stratum == stratum)
        ways = combinations(inside.tolist(), int(units.positive[inside].sum()))
        sums.append([rank[list(way)].sum() for way in ways])
    total = np.array([sum(parts) for parts in product(*sums)])
    distance = np.abs(total - total.mean())
    return float((distance >= abs(rank[units.positive].sum() - total.mean()) - 1e-9).mean())


@settings(max_examples=60, deadline=None)
@given(case=cases(documents=11), strata=st.integers(1, 3))
def test_it_is_the_share_of_all_exchanges(case: Case, strata: int) -> None:
    """Up to ten units stand out of the largest tie, in strata or not."""
    units = shuffled_units(np.arange(len(case.positive)), case.positive, np.arange(len(case.positive)) % strata)
    found = p_of(case.dense, units)
    for feature in range(case.n_features):
        assert found[feature] == pytest.approx(literal_p(case.dense[feature], units), rel=1e-9)


@pytest.mark.parametrize(
    ("sizes", "levels"), [((4, 12), 1000), ((3, 20), 3), ((14, 4), 8), ((2, 60), 1000), ((1, 30), 5)]
)
def test_it_is_exact_where_a_side_has_few(sizes: tuple[int, int], levels: int) -> None:
    """Dense and tied features of which more than ten stand out."""
    rng = np.random.default_rng(levels)
    scores = rng.integers(0, levels, (12, sum(sizes))).astype(np.float32)
    units = plain(*sizes)
    expected = [literal_p(score, units) for score in scores]
    np.testing.assert_allclose(p_of(scores, units), expected, rtol=1e-9)


@pytest.mark.parametrize("sizes", [(6, 9), (8, 30), (15, 15), (30, 40)])
def test_without_ties_it_is_scipy_s_exact_test(sizes: tuple[int, int]) -> None:
    scores = np.random.default_rng(5).gamma(2.0, size=(6, sum(sizes))).astype(np.float32)
    n = sizes[0]
    expected = [stats.mannwhitneyu(score[:n], score[n:], method="exact").pvalue for score in scores.astype(float)]
    near = 1e-9 if min(sizes) <= 8 else 0.05
    np.testing.assert_allclose(p_of(scores, plain(*sizes)), expected, rtol=near)


def test_where_ranks_are_rounded_p_is_not_below_the_exact_one() -> None:
    scores = np.random.default_rng(6).gamma(2.0, size=(6, 306)).astype(np.float32)
    scores[:3, :6] *= 3
    expected = [stats.mannwhitneyu(score[:6], score[6:], method="exact").pvalue for score in scores.astype(float)]
    found = p_of(scores, plain(6, 300))
    assert (found >= expected).all()
    assert (found <= 1.3 * np.array(expected)).all()


@pytest.mark.parametrize(("sizes", "rate"), [((12, 240), 0.08), ((40, 200), 0.1), ((60, 60), 0.15), ((30, 120), 0.7)])
@pytest.mark.parametrize("levels", [3, 1000])
def test_it_is_as_rare_as_it_says_where_neither_is_few(sizes: tuple[int, int], rate: float, levels: int) -> None:
    """Over 4,000 exchanges of each of 150 features, from p of 0.01 down to 0.0001."""
    rng = np.random.default_rng(levels)
    shape = (150, sum(sizes))
    scores = np.where(rng.random(shape) < rate, rng.integers(1, levels + 1, shape), 0)
    units = plain(*sizes)
    feature, unit = np.nonzero(scores)
    lifts = rank_lifts(Rows(feature, unit, scores[feature, unit].astype(np.float32)), units, len(scores))
    labels = np.stack([shuffle_labels(units, 7, number) for number in range(4_000)], axis=1)
    tails = shuffled_tails(lifts, units, labels, np.ones(len(scores), dtype=bool))
    for level, most in ((0.01, 1.1), (0.001, 1.25), (0.0001, 1.7)):
        share = (tails.p <= level).sum() / labels.shape[1] / len(scores)
        assert 0.4 * level <= share <= most * level


@settings(max_examples=60, deadline=None)
@given(case=cases(), shuffle=st.integers(1, 1000))
def test_a_shuffle_keeps_numbers_pairs_and_groups(case: Case, shuffle: int) -> None:
    units = shuffled_units(case.group, case.positive)
    drawn = shuffle_labels(units, 20, shuffle)
    assert drawn.sum() == units.positive.sum()
    assert (drawn == shuffle_labels(units, 20, shuffle)).all()
    labels = drawn[units.unit]
    for group in np.unique(case.group):
        inside = case.group == group
        sides = case.positive[inside].sum(), inside.sum()
        if 0 < sides[0] < sides[1]:
            assert labels[inside].sum() == sides[0], "a template on both sides stays on both"
        else:
            assert labels[inside].sum() in (0, inside.sum()), "a group on one side moves whole"


def test_every_exchange_that_may_happen_does() -> None:
    group = np.array([0, 0, 1, 2, 3, 4, 4, 5, 5])
    positive = np.array([True, False, True, False, False, True, True, False, False])
    units = shuffled_units(group, positive)
    drawn = {tuple(shuffle_labels(units, 1, n)[units.unit].tolist()) for n in range(400)}
    assert len(drawn) == 2 * 10, "the pair; two positive groups among five"
    strata = shuffled_units(group, positive, np.array([0, 0, 1, 1, 1, 2, 2, 2, 2]))
    drawn = {tuple(shuffle_labels(strata, 1, n)[strata.unit].tolist()) for n in range(400)}
    assert len(drawn) == 2 * 3 * 2, "the pair; one positive among three alone; the two long groups"


def test_a_group_scores_the_mean_of_its_documents() -> None:
    units = shuffled_units(np.array([7, 7, 3, 5, 5]), np.array([True, True, False, True, False]))
    assert units.sizes == (2, 2)
    rows = unit_scores(np.array([0, 0, 0, 1]), np.array([0, 1, 4, 2]), np.array([1.0, 4.0, 6.0, 3.0]), units)
    found = {(int(f), int(u)): float(s) for f, u, s in zip(*rows, strict=True)}
    assert found == {(0, units.unit[0]): 2.5, (0, units.unit[4]): 6.0, (1, units.unit[2]): 3.0}
    assert units.stratum[units.unit[3]] == units.stratum[units.unit[4]] != units.stratum[units.unit[0]]


def test_the_sides_are_symmetric() -> None:
    rng = np.random.default_rng(3)
    scores = np.where(rng.random((20, 60)) < 0.4, rng.integers(1, 9, (20, 60)), 0).astype(np.float32)
    units = plain(13, 47)
    other = units._replace(positive=~units.positive)
    np.testing.assert_allclose(p_of(scores, units), p_of(scores, other), rtol=1e-9)
