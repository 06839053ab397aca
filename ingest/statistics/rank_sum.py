"""AUROC and the rank-sum test for every feature at once, over sparse scores, and against each domain of the controls.

A document on which a feature is silent scores 0 and ties with all others like it, so only scores above 0 are stored;
the zeros enter by their number. `tie_groups` orders the rows of sparse scores within each feature, with their groups of
equal scores: intervals, thresholds and splits of trees start from it too.

Which positive documents a control one outranks does not depend on its domain, so each control row counts once and its
domain only says where: one pass over the ranks for all domains.

Source: Mann & Whitney 1947; the normal approximation with tie and continuity correction is
`scipy.stats.mannwhitneyu(method="asymptotic")`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy.special import erfc
from scipy.stats import false_discovery_control


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


def tie_groups(feature: Int[np.ndarray, " row"], score: Float[np.ndarray, " row"]) -> Ties:
    """The groups of equal scores of each feature; rows may come in any order."""
    order = np.lexsort((score, feature))
    by_feature, by_score = feature[order], score[order]
    new_feature = np.diff(by_feature, prepend=-1) != 0
    start = np.flatnonzero(new_feature | (np.diff(by_score, prepend=np.nan) != 0))
    opens = new_feature[start]
    first = np.maximum.accumulate(np.where(opens, np.arange(len(start)), 0))
    return Ties(order, start, np.diff(start, append=len(order)), by_feature[start], by_score[start], first)


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
    groups = tie_groups(feature, score)
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
    """The false-discovery rate at which each test would be called (Benjamini & Hochberg 1995); none where none is."""
    q: Float[np.ndarray, " tests"] = false_discovery_control(p) if len(p) else p.astype(float)
    return q


class DomainContrast(NamedTuple):
    """Every feature against every domain.

    Shapes: fires, auroc (n_features, domain); auroc is NaN for a domain without documents.
    """

    fires: Int[np.ndarray, "n_features domain"]
    auroc: Float[np.ndarray, "n_features domain"]


def rank_sums_by_domain(
    feature: Int[np.ndarray, " row"],
    score: Float[np.ndarray, " row"],
    domain: Int[np.ndarray, " row"],
    documents: Int[np.ndarray, " domain"],
    sizes: tuple[int, int],
) -> DomainContrast:
    """Positive documents (domain -1) against the control documents of each domain; ties count half.

    `documents` holds the control documents of each domain, `sizes` the number of positive documents and of features.
    """
    n_positive, n_features = sizes
    positive = domain < 0
    groups = tie_groups(feature, score)
    hits = groups.total(positive)
    fires_positive = np.bincount(feature[positive], minlength=n_features)
    above = fires_positive[groups.feature] - groups.below(hits) - hits / 2
    outranked = np.empty(len(feature))
    outranked[groups.order] = np.repeat(above, groups.size)
    cells = feature[~positive].astype(np.int64) * len(documents) + domain[~positive]
    shape, n_cells = (n_features, len(documents)), n_features * len(documents)
    fires = np.bincount(cells, minlength=n_cells).reshape(shape)
    over_firing = np.bincount(cells, weights=outranked[~positive], minlength=n_cells).reshape(shape)
    over_silent = (documents - fires) * ((fires_positive + n_positive) / 2)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return DomainContrast(fires, (over_firing + over_silent) / (n_positive * documents))
