"""How a run goes on: its budget and what follows from how far it has come, and what it computes with.

A schedule gives learning rate and depth. Matrices are multiplied in bfloat16 where the hardware has it: a processor
with AVX512-BF16 does so at more than twice the speed of float32, as measured; one without emulates it, which is
slower. Weights, gradients, sums and optimizers stay in float32.

Arithmetic is shared between threads piece by piece, each thread on one core. PyTorch's own threads meet after every
operation, and on a machine that is shared with other work each of them waits for the slowest: a third of the time, as
measured. Pieces taken from a queue need to meet once a step.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn


@dataclass(frozen=True)
class Budget:
    """What a run may use: tokens, seconds of wall time, or both; whichever is used up first ends it."""

    tokens: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.tokens is None and self.seconds is None:
            raise ValueError("a budget needs tokens or seconds: without either, training would never end")

    def progress(self, tokens: int, seconds: float) -> float:
        """The share of the budget that is used, from 0 to 1: that of the resource nearer to its end."""
        by_tokens = tokens / self.tokens if self.tokens else 0.0
        by_seconds = seconds / self.seconds if self.seconds else 0.0
        return min(max(by_tokens, by_seconds), 1.0)


def warmdown(progress: float, share: float) -> float:
    """The learning rate's factor: 1, then over the last `share` of the run linearly down to 0.

    Source: Hägele et al. 2024, "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations".
    """
    return min(1.0, (1.0 - progress) / share)


def blocks_trained_at(progress: float, stages: tuple[tuple[float, int], ...]) -> int:
    """How many blocks are trained at this point: that of the last of the `(progress, blocks)` stages begun.

    A shallow model learns the common words for a fraction of the arithmetic, and a block whose output
    projections are zero can be added at any time without changing what the model computes.

    Source: Gong et al. 2019, "Efficient Training of BERT by Progressively Stacking".
    """
    return [blocks for begin, blocks in stages if progress >= begin][-1]


def training_dtype(device: str | torch.device) -> torch.dtype:
    """The format of matrix products on that device."""
    if torch.device(device).type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


def mixed_precision(device: str | torch.device) -> torch.autocast:
    """A context in which PyTorch casts what it multiplies to that format, and leaves the rest as it is."""
    dtype = training_dtype(device)
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)


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
        with show_budget_share(description) as show:
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

        def _run(rows: Tensor) -> float:
            mine = free.pop()
            loss = loss_of(rows)
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
            sums[mine] = [_add(old, new) for old, new in zip(sums[mine], gradients, strict=True)]
            free.append(mine)
            return float(loss.detach())

        total = sum(self.map(_run, pieces))
        for parameter, *parts in zip(parameters, *sums, strict=True):
            for part in parts:
                parameter.grad = _add(parameter.grad, part)
        return total


def _add(old: Tensor | None, new: Tensor | None) -> Tensor | None:
    if old is None or new is None:
        return new if old is None else old
    return old.add_(new)


@contextmanager
def show_budget_share(description: str) -> Iterator[Callable[[float], None]]:
    """A function to call with the share that is done, from 0 to 1."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bars:
        task = bars.add_task(description, total=1.0)
        yield lambda share: bars.update(task, completed=share)
