"""Logit weights: what each feature's decoder direction does to every token's logit.

Source: Bloom & Lin, "Understanding SAE Features with the Logit Lens" (2024):
moments of the rows of W_dec @ W_U, skewness E[z^3], kurtosis E[z^4].
"""

from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

CHUNK_BYTES = 64 * 2**20
Mode = Literal["plain", "cosine"]


class LogitWeights(NamedTuple):
    """Moments of each feature's logit weights, and its extreme tokens.

    Shapes: mean, std, skewness, kurtosis (d_sae,), float64, NaN where std is 0;
    top_tokens, top_weights, bottom_tokens, bottom_weights (d_sae, extremes), extreme first.
    """

    mean: Float[np.ndarray, " d_sae"]
    std: Float[np.ndarray, " d_sae"]
    skewness: Float[np.ndarray, " d_sae"]
    kurtosis: Float[np.ndarray, " d_sae"]
    top_tokens: Int[np.ndarray, "d_sae extremes"]
    top_weights: Float[np.ndarray, "d_sae extremes"]
    bottom_tokens: Int[np.ndarray, "d_sae extremes"]
    bottom_weights: Float[np.ndarray, "d_sae extremes"]


@torch.inference_mode()
def logit_weights(
    W_dec: Float[torch.Tensor, "d_sae d_model"],
    W_U: Float[torch.Tensor, "d_model d_vocab"],
    *,
    mode: Mode = "plain",
    extremes: int = 10,
    chunk_bytes: int = CHUNK_BYTES,
) -> LogitWeights:
    """Moments and extremes of W_dec @ W_U, in chunks of rows: memory does not grow with d_sae.

    Raises:
        ValueError: the widths differ (an SAE that does not write to the residual stream).
    """
    if W_dec.shape[1] != W_U.shape[0]:
        raise ValueError(f"decoder rows of width {W_dec.shape[1]} cannot meet an unembedding of {W_U.shape[0]}")
    if mode == "cosine":
        W_U = W_U / W_U.norm(dim=0, keepdim=True).clamp(min=torch.finfo(W_U.dtype).tiny)
    extremes = min(extremes, W_U.shape[1])
    parts = [_chunk(rows, W_U, extremes) for rows in torch.split(W_dec, max(1, chunk_bytes // (4 * W_U.shape[1])))]
    return LogitWeights(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _chunk(rows: torch.Tensor, W_U: torch.Tensor, extremes: int) -> tuple[np.ndarray, ...]:
    """Rows are scaled to a largest weight of 1, and their logits again: powers of small numbers would underflow."""
    size = _magnitude(rows)
    logits = (rows / size) @ W_U  # (row, d_vocab)
    top = logits.topk(extremes, dim=1)
    bottom = logits.topk(extremes, dim=1, largest=False)
    mean = logits.mean(dim=1, dtype=torch.float64)
    centred = logits.sub_(mean.to(logits.dtype)[:, None])
    spread = _magnitude(centred)
    centred /= spread
    square = centred * centred
    m2, m3, m4 = (_mean_product(a, b) for a, b in ((centred, centred), (centred, square), (square, square)))
    m2 = torch.where(m2 > 0, m2, torch.nan)
    unit = size.double()[:, 0]
    std = (m2.sqrt() * spread[:, 0] * unit).nan_to_num(0.0)
    moments = (mean * unit, std, m3 / m2**1.5, m4 / m2**2)
    tensors = (*moments, top.indices, top.values * size, bottom.indices, bottom.values * size)
    return tuple(tensor.cpu().numpy() for tensor in tensors)


def _magnitude(rows: torch.Tensor) -> torch.Tensor:
    """The power of two just above each row's largest value, which scales it without rounding; 1 for zeros."""
    exponent = torch.frexp(rows.abs().amax(dim=1, keepdim=True)).exponent
    return torch.ldexp(torch.ones_like(rows[:, :1]), exponent.clamp(-126, 127))


def _mean_product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Row means of a * b without storing the product."""
    product: torch.Tensor = torch.linalg.vecdot(a, b)
    return product.double() / a.shape[1]
