"""From activations to the few features above zero.

The dense product runs in chunks of rows; only what is above zero leaves a chunk.
Standard and JumpReLU encoders are computed here with b_dec folded into the bias;
every other architecture through SAELens' own `encode`.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.models.sae import LoadedSAE
from schema.errors import ModelError

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
Encoder = Callable[[Float[torch.Tensor, "row d_in"]], SparseActivations]


def sparse_encoder(sae: LoadedSAE) -> Encoder:
    """A function from an SAE's input (row, d_in) to its features above zero; raises NotFiniteError."""
    dense = _linear_encoder(sae) if _is_linear(sae) else _saelens_encoder(sae)

    def encode(x: torch.Tensor) -> SparseActivations:
        _check_input(x)
        parts = [_compress(dense(chunk), first) for first, chunk in _chunks(x)]
        if not parts:
            return NOTHING
        found = SparseActivations(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        wrong = np.flatnonzero(~(found.activation < LARGEST))
        if len(wrong):
            raise NotFiniteError(int(found.row[wrong[0]]), int(found.feature[wrong[0]]))
        return found

    return encode


def _check_input(x: Float[torch.Tensor, "row d_in"]) -> None:
    """A NaN would vanish, since it is not above zero."""
    if x.numel() and not bool(x.abs().max() < LARGEST):
        row = (~(x.abs() < LARGEST)).any(dim=1).nonzero()[0]
        raise NotFiniteError(int(row), None)


def _chunks(x: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
    for first in range(0, len(x), CHUNK_ROWS):
        yield first, x[first : first + CHUNK_ROWS]


def _is_linear(sae: LoadedSAE) -> bool:
    return sae.architecture in ("standard", "jumprelu") and sae.module.cfg.normalize_activations == "none"


def _linear_encoder(sae: LoadedSAE) -> Callable[[torch.Tensor], Dense]:
    """relu(x W + b), or x W + b where it exceeds the threshold (JumpReLU)."""
    W_enc, bias = sae.module.W_enc, sae.module.b_enc
    if sae.module.cfg.apply_b_dec_to_input:
        bias = bias - sae.module.b_dec @ W_enc
    if sae.architecture == "standard":
        return lambda x: torch.addmm(bias, x, W_enc)
    threshold = sae.module.threshold.clamp(min=0)

    def jumprelu(x: torch.Tensor) -> torch.Tensor:
        pre = torch.addmm(bias, x, W_enc)
        return pre.masked_fill_(pre <= threshold, 0)

    return jumprelu


def _saelens_encoder(sae: LoadedSAE) -> Callable[[torch.Tensor], Dense]:
    if sae.module.cfg.reshape_activations == "hook_z":
        sae.module.turn_off_forward_pass_hook_z_reshaping()  # heads come flattened already

    def encode(x: torch.Tensor) -> torch.Tensor:
        acts: torch.Tensor = sae.module.encode(x)
        return acts.to_dense() if acts.is_sparse else acts

    return encode


def _compress(dense: Dense, first_row: int) -> SparseActivations:
    """What is above zero in a chunk of rows."""
    if dense.device.type != "cpu":
        rows, features = (dense > 0).nonzero(as_tuple=True)
        found = (rows.to(torch.int32) + first_row, features.to(torch.int32), dense[rows, features])
        return SparseActivations(*(part.cpu().numpy() for part in found))
    values = dense.numpy().reshape(-1)
    flat = np.flatnonzero(values > 0)
    row, feature = np.divmod(flat, dense.shape[1])
    return SparseActivations((row + first_row).astype(np.int32), feature.astype(np.int32), values[flat])
