"""The same feature elsewhere: what a search over all pairs finds, a permuted copy one to one, noise by chance."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array

from ingest.families.activation_matches import chance_of_activations, matches_by_activation
from ingest.families.matches import (
    Matches,
    chance_of_directions,
    count_matches_shared,
    matches_by_decoder,
    mutual_matches,
    pair_cosines,
)
from ingest.families.products import Paired

VALUES = st.sampled_from([0.0, 0.0, 1.0, 2.5])
ACTIVATIONS = st.integers(3, 20).flatmap(
    lambda tokens: st.tuples(
        *(arrays(np.float32, st.tuples(st.just(tokens), st.integers(1, 6)), elements=VALUES) for _ in range(2))
    )
)


def paired(one: np.ndarray, other: np.ndarray, tokens: int | None = None, cuts: list[int] | None = None) -> Paired:
    """Two matrices of the same rows in chunks that end at these rows."""
    parts = (np.split(side, sorted(cuts or [])) for side in (one, other))
    chunks = [(csr_array(here), csr_array(there)) for here, there in zip(*parts, strict=True)]
    return Paired(chunks, one.shape[1], other.shape[1], len(one) if tokens is None else tokens)


def shifted(one: np.ndarray, other: np.ndarray) -> Paired:
    """The rows of the other by half their number further on."""
    return paired(one, np.roll(other, len(other) // 2, axis=0))


def random_directions(seed: int, rows: int = 60, d: int = 16) -> torch.Tensor:
    return torch.randn(rows, d, generator=torch.Generator().manual_seed(seed))


def random_activations(seed: int, tokens: int = 500, features: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.gamma(1.0, size=(tokens, features)) * (rng.random((tokens, features)) < 0.1)).astype(np.float32)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_matches_by_decoder_are_those_of_a_search(chunk: int) -> None:
    one, other = random_directions(0), random_directions(1, rows=45)
    one[3], other[7] = 0, 0
    found = matches_by_decoder(one, other, chunk_bytes=chunk * 4 * len(other))
    assert 3 not in found.feature
    for feature in set(range(60)) - {3}:
        value = [
            float(torch.nn.functional.cosine_similarity(one[feature], row, dim=0)) if row.any() else -9 for row in other
        ]
        expected = sorted(range(45), key=lambda place: -value[place])[:3]
        mine = found.feature == feature
        assert found.other[mine].tolist() == expected
        np.testing.assert_allclose(found.value[mine], [value[place] for place in expected], atol=1e-6)
    np.testing.assert_allclose(pair_cosines(one, other, found), found.value, atol=1e-6)


@settings(max_examples=80, deadline=None)
@given(pair=ACTIVATIONS, silent=st.integers(0, 9))
def test_matches_by_activation_are_those_of_a_search(pair: tuple[np.ndarray, np.ndarray], silent: int) -> None:
    """numpy's correlations of the same columns, with tokens on which nothing fires written out."""
    one, other = pair
    tokens = len(one) + silent
    found = matches_by_activation(paired(one, other, tokens)).matches
    written = [np.pad(side, ((0, silent), (0, 0))).astype(float) for side in pair]
    for feature in range(one.shape[1]):
        value = {}
        for place in range(other.shape[1]):
            columns = written[0][:, feature], written[1][:, place]
            if all(column.std() > 0 for column in columns):
                value[place] = round(float(np.corrcoef(*columns)[0, 1]), 9)
        expected = sorted((place for place in value if value[place] > 0), key=lambda place: (-value[place], place))[:3]
        mine = found.feature == feature
        np.testing.assert_allclose(found.value[mine], [value[place] for place in expected], atol=1e-7)
        assert {round(value[place], 6) for place in found.other[mine].tolist()} == {
            round(value[place], 6) for place in expected
        }
    asked = matches_by_activation(paired(one, other, tokens), asked=found).asked
    np.testing.assert_allclose(asked, found.value, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    pair=ACTIVATIONS, cuts=st.lists(st.integers(0, 20), max_size=6), held=st.sampled_from([1, 80]), seed=st.integers(0)
)
def test_chunks_and_ranges_give_the_same_digits(
    pair: tuple[np.ndarray, np.ndarray], cuts: list[int], held: int, seed: int
) -> None:
    one, other = (side * np.random.default_rng(seed).gamma(1.0, size=side.shape).astype(np.float32) for side in pair)
    here, there = np.indices((one.shape[1], other.shape[1])).reshape(2, -1)
    asked = Matches(here, there, np.ones_like(here), np.zeros(len(here)))
    whole, parts = (
        matches_by_activation(paired(one, other, len(one) + 2, at), asked=asked, held=bytes_of_sums)
        for at, bytes_of_sums in (([], 1 << 20), (cuts, held))
    )
    np.testing.assert_array_equal(parts.asked, whole.asked)
    for columns in zip(parts.matches, whole.matches, strict=True):
        np.testing.assert_array_equal(*columns)
    for found in (whole, parts):
        held_each = dict(zip(zip(here.tolist(), there.tolist(), strict=True), found.asked.tolist(), strict=True))
        pairs = zip(found.matches.feature.tolist(), found.matches.other.tolist(), strict=True)
        assert [held_each[pair] for pair in pairs] == found.matches.value.tolist()


