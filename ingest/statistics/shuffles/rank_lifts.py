"""What each unit adds to a rank sum, the sum's moments over all exchanges of labels, and sums whose p is asked for.

The lift of a unit is its mid-rank less that of the largest group of ties, which nearly always is the silent ones: it
is 0, and exactly 0, for most units.

Source: Lehmann 1975, "Nonparametrics", appendix A.4: mean and variance of sums drawn without replacement.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array, diags_array

from ingest.statistics.rank_sum import mid_ranks
from ingest.statistics.shuffles.units import Rows, Units

ROUNDING = 1e-9
"""Rank sums that differ by less, relatively to the number of units, are equally far out."""


class Asked(NamedTuple):
    """Rank sums whose p is asked for, ordered by feature.

    Shapes: feature, distance (pair,), where distance is from the expectation, not below 0.
    """

    feature: Int[np.ndarray, " pair"]
    distance: Float[np.ndarray, " pair"]


class Lifts(NamedTuple):
    """What each unit adds to the rank sum of the side that it is on, over one of the largest tie.

    Shapes: by_unit (n_features, unit), sparse; the others (n_features,): mean and variance of the rank sum's
    lift over all exchanges, and the mid-rank of the largest tie.
    """

    by_unit: csr_array
    mean: Float[np.ndarray, " n_features"]
    variance: Float[np.ndarray, " n_features"]
    tie_rank: Float[np.ndarray, " n_features"]

    @property
    def varies(self) -> Bool[np.ndarray, " n_features"]:
        """Whether exchanges give different rank sums."""
        varies: Bool[np.ndarray, " n_features"] = self.variance > ROUNDING * self.by_unit.shape[1]
        return varies


def rank_lifts(rows: Rows, units: Units, n_features: int) -> Lifts:
    """The lifts of features 0 .. n_features - 1."""
    n = len(units.positive)
    zeros = n - np.bincount(rows.feature, minlength=n_features)
    rank, _ = mid_ranks(rows.feature, rows.score, n_features)
    above = csr_array((rank + (zeros[rows.feature] - 1) / 2, (rows.feature, rows.unit)), shape=(n_features, n))
    by_unit, tie_rank = _over_largest_tie(above, zeros)
    mean, variance = _moments(by_unit, units)
    return Lifts(by_unit, mean, variance, tie_rank)


def _over_largest_tie(
    above: csr_array, zeros: Int[np.ndarray, " n_features"]
) -> tuple[csr_array, Float[np.ndarray, " n_features"]]:
    """Lifts over the silent units, made lifts over the largest tie where that is another; and its mid-rank."""
    tie_rank = (zeros + 1) / 2
    changed, bases = [], []
    for row in np.flatnonzero(np.diff(above.indptr) > zeros):
        distinct, counts = np.unique(above.data[above.indptr[row] : above.indptr[row + 1]], return_counts=True)
        if counts.max() > max(zeros[row], 1):
            changed.append(row)
            bases.append(distinct[counts.argmax()])
    if not changed:
        return above, tie_rank
    rebased = csr_array(above[changed].toarray() - np.array(bases)[:, None])
    tie_rank[changed] += bases
    kept = np.ones(len(zeros))
    kept[changed] = 0
    places = csr_array((np.ones(len(changed)), (changed, np.arange(len(changed)))), shape=(len(zeros), len(changed)))
    lifts = diags_array(kept).tocsr() @ above + places @ rebased
    lifts.eliminate_zeros()
    return lifts, tie_rank


class Strata(NamedTuple):
    """Shapes: units, positives (stratum,); member (unit, stratum), sparse, 1 where the unit is of the stratum."""

    units: Int[np.ndarray, " stratum"]
    positives: Int[np.ndarray, " stratum"]
    member: csr_array

    @property
    def share(self) -> Float[np.ndarray, " stratum"]:
        """The share of each stratum's units that is positive."""
        share: Float[np.ndarray, " stratum"] = self.positives / self.units
        return share

    @property
    def spread(self) -> Float[np.ndarray, " stratum"]:
        """What the sum of squares of a stratum's lifts around their mean is multiplied by in the variance."""
        n, k = self.units.astype(float), self.positives
        spread: Float[np.ndarray, " stratum"] = k * (n - k) / (n * np.maximum(n - 1, 1))
        return spread


def strata_of_units(units: Units) -> Strata:
    """The strata of the units."""
    sizes = np.bincount(units.stratum)
    positives = np.bincount(units.stratum[units.positive], minlength=len(sizes))
    ones = np.ones(len(units.positive))
    member = csr_array((ones, (np.arange(len(ones)), units.stratum)), shape=(len(ones), len(sizes)))
    return Strata(sizes, positives, member)


def _moments(by_unit: csr_array, units: Units) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance over exchanges of each row's sum over positive units."""
    strata = strata_of_units(units)
    sums = by_unit @ strata.member  # (n_features, stratum)
    return sums @ strata.share, exchange_covariance(by_unit, by_unit, strata)


def exchange_covariance(one: csr_array, other: csr_array, strata: Strata) -> Float[np.ndarray, " n_features"]:
    """The covariance over exchanges of two sums over positive units, for each row."""
    products = one.multiply(other).tocsr() @ strata.member
    sums = (one @ strata.member).multiply(other @ strata.member).tocsr()
    found: Float[np.ndarray, " n_features"] = products @ strata.spread - sums @ (strata.spread / strata.units)
    return found
