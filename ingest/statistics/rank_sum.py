"""AUROC and the rank-sum test for every feature at once, over sparse scores.

A document on which a feature is silent scores 0 and ties with all others like
it, so only scores above 0 are stored; the zeros enter by their number.

Source: Mann & Whitney 1947; the normal approximation with tie and continuity
correction is `scipy.stats.mannwhitneyu(method="asymptotic")`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import erfc

from ingest.statistics.ties import ties


class RankSum(NamedTuple):
    """The rank-sum statistics of features 0 .. n_features - 1.

    Shapes: auroc, p (n_features,). A feature that never fires has 0.5 and 1.
    """

    auroc: Float[np.ndarray, " n_features"]
    p: Float[np.ndarray, " n_features"]


def rank_sum(
    feature: Int[np.ndarray, " nonzero"],
    score: Float[np.ndarray, " nonzero"],
    positive: Bool[np.ndarray, " nonzero"],
    groups: tuple[int, int],
    n_features: int,
) -> RankSum:
    """AUROC (ties count half) and two-sided p of positive against control documents.

    `score` holds the scores above 0, `groups` the numbers of positive and control documents.

    Raises:
        ValueError: a group is empty.
    """
    n_positive, n_control = groups
    if n_positive == 0 or n_control == 0:
        raise ValueError("a rank-sum test needs documents in both groups")
    n = n_positive + n_control
    fires = np.bincount(feature, minlength=n_features)
    fires_positive = np.bincount(feature[positive], minlength=n_features)
    zeros = n - fires
    rank, cubes = mid_ranks(feature, score, n_features)
    rank_firing = np.bincount(feature[positive], weights=(rank + zeros[feature])[positive], minlength=n_features)
    rank_silent = (n_positive - fires_positive) * (zeros + 1) / 2
    u = rank_firing + rank_silent - n_positive * (n_positive + 1) / 2
    all_ties = cubes + zeros.astype(float) ** 3 - zeros
    return RankSum(u / (n_positive * n_control), normal_p(u, all_ties, n_positive, n_control))


def mid_ranks(
    feature: Int[np.ndarray, " nonzero"], score: Float[np.ndarray, " nonzero"], n_features: int
) -> tuple[Float[np.ndarray, " nonzero"], Float[np.ndarray, " n_features"]]:
    """Mid-ranks from 1 within each feature, and each feature's sum of t^3 - t over its groups of ties."""
    groups = ties(feature, score)
    rank = np.empty(len(groups.order))
    rank[groups.order] = np.repeat(groups.below(groups.size) + (groups.size + 1) / 2, groups.size)
    cubes = groups.size.astype(float) ** 3 - groups.size
    return rank, np.bincount(groups.feature, weights=cubes, minlength=n_features)


def normal_p(
    u: Float[np.ndarray, "n_features *shuffle"],
    cubes: Float[np.ndarray, "n_features *one"],
    n_positive: int,
    n_control: int,
) -> Float[np.ndarray, "n_features *shuffle"]:
    """Two-sided p of U, normal with tie and continuity correction; `cubes` sums t^3 - t over ties."""
    n, pairs = n_positive + n_control, n_positive * n_control
    variance = pairs / 12 * ((n + 1) - cubes / (n * (n - 1)))
    distance = np.abs(u - pairs / 2) - 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(variance > 0, distance / np.sqrt(np.maximum(variance, 0)), 0)
    p: Float[np.ndarray, n_features * shuffle] = np.minimum(1.0, erfc(z / np.sqrt(2)))
    return p


def benjamini_hochberg(p: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """The false-discovery rate at which each test would be called (Benjamini & Hochberg 1995)."""
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty(len(p))
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q
