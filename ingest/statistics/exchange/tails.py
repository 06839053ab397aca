"""The p of rank sums: the share of all exchanges of labels whose rank sum is at least as far from its expectation."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from ingest.statistics.exchange.asked import Asked
from ingest.statistics.exchange.drawn import FEW, drawn_p
from ingest.statistics.exchange.enumerated import enumerated_p
from ingest.statistics.exchange.lifts import Lifts, strata_of
from ingest.statistics.exchange.numbers import Numbers
from ingest.statistics.exchange.units import Units

EXACT = 10
"""Of up to so many units that stand out all ways to label them are enumerated: 1,024."""

BLOCK = 256
"""Features whose distributions are in memory at a time."""


def exchange_p(lifts: Lifts, units: Units, asked: Asked) -> Float[np.ndarray, " pair"]:
    """The p of each rank sum that is asked for."""
    p = np.ones(len(asked.feature))
    stands_out = np.diff(lifts.by_unit.indptr)
    strata = strata_of(units)
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
