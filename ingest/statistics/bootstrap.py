"""Stratified group bootstrap of the AUROC: groups of documents are drawn again, not documents.

Documents that share a template are one group and are drawn together. Groups are
drawn within strata (only positive, only control, both), so that no draw is
without a side. The interval is the percentile one, with less left out at its ends where groups are few.

Source: Efron & Tibshirani 1993, chapters 13 and 16; Hesterberg 2015, "What Teachers Should Know About the
Bootstrap", 5.3, for the expanded percentile interval.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr, stdtrit

from ingest.statistics.groups import groups_of

RESAMPLES = 1000
CONFIDENCE = 0.95
"""How often an interval of any kind is to hold what it is of."""

BLOCK = 256
"""Features whose draws are in memory at a time."""


class Interval(NamedTuple):
    """A lower and an upper bound.

    Shapes: each (n_features,), NaN where none was asked for.
    """

    low: Float[np.ndarray, " n_features"]
    high: Float[np.ndarray, " n_features"]


def resample_weights(
    group: Int[np.ndarray, " document"], positive: Bool[np.ndarray, " document"], resamples: int, seed: int
) -> Int[np.ndarray, "document resample"]:
    """How often each document is in each draw of as many groups, with replacement, in each stratum."""
    groups = groups_of(group, positive)
    rng = np.random.default_rng(seed)
    drawn = np.zeros((len(groups.size), resamples), dtype=np.int16)
    for side in np.unique(groups.side):
        inside = np.flatnonzero(groups.side == side)
        drawn[inside] = rng.multinomial(len(inside), np.full(len(inside), 1 / len(inside)), resamples).T
    weights: Int[np.ndarray, "document resample"] = drawn[groups.member]
    return weights


def auroc_intervals(
    feature: Int[np.ndarray, " row"],
    score: Float[np.ndarray, " row"],
    document: Int[np.ndarray, " row"],
    positive: Bool[np.ndarray, " document"],
    weights: Int[np.ndarray, "document resample"],
    wanted: Bool[np.ndarray, " n_features"],
    *,
    tail: float = (1 - CONFIDENCE) / 2,
) -> Interval:
    """The percentile interval of the AUROC of each wanted feature; rows are the documents on which it fires.

    `tail` is the share of draws left out at either end.
    """
    order = np.lexsort((score, ~positive[document], feature))
    feature, score, document = feature[order], score[order], document[order]
    bounds = np.searchsorted(feature, np.arange(len(wanted) + 1))
    middles = bounds[:-1] + np.bincount(feature[positive[document]], minlength=len(wanted))
    drawn = weights.astype(np.float32)  # whole numbers, exact in 32 bits
    totals = drawn[positive].sum(axis=0, dtype=float), drawn[~positive].sum(axis=0, dtype=float)
    low, high = np.full(len(wanted), np.nan), np.full(len(wanted), np.nan)
    chosen = np.flatnonzero(wanted)
    for block in np.split(chosen, range(BLOCK, len(chosen), BLOCK)):
        aurocs = np.empty((len(block), weights.shape[1]))
        for place, number in enumerate(block):
            above, below = slice(bounds[number], middles[number]), slice(middles[number], bounds[number + 1])
            sides = (score[above], drawn[document[above]]), (score[below], drawn[document[below]])
            aurocs[place] = weighted_aurocs(*sides, totals)
        low[block], high[block] = np.quantile(aurocs, [tail, 1 - tail], axis=1)
    return Interval(low, high)


def tail_share(groups: tuple[int, ...]) -> float:
    """What to leave out at either end for an interval at CONFIDENCE, where each side has so many groups.

    Draws of few groups vary less than groups do, and a Student's t has longer tails than they show.
    """
    least = min(groups)
    return float(ndtr(stdtrit(sum(groups) - len(groups), (1 - CONFIDENCE) / 2) * np.sqrt(least / (least - 1))))


Side = tuple[Float[np.ndarray, " row"], Float[np.ndarray, "row resample"]]


def weighted_aurocs(
    positive: Side, control: Side, totals: tuple[Float[np.ndarray, " resample"], Float[np.ndarray, " resample"]]
) -> Float[np.ndarray, " resample"]:
    """One feature's AUROC in each draw, from the ascending scores of a side and how often each was drawn.

    `totals` holds how many documents of each side a draw has; those without a score are silent and tie at 0.
    """
    (scores, hits), (others, misses) = positive, control
    passed = np.zeros((len(others) + 1, misses.shape[1]), dtype=np.float32)
    np.cumsum(misses, axis=0, out=passed[1:])
    beaten = passed[np.searchsorted(others, scores, "left")]
    beaten += passed[np.searchsorted(others, scores, "right")]  # ties count half, so twice the number beaten
    silent = totals[0] - hits.sum(axis=0, dtype=float), totals[1] - passed[-1]
    won = np.einsum("tr,tr->r", hits, beaten, dtype=float) / 2
    won += (totals[0] - silent[0]) * silent[1] + silent[0] * silent[1] / 2
    aurocs: Float[np.ndarray, " resample"] = won / (totals[0] * totals[1])
    return aurocs
