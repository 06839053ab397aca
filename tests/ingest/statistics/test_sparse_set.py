"""The small set: its weights are those of a general optimiser, near-copies are one finding, and noise has none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ingest.statistics.sparse_set import FOLDS, NEAR, deal_folds, fit_sparse_set, l1_path, sparse_set_representatives


def planted(seed: int, documents: int = 160, features: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.random(documents) < 0.4
    x = rng.gamma(1.0, size=(documents, features)) * (rng.random((documents, features)) < 0.5)
    return x, positive


def everything(x: np.ndarray) -> list[np.ndarray]:
    return [np.arange(x.shape[1])] * (1 + FOLDS)


def ascending_loss(x: np.ndarray, positive: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """The minimum by a general optimiser: each weight is the difference of two numbers not below 0."""
    n_features = x.shape[1]

    def loss(parts: np.ndarray) -> tuple[float, np.ndarray]:
        weight, bias = parts[:n_features] - parts[n_features:-1], parts[-1]
        z = x @ weight + bias
        error = (1 / (1 + np.exp(-z)) - positive) / len(x)
        slope = np.r_[x.T @ error + penalty, -(x.T @ error) + penalty, error.sum()]
        return (np.logaddexp(0, z) - positive * z).mean() + penalty * parts[:-1].sum(), slope

    bounds = [(0, None)] * (2 * n_features) + [(None, None)]
    found = minimize(
        loss, np.zeros(2 * n_features + 1), jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-14}
    )
    return found.x[:n_features] - found.x[n_features:-1], float(found.x[-1])


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_those_of_a_general_optimiser(seed: int) -> None:
    x, positive = planted(seed, 90, 8)
    x[positive, 0] += 1
    penalties = np.array([0.1, 0.03, 0.01])
    path = l1_path(x, positive, np.arange(8), penalties)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    for place, penalty in enumerate(penalties):
        weight, bias = ascending_loss(standard, positive, penalty)
        np.testing.assert_allclose(path.weight[place] * x.std(axis=0), weight, atol=1e-3)
        assert path.bias[place] + path.weight[place] @ x.mean(axis=0) == pytest.approx(bias, abs=1e-3)


def test_forty_near_copies_are_one_finding_and_what_adds_to_them_is_kept() -> None:
    x, positive = planted(1, 400, 60)
    rng = np.random.default_rng(2)
    concept = positive * (rng.random(400) < 0.6)
    x[:, :40] = concept[:, None] * 3 * rng.normal(1, 0.1, (400, 40))
    x[:, 40] = (positive & ~concept.astype(bool)) * 3 + rng.random(400)
    found = fit_sparse_set(x, positive, deal_folds(positive, np.arange(400)), everything(x))
    assert sum(column < 40 for column in found.column) == 1
    assert found.copies[found.column < 40] == 39
    assert 40 in found.column
    assert len(found.column) <= 4
    called = x[:, found.column] @ found.weight + found.bias > 0
    assert (called == positive).mean() > 0.98


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), documents=st.integers(3, 40), features=st.integers(1, 25))
def test_representatives_say_different_things_and_stand_for_all(seed: int, documents: int, features: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(documents, 3)) @ rng.normal(size=(3, features))
    x[:, rng.random(features) < 0.2] = 1
    chosen, copies = sparse_set_representatives(x)
    varies = np.flatnonzero(x.std(axis=0) > 0)
    assert len(chosen) + copies.sum() == len(varies)
    if len(chosen) > 1:
        apart = np.abs(np.corrcoef(x[:, chosen].T)) - np.eye(len(chosen))
        assert apart.max() <= NEAR + 1e-9
    for column in np.setdiff1d(varies, chosen):
        before = chosen[chosen < column]
        assert max(abs(np.corrcoef(x[:, column], x[:, other])[0, 1]) for other in before) > NEAR - 1e-9


def test_noise_has_no_set() -> None:
    sizes = []
    for seed in range(12):
        x, positive = planted(seed, 100, 100)
        found = fit_sparse_set(x, positive, deal_folds(positive, np.arange(100) // 2), everything(x))
        sizes.append(len(found.column))
    assert np.median(sizes) == 0
    assert np.mean(np.array(sizes) > 0) <= 0.25


def test_folds_keep_groups_whole_and_hold_both_sides() -> None:
    positive = np.arange(60) < 15
    group = np.arange(60) // 3
    fold = deal_folds(positive, group)
    assert all(len(set(fold[group == name])) == 1 for name in group)
    assert {(int(f), bool(p)) for f, p in zip(fold, positive, strict=True)} == {
        (f, p) for f in range(FOLDS) for p in (True, False)
    }


def test_features_that_never_vary_are_left_out() -> None:
    x, positive = planted(4)
    x[:, 3] = 7
    x[positive, 5] += 2
    found = fit_sparse_set(x, positive, deal_folds(positive, np.arange(len(x))), everything(x))
    assert 5 in found.column
    assert 3 not in found.column
    assert np.isfinite(found.bias)
