"""How far a run has come, and what follows from it: learning rate and depth."""

from __future__ import annotations

from dataclasses import dataclass


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


def depth_at(progress: float, stages: tuple[tuple[float, int], ...]) -> int:
    """How many blocks are trained at this point: that of the last of the `(progress, blocks)` stages begun.

    A shallow model learns the common words for a fraction of the arithmetic, and a block whose output
    projections are zero can be added at any time without changing what the model computes.

    Source: Gong et al. 2019, "Efficient Training of BERT by Progressively Stacking".
    """
    return [blocks for begin, blocks in stages if progress >= begin][-1]
