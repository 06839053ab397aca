"""Shuffled labels give no discoveries beyond the stated rate; the full grid is in `make faults`."""

import numpy as np
import pytest

from ingest.statistics.fisher import fisher_exact
from ingest.statistics.permutation import observed_p
from ingest.statistics.rank_sum import benjamini_hochberg
from ingest.statistics.shuffles import Rows, rank_lifts, shuffled_units
from tests.made.relabelled import random_scores, rank_sums, signed_ranks
from tests.made.relabelled_numbers import associations, least_p

RELABELLINGS = 400


@pytest.mark.parametrize(("n_positive", "n_control"), [(4, 164), (15, 241), (45, 211), (128, 128)])
def test_nothing_is_found_where_nothing_is(n_positive: int, n_control: int) -> None:
    n = n_positive + n_control
    scores = random_scores(np.random.default_rng(n_positive), 500, n)
    units = shuffled_units(np.arange(n), np.arange(n) < n_positive)
    assert rank_sums(scores, units, RELABELLINGS).within


def test_nothing_is_found_where_books_are_split_at_random() -> None:
    rng = np.random.default_rng(2)
    book = np.sort(rng.integers(0, 40, 240))
    scores = random_scores(rng, 500, 240, book)
    assert rank_sums(scores, shuffled_units(book, book < 12), RELABELLINGS).within


def test_books_that_are_taken_apart_find_what_is_not_there() -> None:
    """That the test before can fail: the same books, one side each, with every document a unit of its own."""
    rng = np.random.default_rng(2)
    book = np.sort(rng.integers(0, 40, 240))
    scores = random_scores(rng, 500, 240, book)
    feature, document = np.nonzero(scores)
    found = 0
    for _ in range(20):
        units = shuffled_units(np.arange(240), np.isin(book, rng.choice(40, 12, replace=False)))
        p = observed_p(rank_lifts(Rows(feature, document, scores[feature, document]), units, len(scores)), units)
        found += benjamini_hochberg(p).min() <= 0.05
    assert found >= 10


def test_nothing_is_found_in_how_often_books_fire() -> None:
    """And that it can fail: Fisher's test of their documents finds what is not there."""
    rng = np.random.default_rng(9)
    book = np.sort(rng.integers(0, 40, 240))
    fires = (random_scores(rng, 500, 240, book) > 0).astype(np.float32)
    assert rank_sums(fires, shuffled_units(book, book < 12), RELABELLINGS).within
    found = 0
    for _ in range(20):
        positive = np.isin(book, rng.choice(40, 12, replace=False))
        hits, others = (fires[:, side].sum(axis=1).astype(int) for side in (positive, ~positive))
        p = fisher_exact(hits, others, (int(positive.sum()), int((~positive).sum())))
        found += benjamini_hochberg(p).min() <= 0.05
    assert found >= 10


def test_nothing_is_found_within_pairs() -> None:
    scores = random_scores(np.random.default_rng(3), 300, 120)
    units = shuffled_units(np.arange(120) // 2, np.arange(120) % 2 == 0)
    assert rank_sums(scores, units, RELABELLINGS).within
    assert signed_ranks(scores, 100).within


def test_nothing_is_found_within_strata() -> None:
    rng = np.random.default_rng(4)
    units = shuffled_units(np.arange(200), np.arange(200) < 24, rng.integers(0, 5, 200))
    assert rank_sums(random_scores(rng, 500, 200), units, RELABELLINGS).within


def test_nothing_is_found_where_numbers_mean_nothing() -> None:
    """Tied numbers, nearly all of them equal."""
    rng = np.random.default_rng(5)
    label = np.where(np.arange(120) < 9, rng.integers(1, 4, 120), 0).astype(float)
    assert associations(random_scores(rng, 150, 120), np.arange(120), label, 25).within


def test_nothing_is_found_where_classes_mean_nothing() -> None:
    rng = np.random.default_rng(6)
    label = np.digitize(np.arange(120), [4, 16])
    assert associations(random_scores(rng, 150, 120), np.arange(120), label, 25).within


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_books_exchange_what_they_bear(kind: str) -> None:
    """And that the test before can fail: taken apart into documents, books find what is not there."""
    rng = np.random.default_rng(7)
    book = np.sort(rng.integers(0, 40, 200))
    borne = rng.normal(size=40) if kind == "numbers" else np.arange(40) % 4
    scores = random_scores(rng, 200, 200, book)
    assert associations(scores, book, borne[book], 25).within
    smallest = [least_p(scores, np.arange(200), rng.permutation(borne)[book]) for _ in range(10)]
    assert sum(p <= 0.05 / len(scores) for p in smallest) >= 5
