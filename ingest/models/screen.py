"""Which features can be above their thresholds at all, by products in bfloat16, so that only those are computed.

A processor that multiplies bfloat16 does so at twice the speed of float32, and of thousands of features some tens are
active. A pre-activation computed from rounded inputs and weights is off by no more than

    |x.w - x'.w'| <= |x - x'| |w| + |x'| |w - w'|

by Cauchy and Schwarz, beside the float32 rounding of the sum. With the right side added and the threshold taken away,
what is not above zero cannot be active. What is left, some tenths more than is active, is computed in float32. So
nothing that is given was computed in less. Where features are active too often for that to pay, nothing is given.

The bound is a part of the product: columns of x hold norms and ones, columns of the weights norms and biases, all of
them rounded up, with some room.
"""

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
import torch
from jaxtyping import BFloat16, Bool, Float

from ingest.models.sae_activations import SparseActivations

MOST = 1 / 32
"""Share of the features of a chunk; where more have to be computed one by one, all of them together are faster."""

MOST_WEIGHTS = 45_000_000
"""Weights that are screened, six bytes each beside those of the SAE: of 57,000 features of GPT-2 small."""

COLUMNS = 32
"""More than the six that are needed: widths that vector instructions divide."""

UP = 1 + 2**-7
"""A number times this, in bfloat16, is above the number, and so is the product of two such."""

UNIT_ROUNDOFF = 2**-24

LARGEST, SMALLEST = 1e37, 1e-15
"""Norms of a row and of weights multiply to less, so that no part of a product is infinite; those that are not zero are
larger, so that none that matters vanishes."""


@cache
def multiplies_bfloat16() -> bool:
    """Whether this processor has instructions for it; others would take longer than for float32."""
    known = torch.cpu.get_capabilities()
    return torch._C._has_mkldnn and bool(known.get("avx512_bf16") or known.get("amx_bf16"))


