"""The rows of contrast_set: a few features that together tell the sides apart.

Chosen on the discovery half, judged on the confirmation half. What forty near-copies find is one finding: one of
them stands for the others.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int
from scipy.sparse import csr_array, vstack

from ingest.contrasts.confirmation import Weights, half_can_judge
from ingest.contrasts.feature_columns import features_tested
from ingest.contrasts.scores import Documents, Scores
from ingest.statistics.bootstrap import auroc_intervals, tail_share
from ingest.statistics.rank_sum import mid_ranks, rank_sum
from ingest.statistics.sparse_set import FOLDS, SparseSet, deal_folds, fit_sparse_set

OFFERED = 200
"""Features that a set is chosen from: those that rank the documents of the discovery half best, on either side."""
ROUNDED = 12
"""Decimals to which features rank documents equally well."""


class Offers(NamedTuple):
    """Features offered so far.

    Shapes: feature (offer,); distance (offer, 1 + FOLDS), of AUROC from one half, over the discovery half and without
    each of its folds; score (offer, document), sparse.
    """

    feature: Int[np.ndarray, " offer"]
    distance: Float[np.ndarray, "offer part"]
    score: csr_array

    def best(self, part: int) -> Int[np.ndarray, " best"]:
        """Places of the features offered for a part, the best first; of equal ones that of larger scores."""
        total = np.asarray(self.score.sum(axis=1)).reshape(-1)
        order = np.lexsort((self.feature, -total, -self.distance[:, part]))[:OFFERED]
        best: Int[np.ndarray, " best"] = order[self.distance[order, part] > 0]
        return best


@dataclass
class Together:
    """The features that a set may be made of, kept while ranges of features pass by."""

    documents: Documents
    offers: Offers | None = field(default=None)

    @cached_property
    def fold(self) -> Int[np.ndarray, " discovery"]:
        """The fold of each document of the discovery half."""
        half = self.documents.half(confirmation=False)
        return deal_folds(half.positive, half.group)

    def add(self, scores: Scores) -> None:
        """Take in the tested features of a range."""
        if not half_can_judge(self.documents, confirmation=False):
            return
        chosen = np.flatnonzero(features_tested(scores))
        firing = scores.firing
        shape = len(scores), len(self.documents)
        score = csr_array((firing.score.astype(float), (firing.feature, firing.document)), shape=shape)[chosen]
        feature = np.asarray(scores.features)[chosen]
        offers = Offers(feature, self._distances(scores)[chosen], score)
        if self.offers is not None:
            feature, distance = np.r_[self.offers.feature, feature], np.vstack([self.offers.distance, offers.distance])
            offers = Offers(feature, distance, vstack([self.offers.score, score]).tocsr())
        best = np.unique(np.concatenate([offers.best(part) for part in range(1 + FOLDS)]))
        self.offers = Offers(offers.feature[best], offers.distance[best], offers.score[best])

    def _distances(self, scores: Scores) -> Float[np.ndarray, "n_features part"]:
        """How far the mean rank of positive documents is from that of the others; ranks are of the whole half."""
        alone = scores.within_half(confirmation=False)
        positive, n = alone.documents.positive, len(alone.documents)
        rows = alone.firing
        rank, _ = mid_ranks(rows.feature, rows.score, len(scores))
        zeros = n - np.bincount(rows.feature, minlength=len(scores))
        above = csr_array((rank + (zeros[rows.feature] - 1) / 2, (rows.feature, rows.document)), shape=(len(scores), n))
        counted = np.column_stack([np.ones(n), self.fold[:, None] != np.arange(FOLDS)])  # (document, part)
        sides = [counted * side[:, None] / (counted * side[:, None]).sum(axis=0) for side in (positive, ~positive)]
        distance: Float[np.ndarray, "n_features part"] = np.abs(above @ (sides[0] - sides[1])) / n
        return distance.round(ROUNDED)

    def rows(self, weights: Weights) -> tuple[pa.Table, dict[str, float | int | None]]:
        """The features of the set, the largest weight first, and how well it does on the confirmation half."""
        if self.offers is None or not len(self.offers.feature):
            return _table(None, np.zeros(0, np.int64)), {}
        x, inside, positive = self.offers.score.toarray().T, self.documents.confirmation, self.documents.positive
        offered = [self.offers.best(part) for part in range(1 + FOLDS)]
        found = fit_sparse_set(x[~inside], positive[~inside], self.fold, offered)
        summary: dict[str, float | int | None] = {"set_size": len(found.column), "set_bias": found.bias}
        if half_can_judge(self.documents, confirmation=True) and len(found.column):
            decision = x[inside][:, found.column] @ found.weight + found.bias
            summary |= judged_set_figures(decision, self.documents.half(confirmation=True), weights)
        return _table(found, self.offers.feature), summary


def judged_set_figures(
    decision: Float[np.ndarray, " later"], half: Documents, weights: Weights
) -> dict[str, float | int | None]:
    """AUROC of the decisions, and accuracy and F1 of calling those above 0 positive, with intervals over groups."""
    rank = np.unique(decision, return_inverse=True)[1] + 1.0
    one, place = np.zeros(len(rank), np.int64), np.arange(len(rank))
    tail = tail_share(half.groups)
    auroc = auroc_intervals(one, rank, place, half.positive, weights, np.ones(1, bool), tail=tail)
    called, drawn = decision > 0, weights.astype(float)
    right, hit = called == half.positive, called & half.positive
    accuracy = right @ drawn / drawn.sum(axis=0)
    either = called.astype(float) + half.positive
    f1 = 2 * (hit @ drawn) / (either @ drawn)
    found: dict[str, float | int | None] = {
        "set_auroc": float(rank_sum(one, rank, half.positive, half.sizes, 1).auroc[0]),
        "set_auroc_low": float(auroc.low[0]),
        "set_auroc_high": float(auroc.high[0]),
        "set_accuracy": float(right.mean()),
        "set_f1": float(2 * hit.sum() / either.sum()),
    }
    for name, draws in (("accuracy", accuracy), ("f1", f1)):
        low, high = np.quantile(draws, [tail, 1 - tail])
        found |= {f"set_{name}_low": float(low), f"set_{name}_high": float(high)}
    return found


def _table(found: SparseSet | None, feature: Int[np.ndarray, " offer"]) -> pa.Table:
    nothing = np.zeros(0, dtype=np.int64)
    found = found or SparseSet(nothing, nothing.astype(float), nothing.astype(float), nothing, 0.0)
    order = np.argsort(-np.abs(found.standard), kind="stable")
    return pa.table(
        {
            "rank": pa.array(np.arange(len(order)) + 1, pa.int16()),
            "feature": pa.array(feature[found.column][order], pa.int32()),
            "weight": found.weight[order],
            "weight_standard": found.standard[order],
            "entered": pa.array(order + 1, pa.int16()),
            "copies": pa.array(found.copies[order], pa.int16()),
        }
    )
