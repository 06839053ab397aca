"""Estimators of Shapley values: brute force, shap's own, and the properties that define the values."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.attribution.shap_library import load_shap
from ingest.attribution.shapley import Coalitions, Game, every_coalition, exact_values, permutation_values


def random_game(players: int, seed: int, outputs: int = 1) -> Game:
    """A game with a random value for every coalition."""
    table = np.random.default_rng(seed).normal(size=(2**players, outputs))
    powers = 2 ** np.arange(players)[::-1]
    return lambda coalitions: table[coalitions @ powers]


def brute_force(game: Game, players: int) -> np.ndarray:
    """The mean rise over every order."""
    orders = list(permutations(range(players)))
    owed = np.zeros(players)
    for order in orders:
        present = np.zeros((1, players), dtype=bool)
        before = game(present)[0, 0]
        for player in order:
            present[0, player] = True
            after = game(present)[0, 0]
            owed[player] += after - before
            before = after
    return owed / len(orders)


@pytest.mark.parametrize("players", range(1, 7))
def test_exact_values_are_the_mean_over_every_order(players: int) -> None:
    game = random_game(players, players)
    np.testing.assert_allclose(exact_values(game, players).values[:, 0], brute_force(game, players), atol=1e-12)


@pytest.mark.parametrize("players", [2, 7, 10])
def test_exact_values_equal_shaps(players: int) -> None:
    game = random_game(players, players)

    def of_rows(rows: np.ndarray) -> np.ndarray:
        return game(rows > 0.5)[:, 0]

    masker = load_shap().maskers.Independent(np.zeros((1, players)))
    theirs = load_shap().ExactExplainer(of_rows, masker)(np.ones((1, players)))
    np.testing.assert_allclose(exact_values(game, players).values[:, 0], theirs.values[0], atol=1e-8)


sizes = st.integers(2, 7)
seeds = st.integers(0, 10_000)


@settings(max_examples=40, deadline=None)
@given(sizes, seeds, st.integers(1, 3))
def test_values_add_up(players: int, seed: int, outputs: int) -> None:
    game = random_game(players, seed, outputs)
    for estimate in (exact_values(game, players), permutation_values(game, players, 3, seed)):
        np.testing.assert_allclose(estimate.residual, 0, atol=1e-12)
        np.testing.assert_allclose(estimate.values.sum(0), game(every_coalition(players)[[-1]])[0] - estimate.base)


@settings(max_examples=40, deadline=None)
@given(sizes, seeds, st.data())
def test_a_player_that_never_matters_owes_nothing(players: int, seed: int, data: st.DataObject) -> None:
    dummy = data.draw(st.integers(0, players - 1))
    inner = random_game(players, seed)

    def game(coalitions: Coalitions) -> np.ndarray:
        return inner(coalitions & (np.arange(players) != dummy))

    for estimate in (exact_values(game, players), permutation_values(game, players, 3, seed)):
        assert abs(estimate.values[dummy, 0]) < 1e-12


@settings(max_examples=40, deadline=None)
@given(sizes, seeds)
def test_players_that_do_the_same_owe_the_same(players: int, seed: int) -> None:
    inner = random_game(players, seed)

    def game(coalitions: Coalitions) -> np.ndarray:
        swapped = coalitions.copy()
        swapped[:, [0, 1]] = swapped[:, [1, 0]]
        return inner(coalitions) + inner(swapped)

    first, second = exact_values(game, players).values[:2, 0]
    assert first == pytest.approx(second, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(sizes, seeds, st.floats(-3, 3), st.floats(-3, 3))
def test_values_are_linear_in_the_game(players: int, seed: int, a: float, b: float) -> None:
    one, other = random_game(players, seed), random_game(players, seed + 1)

    def game(coalitions: Coalitions) -> np.ndarray:
        return a * one(coalitions) + b * other(coalitions)

    values = [exact_values(each, players).values for each in (game, one, other)]
    sampled = [permutation_values(each, players, 2, seed).values for each in (game, one, other)]
    for whole, first, second in (values, sampled):
        np.testing.assert_allclose(whole, a * first + b * second, atol=1e-11)


def test_permutations_converge_within_their_standard_error() -> None:
    game = random_game(8, 5)
    exact = exact_values(game, 8).values
    estimate = permutation_values(game, 8, 400)
    assert estimate.standard_error is not None
    assert np.abs((estimate.values - exact) / estimate.standard_error).max() < 4
    assert estimate.evaluations <= 2**8
    assert permutation_values(game, 8, 1).standard_error is None


def threshold_game(players: int, seed: int, outputs: int = 10) -> Game:
    """What features do: the largest of a few sums over some of the players, where it comes over a threshold."""
    draw, coalitions = np.random.default_rng(seed), every_coalition(players).astype(float)
    table = np.zeros((2**players, outputs))
    for output in range(outputs):
        for _ in range(draw.integers(1, 4)):
            weight = draw.normal(size=players) * (draw.random(players) < 0.5)
            threshold = draw.uniform(0, 0.8) * weight.clip(0).sum()
            table[:, output] = np.maximum(table[:, output], coalitions @ weight - threshold)
    powers = 2 ** np.arange(players)[::-1]
    return lambda rows: table[rows @ powers]


@pytest.mark.parametrize("pairs", [4, 8, 16])
def test_standard_errors_cover_rare_and_large_rises(pairs: int) -> None:
    """Nominal: 0.95 within 2 errors. Players that owe something are counted apart: the others are easily right."""
    within, owing = [], []
    for seed in range(12):
        game = threshold_game(9, seed)
        exact = exact_values(game, 9).values
        for draw in range(12):
            estimate = permutation_values(game, 9, pairs, draw)
            assert estimate.standard_error is not None
            off = np.abs(estimate.values - exact)
            within.append(off <= 2 * estimate.standard_error + 1e-12)
            owing.append(np.abs(exact) > 1e-9)
            assert (estimate.standard_error[:, np.ptp(estimate.values, axis=0) > 0] > 0).all()
    hits, counted = np.stack(within), np.stack(owing)
    assert hits.mean() >= 0.95
    assert hits[counted].mean() >= 0.93


def test_permutations_are_exact_where_players_only_meet_in_pairs() -> None:
    weights = np.random.default_rng(0).normal(size=(9, 9))

    def game(coalitions: Coalitions) -> np.ndarray:
        present = coalitions.astype(float)
        values: np.ndarray = np.einsum("ri,ij,rj->r", present, weights, present)
        return values[:, None]

    np.testing.assert_allclose(permutation_values(game, 9, 1).values, exact_values(game, 9).values, atol=1e-12)