@dataclass(frozen=True)
class Screen:
    """An encoder that is linear up to a threshold, in float32 and rounded; the weights are copied.

    Shapes: rows (d_sae, d_in), the weights; rounded (d_sae, d_in + 32), these and the bound in bfloat16; bias (d_sae,)
    and threshold (d_sae,): active is x.w + bias > threshold; centre (d_in,), which is taken from x before it is
    rounded; a row of x is not longer than `longest`; `usable`: no feature's weights vanish.
    """

    rows: Float[torch.Tensor, "d_sae d_in"]
    rounded: BFloat16[torch.Tensor, "d_sae columns"]
    bias: Float[torch.Tensor, " d_sae"]
    threshold: Float[torch.Tensor, " d_sae"]
    centre: Float[torch.Tensor, " d_in"]
    longest: float
    usable: bool = True

    @classmethod
    def of(
        cls,
        W: Float[torch.Tensor, "d_in d_sae"],
        bias: Float[torch.Tensor, " d_sae"],
        threshold: Float[torch.Tensor, " d_sae"],
        centre: Float[torch.Tensor, " d_in"],
    ) -> Self:
        """The screen of x W + bias; centre is near the mean of x."""
        _hear_out_pytorch()
        rows, d_in = W.detach().T.contiguous(), len(W)
        rounded = torch.zeros(len(rows), d_in + COLUMNS, dtype=torch.bfloat16)
        rounded[:, :d_in] = rows
        norm, lost = _norms(rows), _norms(rows - rounded[:, :d_in].float())
        at_centre = centre @ W
        roundoff = 4 * (d_in + COLUMNS) * UNIT_ROUNDOFF
        least = bias + at_centre - threshold + roundoff * (bias.abs() + at_centre.abs() + threshold.abs())
        least = least.double().clamp(-LARGEST, LARGEST)
        for column, numbers in enumerate((UP * norm, UP * lost, UP * roundoff * norm, *_in_parts(least)), start=d_in):
            rounded[:, column] = numbers
        longest = LARGEST / max(float(norm.max()), 1.0) - float(_norms(centre))
        usable = not _vanishing(norm)
        return cls(rows, rounded, bias.detach(), threshold.detach(), centre.detach(), longest, usable)

    def active(self, x: Float[torch.Tensor, "row d_in"]) -> SparseActivations | None:
        """What is above its threshold, row by row; None where that is too much, or a row too long."""
        centred = x - self.centre
        norm = _norms(centred)
        if not self.usable or not len(x) or not float(norm.max()) < self.longest or _vanishing(norm):
            return None
        reached = self._reached(centred, norm)
        if np.count_nonzero(reached) > MOST * reached.size:
            return None
        feature, row = np.divmod(np.flatnonzero(reached), len(x))
        pre = self._pre_activations(x, feature, row)
        found = np.flatnonzero(pre > self.threshold.numpy()[feature])
        found = found[np.argsort(row[found].astype(np.min_scalar_type(len(x))), kind="stable")]
        return SparseActivations(row[found].astype(np.int32), feature[found].astype(np.int32), pre[found])

    def candidates(self, x: Float[torch.Tensor, "row d_in"]) -> tuple[np.ndarray, np.ndarray]:
        """Features that can be above their thresholds, and in which rows: by feature, then row."""
        centred = x - self.centre
        return np.divmod(np.flatnonzero(self._reached(centred, _norms(centred))), len(x))

    def _reached(
        self, centred: Float[torch.Tensor, "row d_in"], norm: Float[torch.Tensor, " row"]
    ) -> Bool[np.ndarray, " feature*row"]:
        """Whether pre-activations can exceed their thresholds, by feature, then row."""
        bound = torch.nn.functional.linear(self.rounded, self._rounded_input(centred, norm))
        reached: np.ndarray = bound.view(torch.int16).numpy().reshape(-1) > 0  # the sign is that of the bits
        return reached

    def _rounded_input(
        self, centred: Float[torch.Tensor, "row d_in"], norm: Float[torch.Tensor, " row"]
    ) -> BFloat16[torch.Tensor, "row columns"]:
        d_in = centred.shape[1]
        rounded = torch.zeros(len(centred), d_in + COLUMNS, dtype=torch.bfloat16)
        rounded[:, :d_in] = centred
        kept = rounded[:, :d_in].float()
        rounded[:, d_in] = UP * _norms(centred - kept)
        rounded[:, d_in + 1] = UP * _norms(kept)
        rounded[:, d_in + 2] = UP * (norm + _norms(self.centre))
        rounded[:, d_in + 3 : d_in + 6] = 1
        return rounded

    def _pre_activations(
        self, x: Float[torch.Tensor, "row d_in"], feature: np.ndarray, row: np.ndarray
    ) -> Float[np.ndarray, " candidate"]:
        first = np.zeros(len(self.rows) + 1, np.int64)
        np.cumsum(np.bincount(feature, minlength=len(self.rows)), out=first[1:])
        bias = self.bias[torch.from_numpy(feature)]
        wanted = torch.sparse_csr_tensor(
            torch.from_numpy(first), torch.from_numpy(row), bias, size=(len(self.rows), len(x))
        )
        computed: np.ndarray = torch.sparse.sampled_addmm(wanted, self.rows, x.T).values().numpy()
        return computed


def _hear_out_pytorch() -> None:
    """PyTorch says once in a process that sparse matrices may yet change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor([0, 0], [], [], size=(1, 1))


def _norms(rows: torch.Tensor) -> torch.Tensor:
    norms: torch.Tensor = torch.linalg.vector_norm(rows, dim=-1, dtype=torch.float64)
    return norms


def _vanishing(norms: torch.Tensor) -> bool:
    return bool(((norms > 0) & (norms < SMALLEST)).any())


def _in_parts(numbers: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Three numbers of bfloat16 that add up to each of these."""
    parts = []
    for _ in range(3):
        parts.append(numbers.bfloat16().float())
        numbers = numbers - parts[-1]
    return tuple(parts)
