"""Muon with matrices of one shape stepped together, in float32 where the hardware has no bfloat16 arithmetic.

`torch.optim.Muon` orthogonalises in bfloat16 and one matrix at a time, which is many times slower on a processor
without bfloat16 arithmetic, and it takes a fused query-key-value matrix for one matrix.

Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks",
https://kellerjordan.github.io/posts/muon/
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ingest.pocket.recipe.budget import Workers, training_dtype

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""The quintic's a, b and c: the steepest at zero that stays near one, by the source."""


GROUP = 6
"""Matrices that are orthogonalised together."""


def orthogonalize(
    matrices: Float[Tensor, "matrix rows columns"], steps: int = 5
) -> Float[Tensor, "matrix rows columns"]:
    """The nearest semi-orthogonal matrix to each, by a quintic Newton-Schulz iteration; rows <= columns.

    The singular values end between about 0.7 and 1.2, which is near enough for a step.
    """
    with torch.no_grad():
        return _iterate(matrices, steps)


def _iterate(matrices: Tensor, steps: int) -> Tensor:
    a, b, c = COEFFICIENTS
    x = (matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)).to(training_dtype(matrices.device))
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    orthogonal: Tensor = x.to(matrices.dtype)
    return orthogonal


class Muon:
    """Momentum, orthogonalised, for the weight matrices of GPT-2's blocks (stored as inputs x outputs).

    A matrix with more columns than rows that divides into squares by `split` (a fused query-key-value) is
    stepped as those squares. A parameter without a gradient (a block not trained yet) is left alone.
    """

    def __init__(
        self, params: Iterable[tuple[nn.Parameter, int]], momentum: float = 0.95, workers: Workers | None = None
    ) -> None:
        self.params = list(params)
        self.workers = workers or Workers()
        self.momentum = momentum
        self.buffers: list[Tensor] = [torch.zeros_like(p) for p, _ in self.params]

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Update every parameter that has a gradient; an update's singular values are about `lr`."""
        by_shape: dict[torch.Size, list[tuple[Tensor, Tensor, float]]] = defaultdict(list)
        for (param, split), buffer in zip(self.params, self.buffers, strict=True):
            if param.grad is None:
                continue
            buffer.lerp_(param.grad, 1 - self.momentum)
            update = param.grad.lerp(buffer, self.momentum)
            for target, piece in zip(param.chunk(split, 1), update.chunk(split, 1), strict=True):
                inputs, outputs = piece.shape
                scale = max(1.0, outputs / inputs) ** 0.5
                wide = (target, piece, scale) if inputs <= outputs else (target.mT, piece.mT, scale)
                by_shape[wide[1].shape].append(wide)
        groups = [group[i : i + GROUP] for group in by_shape.values() for i in range(0, len(group), GROUP)]
        orthogonal = self.workers.map(
            lambda group: orthogonalize(torch.stack([piece for _, piece, _ in group])), groups
        )
        for group, changes in zip(groups, orthogonal, strict=True):
            for (target, _, scale), change in zip(group, changes, strict=True):
                target.add_(change, alpha=-lr * scale)

    def state_dict(self) -> list[Tensor]:
        """The momentum buffers, in the order of the parameters."""
        return self.buffers

    def load_state_dict(self, state: list[Tensor]) -> None:
        """Continue from the buffers of `state_dict`."""
        for buffer, saved in zip(self.buffers, state, strict=True):
            buffer.copy_(saved)
