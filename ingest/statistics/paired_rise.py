"""By how much a figure per token rises when documents are read another way: the same documents, both ways.

The rise of a side is the sum over its documents of what each gains, by the sum of their tokens. Its interval is the
group bootstrap of this ratio: a draw takes whole groups, each document with both of its readings, and groups that are
on both sides are drawn on both at once. As in `bootstrap`, less is left out at its ends where groups are few.

Source: Efron & Tibshirani 1993, chapters 8 and 13 (paired data; percentile intervals); Hesterberg 2015, 5.3.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr, stdtrit

from ingest.statistics.bootstrap import CONFIDENCE, resample_weights, tail_share
from ingest.statistics.groups import MIN_GROUPS

RESAMPLES = 2000


@dataclass(frozen=True)
class Rise:
    """A rise, and the ends of its interval at level 0.95; None where groups are too few."""

    rise: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Rises:
    """The rises of both sides, and how much more the positive one's is."""

    positive: Rise
    control: Rise
    difference: Rise


@dataclass(frozen=True)
class Sides:
    """Documents on two sides.

    Shapes: each (document,); tokens counts what the gain is spread over, group numbers the group.
    """

    tokens: Int[np.ndarray, " document"]
    group: Int[np.ndarray, " document"]
    positive: Bool[np.ndarray, " document"]

    @property
    def groups(self) -> tuple[int, int]:
        """How many groups each side has."""
        return len(np.unique(self.group[self.positive])), len(np.unique(self.group[~self.positive]))


def paired_rises(gain: Float[np.ndarray, " document"], sides: Sides, seed: int, resamples: int = RESAMPLES) -> Rises:
    """The rises of both sides and their difference."""
    weights = resample_weights(sides.group, sides.positive, resamples, seed).astype(float)
    whole = np.ones((len(gain), 1))
    chosen = sides.positive, ~sides.positive
    rises = [_ratios(gain, sides.tokens, side, whole)[0] for side in chosen]
    drawn = [_ratios(gain, sides.tokens, side, weights) for side in chosen]
    own = [_rise(*side) for side in zip(rises, drawn, map(_tail_of_one, sides.groups), sides.groups, strict=True)]
    least = min(sides.groups)
    tail = tail_share(sides.groups) if least >= MIN_GROUPS else 0.0
    return Rises(own[0], own[1], _rise(rises[0] - rises[1], drawn[0] - drawn[1], tail, least))


def _ratios(
    gain: Float[np.ndarray, " document"],
    tokens: Int[np.ndarray, " document"],
    side: Bool[np.ndarray, " document"],
    weights: Float[np.ndarray, "document draw"],
) -> Float[np.ndarray, " draw"]:
    found: Float[np.ndarray, " draw"] = (gain[side] @ weights[side]) / (tokens[side] @ weights[side])
    return found


def _rise(rise: float, drawn: Float[np.ndarray, " draw"], tail: float, groups: int) -> Rise:
    if groups < MIN_GROUPS:
        return Rise(float(rise), None, None)
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Rise(float(rise), float(low), float(high))


def _tail_of_one(groups: int) -> float:
    """`tail_share` of one side by itself."""
    if groups < MIN_GROUPS:
        return 0.0
    return float(ndtr(stdtrit(groups - 1, (1 - CONFIDENCE) / 2) * np.sqrt(groups / (groups - 1))))
