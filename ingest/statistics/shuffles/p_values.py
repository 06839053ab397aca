"""The p of rank sums: the share of all exchanges of labels whose rank sum is at least as far from its expectation.

Where exchanges can be counted, `exact` counts them. Where many units stand out of the largest tie on both sides, p is
by the number k of positive ones among them. k has its exact distribution, hypergeometric in each stratum and convolved
over strata; the rank sum given k is normal with its mean and variance. What makes the plain normal approximation fail,
by orders of magnitude at p of 1e-5, is k: a step of it is half of all units wide, and it is as skewed as a Poisson
number where one side is small. The sum of k ranks drawn without replacement is symmetric, bounded and lighter in its
tails than a normal one, so that what is left of the approximation errs to the safe side.

Source: Lehmann 1975, "Nonparametrics", 1.5 and A.4; for the failure under rare events and unequal sides, Dey, Schmidt,
Abecasis & Lee 2017, "A fast and accurate algorithm to test for binary phenotypes".
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array
from scipy.special import erfc, gammaln

from ingest.statistics.shuffles.exact import FEW, drawn_p, enumerated_p
from ingest.statistics.shuffles.rank_lifts import ROUNDING, Asked, Lifts, Strata, exchange_covariance, strata_of_units
from ingest.statistics.shuffles.units import Units


class Numbers:
    """p where many units stand out: by the number of positive ones among them."""

    def __init__(self, lifts: Lifts, strata: Strata) -> None:
        ones = csr_array(
            (np.ones(len(lifts.by_unit.data)), lifts.by_unit.indices, lifts.by_unit.indptr), lifts.by_unit.shape
        )
        self.lifts, self.strata = lifts, strata
        self.held = (ones @ strata.member).tocsr()
        sizes, kind = np.unique(np.stack([strata.units, strata.positives]), axis=1, return_inverse=True)
        self.sizes, self.kind = [(int(units), int(positives)) for units, positives in sizes.T], kind.reshape(-1)
        self.kinds = len(self.sizes) * (int(strata.units.max()) + 1)
        self.stands_out = np.diff(lifts.by_unit.indptr)
        self.mean = self.held @ strata.share
        self.variance = exchange_covariance(ones, ones, strata)
        self.slope = exchange_covariance(ones, lifts.by_unit, strata) / np.where(
            self.variance > ROUNDING, self.variance, np.inf
        )

    def p(self, features: Int[np.ndarray, " block"], asked: Asked) -> Float[np.ndarray, " pair"]:
        """The p of the pairs of a block of features."""
        chance = self._chances(features)
        k = np.arange(chance.shape[1])
        given = self.slope[features, None] * (k - self.mean[features, None])  # expectation of the rank sum given k
        m = self.stands_out[features, None]
        pairs = np.maximum(k * (m - k), 0)
        rest = np.maximum(self.lifts.variance[features] - self.slope[features] ** 2 * self.variance[features], 0)
        expected = (chance * pairs).sum(axis=1)
        spread = np.sqrt(rest[:, None] * pairs / np.where(expected > 0, expected, 1)[:, None])
        p = np.empty(len(asked.feature))
        step = max(1, 2_000_000 // chance.shape[1])
        for first in range(0, len(p), step):
            part = slice(first, first + step)
            row, beyond = asked.feature[part], asked.distance[part, None] - 0.5
            wide = np.maximum(spread[row], 1e-9) * np.sqrt(2)
            tails = erfc((beyond - given[row]) / wide) + erfc((beyond + given[row]) / wide)
            p[part] = (chance[row] * tails).sum(axis=1) / 2
        return np.minimum(p, 1)

    def _chances(self, features: Int[np.ndarray, " block"]) -> Float[np.ndarray, "block number"]:
        """The distribution of the number of positive units among those that stand out."""
        held = self.held[features]
        row = np.repeat(np.arange(len(features)), np.diff(held.indptr))
        kind = self.kind[held.indices] * (self.strata.units.max() + 1) + held.data.astype(np.int64)
        cells, times = np.unique(row * self.kinds + kind, return_counts=True)
        chances = [np.ones(1)] * len(features)
        for cell, number in zip(cells.tolist(), times.tolist(), strict=True):
            place, stratum, stands_out = self._told(cell)
            chances[place] = np.convolve(chances[place], _repeated(*stratum, stands_out, number))
        found = np.zeros((len(features), max(map(len, chances))))
        for filled, chance in zip(found, chances, strict=True):
            filled[: len(chance)] = chance
        return found

    def _told(self, cell: int) -> tuple[int, tuple[int, int], int]:
        """A feature's place, the units and positive units of a kind of stratum, and how many stand out of each."""
        place, kind = divmod(cell, self.kinds)
        stratum, stands_out = divmod(kind, int(self.strata.units.max()) + 1)
        return place, self.sizes[stratum], stands_out


