"""What shuffles find: q, the family-wise p and the largest AUROC against the same computed one shuffle at a time."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, false_discovery_control
from sklearn.metrics import roc_auc_score

from ingest.statistics.permutation import (
    LEVEL,
    Tails,
    family_wise,
    observed_p,
    permuted_aurocs,
    q_not_below_permuted_chance,
    shuffled_tails,
    smallest_p_by_shuffle,
)
from ingest.statistics.shuffles import Lifts, Rows, Units, rank_lifts, shuffle_labels, shuffled_units
from tests.made.sparse_cases import Case, cases


def lifted(case: Case) -> tuple[Lifts, Units]:
    feature, document, score = case.rows
    units = shuffled_units(np.arange(len(case.positive)), case.positive)
    return rank_lifts(Rows(feature, document, score), units, case.n_features), units


@settings(max_examples=20, deadline=None)
@given(case=cases(), seed=st.integers(0, 100))
def test_the_null_is_the_test_under_each_shuffle(case: Case, seed: int) -> None:
    lifts, units = lifted(case)
    labels = np.stack([shuffle_labels(units, seed, n) for n in range(4)], axis=1)
    tested = (case.dense > 0).sum(axis=1) >= 2
    tails = shuffled_tails(lifts, units, labels, tested)
    reached = permuted_aurocs(lifts, labels)
    for shuffle in range(4):
        expected = observed_p(lifts, units._replace(positive=labels[:, shuffle]))
        inside = tails.shuffle == shuffle
        np.testing.assert_allclose(tails.p[inside], expected[tails.feature[inside]], rtol=1e-9)
        assert set(tails.feature[inside]) == set(np.flatnonzero(tested & (expected <= LEVEL)))
        for feature in range(case.n_features):
            expected_auroc = roc_auc_score(labels[:, shuffle], case.dense[feature])
            assert reached[feature, shuffle] == pytest.approx(expected_auroc, abs=1e-12)
    assert tested[tails.feature].all()


@pytest.mark.parametrize("few", [1, 2, 3])
def test_the_family_wise_p_holds_where_a_side_is_of_few_units(few: int) -> None:
    """The rank of one unit is never two standard deviations out, and its p is 2 / 101 all the same."""
    n, features, shuffles, repetitions = few + 100, 100, 99, 30
    rng, found = np.random.default_rng(few), 0
    units = shuffled_units(np.arange(n), np.arange(n) < few)
    labels = np.stack([shuffle_labels(units, 1, number) for number in range(shuffles)], axis=1)
    for _ in range(repetitions):
        feature, unit = np.divmod(np.arange(features * n), n)
        lifts = rank_lifts(Rows(feature, unit, rng.random(features * n).astype(np.float32)), units, features)
        tails = shuffled_tails(lifts, units, labels, np.ones(features, dtype=bool))
        found += family_wise(observed_p(lifts, units), tails, shuffles).min() <= LEVEL
        chance = smallest_p_by_shuffle(tails, features, shuffles)
        assert chance.min_p.min() >= 2 / comb(n, few) * (1 - 1e-9)
        assert np.median(chance.min_p) <= LEVEL
    assert found <= binom.ppf(0.999, repetitions, LEVEL)


def small_p(draw: st.DrawFn, shuffles: int, n_features: int) -> np.ndarray:
    cells = st.sampled_from([1e-6, 1e-4, 0.001, 0.004, 0.01, 0.02, 0.04, 1.0, 1.0, 1.0])
    rows = st.lists(st.lists(cells, min_size=n_features, max_size=n_features), min_size=shuffles, max_size=shuffles)
    return np.array(draw(rows))


@st.composite
def shuffled_p(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """p (shuffle, feature), and the observed p."""
    n_features = draw(st.integers(1, 6))
    return small_p(draw, draw(st.integers(1, 12)), n_features), small_p(draw, 1, n_features)[0]


def tails_of(p: np.ndarray) -> Tails:
    shuffle, feature = np.nonzero(p <= LEVEL)
    return Tails(feature, shuffle, p[shuffle, feature])


@settings(max_examples=60, deadline=None)
@given(drawn=shuffled_p())
def test_chance_is_benjamini_and_hochberg_in_each_shuffle(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    p, _ = drawn
    found = smallest_p_by_shuffle(tails_of(p), p.shape[1], len(p))
    for shuffle, row in enumerate(p):
        q = false_discovery_control(row)
        assert found.min_p[shuffle] == row.min()
        assert found.discoveries[shuffle] == (q <= LEVEL).sum()
        if q.min() <= LEVEL:
            assert found.min_q[shuffle] == pytest.approx(q.min())


@settings(max_examples=60, deadline=None)
@given(drawn=shuffled_p())
def test_the_family_wise_p_steps_down(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    """From the smallest p on: the share of shuffles whose smallest p over the features left is no larger."""
    p, observed = drawn
    found = family_wise(observed, tails_of(p), len(p))
    left, floor = np.ones(len(observed), dtype=bool), 0.0
    for feature in np.argsort(observed, kind="stable"):
        reached = (p[:, left].min(axis=1) <= observed[feature] * (1 + 1e-9)).sum()
        floor = max(floor, (1 + reached) / (1 + len(p)))
        assert found[feature] == pytest.approx(max(floor, observed[feature]))
        left[feature] = False


def test_q_is_not_below_what_shuffles_give() -> None:
    min_q = np.array([0.01, 0.04, 0.2, *[1.0] * 16])
    found = q_not_below_permuted_chance(np.array([0.001, 0.01, 0.03, 0.05, 0.5]), min_q)
    assert found == pytest.approx([0.001, 0.1, 0.1, 0.15, 0.5])


def test_without_anything_tested_there_is_no_chance() -> None:
    nothing = Tails(np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0))
    found = smallest_p_by_shuffle(nothing, 0, 3)
    assert found.min_p.tolist() == found.min_q.tolist() == [1, 1, 1]
    assert found.discoveries.tolist() == [0, 0, 0]
