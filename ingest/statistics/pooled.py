"""p by shuffles, pooled over features that fire in about as many units: small enough for thousands of tests.

What a rank statistic is where labels mean nothing depends on the feature by its ties alone, and of these the silent
units are nearly all. So the shuffles of features that fire in like numbers of units are draws from one distribution,
and are counted together. Where such features are few, their labels are shuffled more often.

Source: Tusher, Tibshirani & Chu 2001 (SAM) and Storey & Tibshirani 2003 for shuffles pooled over tests; Phipson & Smyth
2010: the labels as they are count as one of the shuffles.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Int, Shaped

from ingest.statistics.association import Ranks
from ingest.statistics.permutation import SAME, Tails
from ingest.statistics.shuffles import Labelled, relabel_units

ALIKE = 1.2
"""Features of a pool fire in at most so many times as many units as the fewest, those of up to 10 in equally many."""

DEPTH = 40
"""A pool holds so many shuffled statistics for each feature tested: the least q of a single discovery is 1 / DEPTH."""

MOST = 10_000
"""No feature's labels are shuffled more often."""

BLOCK = 4_000_000
"""Statistics of more shuffles that are in memory at a time."""

SHOWN = 0.1
"""Of shuffles only p up to here are kept: no larger one is called."""


class Statistic(Protocol):
    """What is far out, and not below 0."""

    def distance(
        self, ranks: Ranks, labels: Shaped[np.ndarray, "unit draw"], /
    ) -> Float[np.ndarray, "n_features draw"]:
        """The statistic of each feature for each column of labels."""


class Pooled(NamedTuple):
    """The p of features, and the small p of their shuffles.

    Shapes: p (n_features,).
    """

    p: Float[np.ndarray, " n_features"]
    tails: Tails


def pooled_p(statistic: Statistic, ranks: Ranks, shuffles: "Shuffles", tests: int) -> Pooled:
    """The p of each feature among `tests` in all, and those of its shuffles."""
    p, parts = np.ones(len(ranks.silent)), list[Tails]()
    for features in pools_of_features(ranks.lift.shape[1] - ranks.silent):
        mine = ranks.take(features)
        found = statistic.distance(mine, shuffles.labels)
        wanted = min(MOST, -(-DEPTH * tests // len(features)))
        pool = np.sort(np.concatenate([found[:, 1:].ravel(), *shuffles.statistics(statistic, mine, wanted)]))
        beyond = len(pool) - np.searchsorted(pool, found * (1 - SAME))  # (feature, label)
        p[features] = (1 + beyond[:, 0]) / (1 + len(pool))
        shuffled = beyond[:, 1:] / max(len(pool), 1)
        feature, shuffle = np.nonzero(shuffled <= SHOWN)
        parts.append(Tails(features[feature], shuffle, shuffled[feature, shuffle]))
    nothing = Tails(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
    return Pooled(p, Tails(*(np.concatenate(column) for column in zip(nothing, *parts, strict=True))))


def pools_of_features(fires: Int[np.ndarray, " n_features"]) -> Iterator[Int[np.ndarray, " pool"]]:
    """Features that fire in about as many units, together."""
    order = np.argsort(fires, kind="stable")
    first = 0
    while first < len(order):
        most = int(fires[order[first]] * ALIKE) if fires[order[first]] > 10 else int(fires[order[first]])
        last = int(np.searchsorted(fires[order], most, side="right"))
        yield np.sort(order[first:last])
        first = last


class Shuffles:
    """The labels of shuffles: those that are reported, of a seed and number each, and more that are drawn when needed.

    Shapes: labels (unit, 1 + shuffles), the true ones first.
    """

    def __init__(self, units: Labelled, seed: int, shuffles: int) -> None:
        drawn = [relabel_units(units, seed, number) for number in range(1, 1 + shuffles)]
        self.labels = np.stack([units.label, *drawn], axis=1)
        self.stratum, self.rng = units.stratum[:, None], np.random.default_rng(seed)
        self.ordered = np.argsort(units.stratum, kind="stable")
        self.levels, codes = np.unique(units.label, return_inverse=True)
        self.codes = codes.astype(np.min_scalar_type(len(self.levels)))
        self.more = np.zeros((len(codes), 0), dtype=self.codes.dtype)

    def statistics(self, statistic: Statistic, ranks: Ranks, wanted: int) -> Iterator[Float[np.ndarray, " many"]]:
        """The statistics of shuffles beyond those reported, `wanted` in all."""
        beyond = max(0, wanted - self.labels.shape[1] + 1)
        step = max(1, BLOCK // max(1, *ranks.lift.shape))
        while self.more.shape[1] < beyond:
            self.more = np.concatenate([self.more, self._drawn(min(step, beyond - self.more.shape[1]))], axis=1)
        for start in range(0, beyond, step):
            yield statistic.distance(ranks, self.levels[self.more[:, start : min(start + step, beyond)]]).ravel()

    def _drawn(self, number: int) -> Int[np.ndarray, "unit draw"]:
        place = np.argsort(self.stratum + self.rng.random((len(self.codes), number)), axis=0)
        drawn = np.empty(place.shape, dtype=self.codes.dtype)
        drawn[self.ordered] = self.codes[place]
        return drawn
