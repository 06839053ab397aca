"""p where few units stand out of the largest tie: every way to label them, with its chance.

Source: Lee, Fuchsberger, Kim & Scott 2016, "An efficient resampling method for calibrating single and
gene-based rare variant association analysis in case-control studies": where few carry a variant, the ways in which
they can be cases are few.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array

from ingest.statistics.exchange.asked import ROUNDING, Asked
from ingest.statistics.exchange.lifts import Strata
from ingest.statistics.exchange.units import Units


def enumerated_p(
    by_unit: csr_array, units: Units, strata: Strata, mean: Float[np.ndarray, " block"], asked: Asked
) -> Float[np.ndarray, " pair"]:
    """p from every way to label the units that stand out; all features of the block have as many of them."""
    n_features, m = len(mean), int(by_unit.indptr[1])
    unit, lift = by_unit.indices.reshape(n_features, m), by_unit.data.reshape(n_features, m)
    order = np.argsort(units.stratum[unit], axis=1, kind="stable")
    stratum = np.take_along_axis(units.stratum[unit], order, axis=1)
    lift = np.take_along_axis(lift, order, axis=1)
    sums, chance = np.zeros((n_features, 1)), np.ones((n_features, 1))
    positives, before = np.zeros((n_features, 1)), np.zeros(n_features)
    for place in range(m):
        same = stratum[:, place] == stratum[:, place - 1] if place else np.zeros(n_features, dtype=bool)
        positives, before = np.where(same[:, None], positives, 0), np.where(same, before, 0)
        left = (strata.units[stratum[:, place]] - before)[:, None]
        share = np.clip((strata.positives[stratum[:, place]][:, None] - positives) / left, 0, 1)
        sums = np.concatenate([sums, sums + lift[:, place, None]], axis=1)
        chance = np.concatenate([chance * (1 - share), chance * share], axis=1)
        positives, before = np.concatenate([positives, positives + 1], axis=1), before + 1
    return _share_beyond(np.abs(sums - mean[:, None]), chance, asked, ROUNDING * len(units.positive))


def _share_beyond(
    distance: Float[np.ndarray, "feature way"],
    chance: Float[np.ndarray, "feature way"],
    asked: Asked,
    rounding: float,
) -> Float[np.ndarray, " pair"]:
    """The total chance of the ways at least as far out as each distance that is asked for."""
    order = np.argsort(-distance, axis=1)
    ascending = -np.take_along_axis(distance, order, axis=1)
    total = np.cumsum(np.take_along_axis(chance, order, axis=1), axis=1)
    p = np.empty(len(asked.feature))
    starts = np.searchsorted(asked.feature, np.arange(len(distance) + 1))
    for feature, (first, last) in enumerate(pairwise(starts)):
        reached = np.searchsorted(ascending[feature], rounding - asked.distance[first:last], side="right")
        p[first:last] = total[feature, np.maximum(reached, 1) - 1]
    return np.minimum(p, 1)