def test_the_correlation_with_what_never_varies_is_not_known() -> None:
    one, other = np.array([[1.0, 0.0], [2.0, 0.0]], np.float32), np.array([[1.0, 3.0], [5.0, 3.0]], np.float32)
    asked = Matches(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.ones(4, int), np.zeros(4))
    np.testing.assert_allclose(matches_by_activation(paired(one, other), asked=asked).asked, [1] + 3 * [np.nan])


def test_a_permuted_copy_is_matched_one_to_one() -> None:
    order = np.random.default_rng(5).permutation(40)
    W_dec, activation = random_directions(2, rows=40), random_activations(3)
    for forth, back in (
        (matches_by_decoder(W_dec, W_dec[order]), matches_by_decoder(W_dec[order], W_dec)),
        (
            matches_by_activation(paired(activation, activation[:, order])).matches,
            matches_by_activation(paired(activation[:, order], activation)).matches,
        ),
    ):
        np.testing.assert_array_equal(forth.best.feature, np.arange(40))
        np.testing.assert_array_equal(order[forth.best.other], np.arange(40))
        np.testing.assert_allclose(forth.best.value, 1, atol=1e-6)
        assert mutual_matches(forth, back)[forth.rank == 1].all()
        assert not mutual_matches(forth, back)[forth.rank > 1].any()
        assert (count_matches_shared(forth, 0.7)[forth.rank == 1] == 1).all()


def test_what_is_split_here_says_so_and_what_is_not_does_not() -> None:
    whole = torch.eye(4)
    parts = torch.cat([whole, whole[:1] + 0.3 * whole[3:], -whole[1:2]])
    found = matches_by_decoder(parts, whole, most=1)
    assert found.other[[0, 4]].tolist() == [0, 0]
    assert count_matches_shared(found, 0.7)[:5].tolist() == [2, 1, 1, 1, 2]
    assert count_matches_shared(found, 0.7)[5] == 0
    assert count_matches_shared(found, 0.99)[:5].tolist() == [1, 1, 1, 1, 0]


def test_mutual_is_told_by_the_way_back() -> None:
    def one_each(other: list[int]) -> Matches:
        places = np.arange(len(other))
        return Matches(places, np.array(other), np.ones(len(other), int), np.ones(len(other)))

    assert mutual_matches(one_each([1, 0, 0]), one_each([2, 0])).tolist() == [True, False, True]


def test_widths_that_differ_have_no_cosine() -> None:
    with pytest.raises(ValueError, match="width 16 and 8"):
        matches_by_decoder(random_directions(0), random_directions(0, d=8))


def test_random_directions_are_no_nearer_than_chance_says() -> None:
    one, other = random_directions(10, rows=800, d=32), random_directions(11, rows=600, d=32)
    best = matches_by_decoder(one, other, most=1).value
    assert 0.02 < (best > chance_of_directions(one, other)).mean() < 0.09
    copied = matches_by_decoder(one, one + 0.3 * random_directions(12, rows=800, d=32), most=1).value
    assert (copied > chance_of_directions(one, one)).all()


def test_activations_that_have_nothing_to_do_with_each_other_correlate_as_by_chance() -> None:
    one, other = (random_activations(seed, 3000, 120) for seed in (7, 8))
    best = matches_by_activation(paired(one, other), most=1).matches.value
    assert 0.01 < (best > chance_of_activations(shifted(one, other))).mean() < 0.12
