"""The same feature elsewhere: what a search over all pairs finds, a permuted copy one to one, noise by chance."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csc_array

from ingest.families.matches import (
    Matches,
    chance_of_activations,
    chance_of_directions,
    count_matches_shared,
    matches_by_activation,
    matches_by_decoder,
    mutual_matches,
    pair_correlations,
    pair_cosines,
)

VALUES = st.sampled_from([0.0, 0.0, 1.0, 2.5])
ACTIVATIONS = st.integers(3, 20).flatmap(
    lambda tokens: st.tuples(
        *(arrays(np.float32, st.tuples(st.just(tokens), st.integers(1, 6)), elements=VALUES) for _ in range(2))
    )
)


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
    found = matches_by_activation(csc_array(one), csc_array(other), tokens)
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
    np.testing.assert_allclose(
        pair_correlations(csc_array(one), csc_array(other), tokens, found), found.value, atol=1e-9
    )


def test_a_permuted_copy_is_matched_one_to_one() -> None:
    order = np.random.default_rng(5).permutation(40)
    W_dec, activation = random_directions(2, rows=40), random_activations(3)
    for forth, back in (
        (matches_by_decoder(W_dec, W_dec[order]), matches_by_decoder(W_dec[order], W_dec)),
        (
            matches_by_activation(csc_array(activation), csc_array(activation[:, order]), 500),
            matches_by_activation(csc_array(activation[:, order]), csc_array(activation), 500),
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
    one, other = (csc_array(random_activations(seed, 3000, 120)) for seed in (7, 8))
    best = matches_by_activation(one, other, 3000, most=1).value
    assert 0.01 < (best > chance_of_activations(one, other, 3000)).mean() < 0.12
