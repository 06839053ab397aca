"""Moments and extremes of logit weights against scipy on the whole matrix."""

import numpy as np
import pytest
import torch
from scipy import stats

from ingest.statistics.logit_weights import Mode, logit_weights

RNG = np.random.default_rng(5)
W_DEC = (RNG.standard_normal((37, 16)) * RNG.gamma(1, size=(37, 1))).astype(np.float32)
W_U = (RNG.standard_t(4, size=(16, 700)) + 0.3).astype(np.float32)


def matrix(mode: Mode) -> np.ndarray:
    columns = W_U.astype(np.float64)
    if mode == "cosine":
        columns = columns / np.linalg.norm(columns, axis=0)
    whole: np.ndarray = W_DEC.astype(np.float64) @ columns
    return whole


@pytest.mark.parametrize("mode", ["plain", "cosine"])
def test_moments_equal_scipy(mode: Mode) -> None:
    found, whole = logit_weights(torch.tensor(W_DEC), torch.tensor(W_U), mode=mode), matrix(mode)
    np.testing.assert_allclose(found.mean, whole.mean(axis=1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.std, whole.std(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.skewness, stats.skew(whole, axis=1), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.kurtosis, stats.kurtosis(whole, axis=1, fisher=False), rtol=1e-4)


@pytest.mark.parametrize("size", [1e-30, 1e-20, 1e-12, 1e10, 1e20])
def test_moments_do_not_depend_on_the_length_of_a_row(size: float) -> None:
    plain, scaled = (logit_weights(torch.tensor(W_DEC * np.float32(by)), torch.tensor(W_U)) for by in (1, size))
    np.testing.assert_allclose(scaled.skewness, plain.skewness, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scaled.kurtosis, plain.kurtosis, rtol=1e-5)
    np.testing.assert_allclose(scaled.std, plain.std * size, rtol=1e-5)
    np.testing.assert_allclose(scaled.mean, plain.mean * size, rtol=1e-4, atol=1e-6 * size)
    np.testing.assert_allclose(scaled.top_weights, plain.top_weights * size, rtol=1e-4)
    assert (scaled.top_tokens[:, 0] == plain.top_tokens[:, 0]).all()


@pytest.mark.parametrize("mode", ["plain", "cosine"])
def test_extremes_equal_a_sort(mode: Mode) -> None:
    found, whole = logit_weights(torch.tensor(W_DEC), torch.tensor(W_U), mode=mode, extremes=7), matrix(mode)
    order = np.argsort(whole, axis=1)
    np.testing.assert_array_equal(found.top_tokens, order[:, ::-1][:, :7])
    np.testing.assert_array_equal(found.bottom_tokens, order[:, :7])
    np.testing.assert_allclose(found.top_weights, np.sort(whole, axis=1)[:, ::-1][:, :7], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.bottom_weights, np.sort(whole, axis=1)[:, :7], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 5, 36, 37, 1000])
def test_chunks_do_not_matter(rows: int) -> None:
    whole = logit_weights(torch.tensor(W_DEC), torch.tensor(W_U))
    parts = logit_weights(torch.tensor(W_DEC), torch.tensor(W_U), chunk_bytes=rows * 4 * W_U.shape[1])
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_row_of_zeros_has_no_shape() -> None:
    found = logit_weights(torch.zeros(1, 16), torch.tensor(W_U))
    assert (found.mean[0], found.std[0]) == (0, 0)
    assert np.isnan([found.skewness[0], found.kurtosis[0]]).all()
    assert (found.top_weights == 0).all()


def test_a_column_of_zeros_has_no_direction() -> None:
    columns = torch.tensor(W_U)
    columns[:, 3] = 0
    found = logit_weights(torch.tensor(W_DEC), columns, mode="cosine")
    assert np.isfinite(found.kurtosis).all()


def test_fewer_tokens_than_extremes() -> None:
    found = logit_weights(torch.tensor(W_DEC), torch.tensor(W_U[:, :4]))
    assert found.top_tokens.shape == (37, 4)


def test_what_does_not_write_to_the_residual_stream_is_refused() -> None:
    with pytest.raises(ValueError, match="width 16"):
        logit_weights(torch.tensor(W_DEC), torch.tensor(W_U[:9]))
