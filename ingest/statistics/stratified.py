"""The rank-sum test within classes of a covariate, for every feature at once: like is compared with like only.

Each class gives its rank sum, weighted by 1 / (documents + 1), so that classes count by how much they
can tell. The AUROC is the same weighted mean over classes of the pairs won.

Source: van Elteren 1960, "On the combination of independent two-sample tests of Wilcoxon".
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import erfc

from ingest.statistics.rank_sum import RankSum, mid_ranks


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
