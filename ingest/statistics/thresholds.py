"""Thresholds and what they call: precision, recall and F1 of `score >= threshold`, for every feature at once.

A threshold is one of a feature's own scores above 0, so that a silent document is never called.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ingest.statistics.ties import ties


class Judgement(NamedTuple):
    """How well a rule finds the positive documents.

    Shapes: each (n_features,). NaN where a ratio is 0 / 0: precision if nothing is called, recall and F1 if
    there is nothing to find; F1 counts as 0 where something is there and nothing is called.
    """

    precision: Float[np.ndarray, " n_features"]
    recall: Float[np.ndarray, " n_features"]
    f1: Float[np.ndarray, " n_features"]


def best_threshold(
    feature: Int[np.ndarray, " row"],
    score: Float[np.ndarray, " row"],
    positive: Bool[np.ndarray, " row"],
    n_positive: int,
    n_features: int,
) -> Float[np.ndarray, " n_features"]:
    """Each feature's threshold of the largest F1, the highest of equally good ones; NaN if it never fires."""
    found = ties(feature, score)
    n_ties = found.total(np.ones(len(feature)))
    hits = found.total(positive)
    fires = np.bincount(feature, minlength=n_features)
    fires_positive = np.bincount(feature[positive], minlength=n_features)
    called = fires[found.feature] - found.below(n_ties)
    f1 = 2 * (fires_positive[found.feature] - found.below(hits)) / (called + n_positive)
    ranked = np.lexsort((found.score, f1, found.feature))
    last = np.flatnonzero(np.diff(found.feature[ranked], append=-1))
    threshold = np.full(n_features, np.nan)
    threshold[found.feature[ranked[last]]] = found.score[ranked[last]]
    return threshold


def judge(
    feature: Int[np.ndarray, " called"], positive: Bool[np.ndarray, " called"], n_positive: int, n_features: int
) -> Judgement:
    """Precision, recall and F1 from the (feature, document) pairs that a rule calls."""
    called = np.bincount(feature, minlength=n_features).astype(float)
    hits = np.bincount(feature[positive], minlength=n_features).astype(float)
    with np.errstate(invalid="ignore"):
        return Judgement(hits / called, hits / np.float64(n_positive), 2 * hits / (called + n_positive))
