"""Like compared with like only: the rank-sum test within classes of a covariate, and classes of like length.

Each class gives its rank sum, weighted by 1 / (documents + 1), so that classes count by how much they can tell. The
AUROC is the same weighted mean over classes of the pairs won. Length is such a covariate: a maximum over more tokens
is larger, whatever the tokens are about.

Source: van Elteren 1960, "On the combination of independent two-sample tests of Wilcoxon"; Cochran 1968, "The
Effectiveness of Adjustment by Subclassification": five classes of a covariate take away about nine tenths of the bias
that it brings.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import erfc

from ingest.statistics.permutation import observed_p
from ingest.statistics.rank_sum import RankSum, mid_ranks
from ingest.statistics.shuffles import rank_lifts, shuffled_units, unit_scores


def stratified_rank_sum(
    feature: Int[np.ndarray, " nonzero"],
    score: Float[np.ndarray, " nonzero"],
    document: Int[np.ndarray, " nonzero"],
    positive: Bool[np.ndarray, " document"],
    stratum: Int[np.ndarray, " document"],
    n_features: int,
) -> RankSum:
    """AUROC within strata (ties count half) and its two-sided p; NaN and 1 where no stratum has both sides.

    `score` holds the scores above 0, of a `feature` on a `document`. Documents are taken as independent.
    """
    won, pairs = np.zeros(n_features), 0.0
    above, variance = np.zeros(n_features), np.zeros(n_features)
    for place in np.unique(stratum):
        inside = stratum == place
        n_positive = int((inside & positive).sum())
        n, both = int(inside.sum()), n_positive * int((inside & ~positive).sum())
        if not both:
            continue
        rows = inside[document]
        u, cubes = _u(feature[rows], score[rows], positive[document[rows]], (n, n_positive), n_features)
        weight = 1 / (n + 1)
        won, pairs = won + weight * u, pairs + weight * both
        above += weight * (u - both / 2)
        variance += weight**2 * both / 12 * ((n + 1) - cubes / (n * (n - 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(variance > 0, np.abs(above) / np.sqrt(np.maximum(variance, 0)), 0)
    return RankSum(won / pairs if pairs else np.full(n_features, np.nan), erfc(z / np.sqrt(2)))


def _u(
    feature: Int[np.ndarray, " row"],
    score: Float[np.ndarray, " row"],
    positive: Bool[np.ndarray, " row"],
    sizes: tuple[int, int],
    n_features: int,
) -> tuple[Float[np.ndarray, " n_features"], Float[np.ndarray, " n_features"]]:
    """U of one stratum of so many documents, so many of them positive, and the sums of t^3 - t over its ties."""
    n, n_positive = sizes
    zeros = n - np.bincount(feature, minlength=n_features)
    rank, cubes = mid_ranks(feature, score, n_features)
    lift = np.bincount(feature[positive], weights=(rank + (zeros[feature] - 1) / 2)[positive], minlength=n_features)
    return lift + n_positive * (zeros - n_positive) / 2, cubes + zeros.astype(float) ** 3 - zeros


CLASSES = 5


def length_classes(length: Int[np.ndarray, " document"], classes: int = CLASSES) -> Int[np.ndarray, " document"]:
    """The class of each document, from 0 for the shortest: as many in each, equal lengths in one class."""
    if not len(length):
        return np.zeros(0, dtype=np.int64)
    bounds = np.unique(np.quantile(length, np.arange(1, classes) / classes, method="lower"))
    return np.searchsorted(bounds, length, side="left")


class Lengths(NamedTuple):
    """The quartiles of some lengths."""

    q1: float
    median: float
    q3: float


def length_quartiles(length: Int[np.ndarray, " document"]) -> Lengths:
    """The quartiles, each between two lengths where it falls there."""
    return Lengths(*map(float, np.quantile(length, (0.25, 0.5, 0.75))))


def stratified_length_p(
    length: Int[np.ndarray, " document"],
    positive: Bool[np.ndarray, " document"],
    group: Int[np.ndarray, " document"],
) -> float:
    """Two-sided rank-sum p of the sides' difference in length, under exchanges of labels between groups."""
    units = shuffled_units(group, positive)
    rows = unit_scores(np.zeros(len(length), dtype=np.int64), np.arange(len(length)), length.astype(np.float32), units)
    return float(observed_p(rank_lifts(rows, units, 1), units)[0])