@lru_cache(maxsize=20_000)
def _repeated(units: int, positives: int, stands_out: int, times: int) -> Float[np.ndarray, " number"]:
    """The distribution of the positive units among those that stand out, over so many strata alike."""
    if times == 1:
        k = np.arange(min(positives, stands_out) + 1)
        with np.errstate(invalid="ignore"):
            ways = _log_choose(positives, k) + _log_choose(units - positives, stands_out - k)
        possible = stands_out - k <= units - positives
        return np.where(possible, np.exp(ways - _log_choose(units, np.array(stands_out))), 0)
    half = _repeated(units, positives, stands_out, times // 2)
    other = _repeated(units, positives, stands_out, times - times // 2)
    return np.convolve(half, other)


def _log_choose(n: int, k: Int[np.ndarray, "*number"]) -> Float[np.ndarray, "*number"]:
    chosen: Float[np.ndarray, " number"] = gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0) + 1)
    return chosen


EXACT = 10
"""Of up to so many units that stand out all ways to label them are enumerated: 1,024."""

BLOCK = 256
"""Features whose distributions are in memory at a time."""


def exchange_p(lifts: Lifts, units: Units, asked: Asked) -> Float[np.ndarray, " pair"]:
    """The p of each rank sum that is asked for."""
    p = np.ones(len(asked.feature))
    stands_out = np.diff(lifts.by_unit.indptr)
    strata = strata_of_units(units)
    counts = Numbers(lifts, strata)
    for features, pairs in _blocks(stands_out, asked.feature):
        mine = Asked(np.searchsorted(features, asked.feature[pairs]), asked.distance[pairs])
        if stands_out[features[0]] <= EXACT:
            p[pairs] = enumerated_p(lifts.by_unit[features], units, strata, lifts.mean[features], mine)
        elif len(strata.units) == 1 and min(units.sizes) <= FEW:
            p[pairs] = drawn_p(lifts.by_unit[features].toarray(), min(units.sizes), mine)
        else:
            p[pairs] = counts.p(features, mine)
    return p


def _blocks(
    stands_out: Int[np.ndarray, " n_features"], feature: Int[np.ndarray, " pair"]
) -> Iterator[tuple[Int[np.ndarray, " block"], Int[np.ndarray, " chosen"]]]:
    """Features of like distributions, ascending, and their pairs; where ways are enumerated, of as many units each."""
    asked = np.unique(feature)
    starts = np.searchsorted(feature, asked)
    ends = np.searchsorted(feature, asked, side="right")
    size = stands_out[asked]
    order = np.argsort(size, kind="stable")
    cut = np.flatnonzero((np.diff(size[order]) != 0) & (size[order][:-1] <= EXACT)) + 1
    for part in np.split(order, cut):
        for first in range(0, len(part), BLOCK):
            chosen = np.sort(part[first : first + BLOCK])
            pairs = np.concatenate([np.arange(starts[c], ends[c]) for c in chosen]) if len(chosen) else chosen
            if len(chosen):
                yield asked[chosen], pairs
