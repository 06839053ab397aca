"""Arithmetic shared between threads piece by piece, each thread on one core.

PyTorch's own threads meet after every operation, and on a machine that is shared with other work each of them waits
for the slowest: a third of the time, as measured. Pieces taken from a queue need to meet once a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor, nn

from ingest.pocket.recipe.progress import shown

In = TypeVar("In")
Out = TypeVar("Out")


class Workers:
    """A number of threads that PyTorch's operations run in, one core each; with one, everything runs in the caller."""

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self.pool = ThreadPoolExecutor(threads) if threads > 1 else None
        if threads > 1:
            torch.set_num_threads(1)

    def map(self, function: Callable[[In], Out], items: Iterable[In], description: str | None = None) -> list[Out]:
        """The function of every item, in their order; with a description, progress is shown."""
        todo = list(items)
        results = self.pool.map(function, todo) if self.pool else map(function, todo)
        if description is None:
            return list(results)
        out: list[Out] = []
        with shown(description) as show:
            for result in results:
                out.append(result)
                show(len(out) / len(todo))
        return out

    def backward(
        self, loss_of: Callable[[Tensor], Tensor], batch: Tensor, parameters: list[nn.Parameter], piece: int
    ) -> float:
        """Add the gradient of the batch's loss to the parameters and return the loss.

        `loss_of` takes some rows of the batch and returns their share of the loss, so that the shares add up.
        """
        pieces = list(torch.split(batch, piece)) if self.pool else [batch]
        sums: list[list[Tensor | None]] = [[None] * len(parameters) for _ in range(self.threads)]
        free = list(range(self.threads))

        def run(rows: Tensor) -> float:
            mine = free.pop()
            loss = loss_of(rows)
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
            sums[mine] = [_add(old, new) for old, new in zip(sums[mine], gradients, strict=True)]
            free.append(mine)
            return float(loss.detach())

        total = sum(self.map(run, pieces))
        for parameter, *parts in zip(parameters, *sums, strict=True):
            for part in parts:
                parameter.grad = _add(parameter.grad, part)
        return total


def _add(old: Tensor | None, new: Tensor | None) -> Tensor | None:
    if old is None or new is None:
        return new if old is None else old
    return old.add_(new)
