"""Features that fire together: the counts of a search over all pairs, for any chunks, ranges and blocks."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array

from ingest.families.coactive_pairs import MIN_BOTH, counted_together, features_firing_with
from ingest.families.products import Firing

FIRES = arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(1, 9)), elements=st.sampled_from([0.0, 0.0, 2.5]))


def by_hand(fires: np.ndarray) -> dict[tuple[int, int], int]:
    """On how many tokens each two columns are above 0, token by token."""
    found = {}
    for one, other in permutations(range(fires.shape[1]), 2):
        both = sum(1 for row in fires.tolist() if row[one] > 0 and row[other] > 0)
        if both >= MIN_BOTH:
            found[one, other] = both
    return found


def firing(fires: np.ndarray, tokens: int | None = None, cuts: list[int] | None = None) -> Firing:
    """A matrix in chunks that end at these rows."""
    parts = np.split(fires, sorted(cuts or []))
    return Firing([csr_array(part) for part in parts], fires.shape[1], len(fires) if tokens is None else tokens)


@settings(max_examples=80, deadline=None)
@given(
    fires=FIRES,
    cuts=st.lists(st.integers(0, 30), max_size=6),
    held=st.sampled_from([1, 80, 1 << 20]),
    cells=st.sampled_from([1, 20, 1 << 20]),
)
def test_counts_are_those_of_a_search(fires: np.ndarray, cuts: list[int], held: int, cells: int) -> None:
    found: dict[tuple[int, int], int] = {}
    for counted in counted_together(firing(fires, cuts=cuts), held=held):
        assert counted.both.nbytes <= max(held, 4 * fires.shape[1])
        np.testing.assert_array_equal(counted.active, (fires > 0).sum(axis=0))
        for part in counted.pairs(cells):
            found |= dict(
                zip(zip(part.feature.tolist(), part.other.tolist(), strict=True), part.both.tolist(), strict=True)
            )
    assert found == by_hand(fires)


@settings(max_examples=60, deadline=None)
@given(fires=FIRES, most=st.integers(1, 4), by_lift=st.booleans())
def test_company_is_that_of_a_search(fires: np.ndarray, most: int, by_lift: bool) -> None:
    active, tokens = (fires > 0).sum(axis=0), len(fires) + 3
    both = by_hand(fires)

    def overlap(one: int, other: int) -> float:
        return both[one, other] / (active[one] + active[other] - both[one, other])

    def lift(one: int, other: int) -> float:
        return (both[one, other] / tokens) / ((active[one] / tokens) * (active[other] / tokens))

    company = features_firing_with(firing(fires, tokens), most, by_lift=by_lift)
    assert (company.tokens, company.features) == (tokens, (active > 0).sum())
    found = company.pairs
    value = lift if by_lift else overlap
    for one in range(fires.shape[1]):
        expected = sorted((other for here, other in both if here == one), key=lambda o: (-round(value(one, o), 9), o))
        mine = found.feature == one
        assert found.other[mine].tolist() == expected[:most]
        assert found.rank[mine].tolist() == list(range(1, len(expected[:most]) + 1))
        np.testing.assert_allclose(found.jaccard[mine], [overlap(one, other) for other in expected[:most]])
        np.testing.assert_allclose(found.lift(tokens)[mine], [lift(one, other) for other in expected[:most]])


@pytest.mark.parametrize("size", [1, 25, 10_000])
def test_chunks_and_blocks_do_not_matter(size: int) -> None:
    rng = np.random.default_rng(0)
    fires = (rng.random((400, 40)) < 0.1).astype(np.float32)
    whole = features_firing_with(firing(fires)).pairs
    told: list[int] = []
    parts = features_firing_with(
        firing(fires, cuts=list(range(0, 400, size))),
        report=lambda done, features: told.append(done),
        held=4 * size,
        cells=size,
    ).pairs
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)
    assert told == sorted(told)
    assert told[-1] == 40


def test_of_features_that_fire_by_themselves_the_lift_is_one() -> None:
    """Nothing is to be found: the mean lift over all pairs is 1, whatever the densities."""
    rng = np.random.default_rng(3)
    fires = (rng.random((20_000, 30)) < np.linspace(0.05, 0.4, 30)).astype(np.float32)
    found = features_firing_with(firing(fires), most=30).pairs
    assert len(found.feature) == 30 * 29
    assert found.lift(20_000).mean() == pytest.approx(1, abs=0.02)
