"""Rows of sparse scores ordered within each feature, with their groups of equal scores.

What the threshold, the intervals, the domains and the tree splits share: a row is
a document on which a feature fires; documents on which it is silent score 0 and
enter by their number.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped


class Ties(NamedTuple):
    """Groups of equal scores, by feature, then score, lowest first.

    Shapes: order (row,), the rows by feature and score; start, size, feature, score (tie,), where
    order[start : start + size] are the rows of a group; first (tie,), the feature's first group.
    """

    order: Int[np.ndarray, " row"]
    start: Int[np.ndarray, " tie"]
    size: Int[np.ndarray, " tie"]
    feature: Int[np.ndarray, " tie"]
    score: Float[np.ndarray, " tie"]
    first: Int[np.ndarray, " tie"]

    def total(self, values: Shaped[np.ndarray, " row"]) -> Shaped[np.ndarray, " tie"]:
        """The sum over each group; values are in the order the rows were given in."""
        if not len(self.order):
            return np.zeros(0)
        total: Shaped[np.ndarray, " tie"] = np.add.reduceat(values[self.order].astype(float), self.start)
        return total

    def below(self, totals: Shaped[np.ndarray, " tie"]) -> Shaped[np.ndarray, " tie"]:
        """For each group, the sum of `totals` over the feature's groups below it."""
        before = np.cumsum(totals) - totals
        below: Shaped[np.ndarray, " tie"] = before - before[self.first]
        return below


def ties(feature: Int[np.ndarray, " row"], score: Float[np.ndarray, " row"]) -> Ties:
    """The groups of equal scores of each feature; rows may come in any order."""
    order = np.lexsort((score, feature))
    by_feature, by_score = feature[order], score[order]
    new_feature = np.diff(by_feature, prepend=-1) != 0
    start = np.flatnonzero(new_feature | (np.diff(by_score, prepend=np.nan) != 0))
    opens = new_feature[start]
    first = np.maximum.accumulate(np.where(opens, np.arange(len(start)), 0))
    return Ties(order, start, np.diff(start, append=len(order)), by_feature[start], by_score[start], first)
