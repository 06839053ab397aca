"""What an SAE reads, scaled, and of what it gives the few features above zero.

A scale is taken before encoding and given back to what is decoded. Source: SAELens,
`SAE._setup_activation_normalization`, whose own keeps the scale on the object from encode to decode.

Dense activations become sparse ones chunk by chunk: only what is above zero leaves a chunk.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from schema.errors import ModelError

X = Float[torch.Tensor, "*rows d_in"]

EPS = 1e-5
SCALED = ("layer_norm", "constant_norm_rescale")
"""Scalings by the input's own; others are part of the weights."""


@dataclass(frozen=True)
class Scale:
    """What an SAE reads, and what takes its reconstruction back to the input's own scale."""

    scaled: X
    give_back: Callable[[X], X]


def take_sae_scale(x: X, normalize_activations: str) -> Scale:
    """x scaled as SAELens' `normalize_activations` says."""
    if normalize_activations == "layer_norm":
        centre = x.mean(-1, keepdim=True)
        size = (x - centre).std(-1, keepdim=True)
        return Scale((x - centre) / (size + EPS), lambda decoded: decoded * size + centre)
    if normalize_activations == "constant_norm_rescale":
        shrink = x.shape[-1] ** 0.5 / x.norm(dim=-1, keepdim=True)
        return Scale(x * shrink, lambda decoded: decoded / shrink)
    return Scale(x, lambda decoded: decoded)


CHUNK_ROWS = 512
LARGEST = 1e15
"""What is read or given is below: its products stay finite, and its fourth powers are summed in float64."""
Dense = Float[torch.Tensor, "row d_sae"]


class SparseActivations(NamedTuple):
    """Activations above zero, by row, then feature.

    Shapes: each (nonzero,).
    """

    row: Int[np.ndarray, " nonzero"]
    feature: Int[np.ndarray, " nonzero"]
    activation: Float[np.ndarray, " nonzero"]

    def __len__(self) -> int:
        return len(self.row)


class NotFiniteError(ModelError):
    """What an SAE reads or gives in a row is no number, or too large for one."""

    def __init__(self, row: int, feature: int | None) -> None:
        self.row = row
        self.feature = feature
        what = "what is read" if feature is None else f"the activation of feature {feature}"
        super().__init__(f"{what} is NaN, infinite or beyond {LARGEST:g}")


NOTHING = SparseActivations(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
DenseEncoder = Callable[[Float[torch.Tensor, "row d_in"]], Dense]
"""Gives what need not hold longer than until the next call."""
SparseEncoder = Callable[[Float[torch.Tensor, "row d_in"]], SparseActivations | None]
"""Gives nothing where a dense one is faster."""


def sparse_rows(
    dense: DenseEncoder,
    x: Float[torch.Tensor, "row d_in"],
    chunk_rows: int = CHUNK_ROWS,
    sparse: SparseEncoder | None = None,
) -> SparseActivations:
    """What an encoder gives above zero, so many rows at a time; sparse as far as that goes, then dense.

    Raises:
        NotFiniteError: what is read or given is NaN, infinite or too large.
    """
    _check_input(x)
    parts = []
    for first, chunk in _chunks(x, chunk_rows):
        found = sparse(chunk) if sparse else None
        if found is None:
            sparse, found = None, _compress(dense(chunk))
        parts.append(SparseActivations(found.row + np.int32(first), found.feature, found.activation))
    if not parts:
        return NOTHING
    found = SparseActivations(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    wrong = np.flatnonzero(~(found.activation < LARGEST))
    if len(wrong):
        raise NotFiniteError(int(found.row[wrong[0]]), int(found.feature[wrong[0]]))
    return found


def _check_input(x: Float[torch.Tensor, "row d_in"]) -> None:
    """A NaN would vanish, since it is not above zero."""
    if x.numel() and not bool(x.abs().max() < LARGEST):
        row = (~(x.abs() < LARGEST)).any(dim=1).nonzero()[0]
        raise NotFiniteError(int(row), None)


def _chunks(x: torch.Tensor, rows: int) -> Iterator[tuple[int, torch.Tensor]]:
    for first in range(0, len(x), rows):
        yield first, x[first : first + rows]


def _compress(dense: Dense) -> SparseActivations:
    """What is above zero in a chunk of rows."""
    if dense.device.type != "cpu":
        rows, features = (dense > 0).nonzero(as_tuple=True)
        found = (rows.to(torch.int32), features.to(torch.int32), dense[rows, features])
        return SparseActivations(*(part.cpu().numpy() for part in found))
    values = dense.numpy().reshape(-1)
    flat = np.flatnonzero(values > 0)
    row, feature = np.divmod(flat, dense.shape[1])
    return SparseActivations(row.astype(np.int32), feature.astype(np.int32), values[flat])
