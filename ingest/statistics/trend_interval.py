"""Intervals of Spearman's rank correlation of sparse scores with a number of each document, by a bootstrap over groups.

Groups of documents are drawn again, and ranked anew in each draw. The interval is the percentile one, with less left
out at its ends where groups are few (see `ingest.statistics.bootstrap`).

Source: Efron & Tibshirani 1993, chapter 13; Field & Welsh 2007, "Bootstrapping clustered data".
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from ingest.statistics.bootstrap import BLOCK, Interval
from ingest.statistics.correlation import weighted_ranks


class Drawn:
    """The numbers of documents in each draw, ranked: what all features share.

    Shapes: weight, apart (document, resample), where apart is the mid-rank less the mean rank; total (resample,).
    """

    def __init__(self, label: Float[np.ndarray, " document"], weights: Int[np.ndarray, "document resample"]) -> None:
        self.weight = weights.astype(np.float32)  # whole numbers, and halves in ranks: exact in 32 bits
        self.total = self.weight.sum(axis=0)
        apart = weighted_ranks(label, weights) - (self.total.astype(float) + 1) / 2
        self.apart = apart.astype(np.float32)
        self.square = np.einsum("dr,dr,dr->r", self.weight, self.apart, self.apart, dtype=float)

    def correlations(
        self,
        document: Int[np.ndarray, " row"],
        score: Float[np.ndarray, " row"],
    ) -> Float[np.ndarray, " resample"]:
        """The rank correlation in each draw of a feature that fires on these documents; NaN where it is not defined."""
        order = np.argsort(score, kind="stable")
        document, score = document[order], score[order]
        weight, total = self.weight[document], self.total.astype(float)
        weighed = self._lifts(weight, score)
        square = np.einsum("tr,tr,tr->r", weight, weighed, weighed, dtype=float)
        weighed *= weight
        square -= weighed.sum(axis=0, dtype=float) ** 2 / total
        whole = square * self.square
        known = (square > 1e-9 * total**3) & (self.square > 0)
        found: Float[np.ndarray, " resample"] = np.full(len(total), np.nan)
        product = np.einsum("tr,tr->r", weighed, self.apart[document], dtype=float)
        np.divide(product, np.sqrt(np.maximum(whole, 0)), out=found, where=known)
        np.clip(found, -1, 1, out=found)
        return found

    def _lifts(
        self, weight: Float[np.ndarray, "row resample"], score: Float[np.ndarray, " row"]
    ) -> Float[np.ndarray, "row resample"]:
        """The mid-rank of each row over that of the silent documents; rows come by ascending score."""
        reached = np.cumsum(weight, axis=0)
        silent = self.total - reached[-1]
        first = np.flatnonzero(np.diff(score, prepend=np.nan) != 0)
        if len(first) == len(score):
            reached -= weight / 2
        else:
            last = np.append(first[1:], len(score)) - 1
            tie = np.repeat(np.arange(len(first)), last - first + 1)
            reached = ((reached[first] - weight[first] + reached[last]) / 2)[tie]
        reached += silent / 2
        return reached


def trend_intervals(
    feature: Int[np.ndarray, " row"],
    document: Int[np.ndarray, " row"],
    score: Float[np.ndarray, " row"],
    drawn: Drawn,
    wanted: Bool[np.ndarray, " n_features"],
    *,
    tail: float,
) -> Interval:
    """The percentile interval of each wanted feature; rows are the documents on which it fires.

    `tail` is the share of draws left out at either end. A feature that does not vary in half of them has no interval.
    """
    order = np.argsort(feature, kind="stable")
    document, score = document[order], score[order]
    bounds = np.searchsorted(feature[order], np.arange(len(wanted) + 1))
    low, high = np.full(len(wanted), np.nan), np.full(len(wanted), np.nan)
    chosen = np.flatnonzero(wanted & (np.diff(bounds) > 0))
    for block in np.split(chosen, range(BLOCK, len(chosen), BLOCK)):
        found = np.empty((len(block), len(drawn.total)))
        for place, number in enumerate(block):
            rows = slice(bounds[number], bounds[number + 1])
            found[place] = drawn.correlations(document[rows], score[rows])
        low[block], high[block] = _between(found, tail)
    return Interval(low, high)


def _between(found: Float[np.ndarray, "block resample"], tail: float) -> Float[np.ndarray, "2 block"]:
    """The quantiles of the draws that are known; NaN where fewer than half of them are."""
    known = np.isfinite(found)
    bounds = np.full((2, len(found)), np.nan)
    every = known.all(axis=1)
    bounds[:, every] = np.quantile(found[every], [tail, 1 - tail], axis=1)
    for place in np.flatnonzero(~every & (2 * known.sum(axis=1) > found.shape[1])):
        bounds[:, place] = np.quantile(found[place, known[place]], [tail, 1 - tail])
    return bounds
