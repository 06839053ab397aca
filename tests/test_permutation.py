"""Shuffles keep what must be kept, and the null is the rank-sum test under them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from ingest.statistics.permutation import LEVEL, discoveries, exchange, null_of, shuffled_labels
from ingest.statistics.rank_sum import rank_sum
from tests.sparse_cases import Case, cases, random_case


@settings(max_examples=60, deadline=None)
@given(case=cases(), shuffle=st.integers(1, 1000))
def test_a_shuffle_keeps_numbers_pairs_and_groups(case: Case, shuffle: int) -> None:
    exchanged = exchange(case.group, case.positive)
    labels = shuffled_labels(case.positive, exchanged, 20, shuffle)
    assert labels.sum() == case.positive.sum()
    assert (labels == shuffled_labels(case.positive, exchanged, 20, shuffle)).all()
    for group in np.unique(case.group):
        inside = case.group == group
        sides = case.positive[inside].sum(), inside.sum()
        if 0 < sides[0] < sides[1]:
            assert labels[inside].sum() == sides[0], "a template on both sides stays on both"
        else:
            assert labels[inside].sum() in (0, inside.sum()), "a template on one side moves whole"


def test_every_exchange_that_may_happen_does() -> None:
    group = np.array([0, 0, 1, 2, 3, 4, 4, 5, 5])
    positive = np.array([True, False, True, False, False, True, True, False, False])
    exchanged = exchange(group, positive)
    drawn = {tuple(shuffled_labels(positive, exchanged, 1, n).tolist()) for n in range(300)}
    assert len(drawn) == 2 * 3 * 2  # the pair; one positive among three alone; the two twins


@settings(max_examples=30, deadline=None)
@given(case=cases(), seed=st.integers(0, 100))
def test_the_null_is_the_rank_sum_test_under_each_shuffle(case: Case, seed: int) -> None:
    feature, document, score = case.rows
    exchanged = exchange(np.arange(len(case.positive)), case.positive)
    labels = np.stack([shuffled_labels(case.positive, exchanged, seed, n) for n in range(4)], axis=1)
    tested = (case.dense > 0).sum(axis=1) >= 2
    found = null_of(feature, score, document, labels, tested)
    for shuffle in range(4):
        expected = rank_sum(feature, score, labels[document, shuffle], case.sizes, case.n_features)
        p = expected.p[tested]
        assert found.min_p[shuffle] == pytest.approx(p.min(initial=1), rel=1e-9)
        assert found.max_auroc[shuffle] == pytest.approx(expected.auroc[tested].max(initial=0 if tested.any() else 0.5))
        np.testing.assert_allclose(np.sort(found.small_p[shuffle]), np.sort(p[p <= LEVEL]), rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_discoveries_are_those_of_benjamini_and_hochberg(p: list[float]) -> None:
    values = np.array(p)
    q = false_discovery_control(values)
    if np.abs(q - LEVEL).min() > 1e-12:
        assert discoveries(values[values <= LEVEL], len(values)) == (q <= LEVEL).sum()


def test_shuffled_labels_find_nothing_more_often_than_they_may() -> None:
    """Null truth: features that have nothing to do with the labels, 200 shuffles, q < 0.05."""
    case = random_case(5, 400, 120)
    dense = np.where(case.positive & (np.arange(400)[:, None] < 3), case.dense / 3, case.dense)
    feature, document = np.nonzero(dense)
    score = dense[feature, document]
    exchanged = exchange(case.group, case.positive)
    labels = np.stack([shuffled_labels(case.positive, exchanged, 20, n) for n in range(1, 201)], axis=1)
    tested = (dense > 0).sum(axis=1) >= 5
    found = null_of(feature, score, document, labels, tested)
    runs = sum(discoveries(small, int(tested.sum())) > 0 for small in found.small_p)
    assert runs <= at_most(200)


def at_most(runs: int) -> int:
    """The most runs of so many with a discovery that a rate of 5 % explains, at one chance in a thousand."""
    from scipy.stats import binom

    return int(binom.ppf(0.999, runs, LEVEL))
