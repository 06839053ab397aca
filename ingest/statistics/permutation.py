"""What a contrast finds where there is nothing to find: the rank-sum test under shuffled labels.

Three figures rest on it. The smallest p of each shuffle gives p values that hold for all
features together, whatever their dependence (step-down). The smallest q of each shuffle
bounds q from below: a q as small as shuffles often give is never reported, whatever makes
the p values depend on each other. The largest AUROC of each shuffle is what chance reaches.

Source: Westfall & Young 1993, algorithm 2.8, as in Ge, Dudoit & Speed 2003 (step-down minP);
Simes 1986: the smallest q of Benjamini & Hochberg is a p value of "nothing is to be found";
Phipson & Smyth 2010: the labels as they are count as one of the shuffles.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ingest.statistics.shuffles import Asked, Lifts, Units, exchange_p

LEVEL = 0.05
SHARE = 0.08
"""This share of a feature's shuffles, the farthest out, is asked first: more than LEVEL, mostly enough."""

SAME = 1e-9
"""p values that differ by less, relatively, are equal: rounding is far below it."""


class Tails(NamedTuple):
    """The small p of shuffles, every one that can be called among them.

    Shapes: feature, shuffle, p (tail,), where shuffle counts from 0.
    """

    feature: Int[np.ndarray, " tail"]
    shuffle: Int[np.ndarray, " tail"]
    p: Float[np.ndarray, " tail"]


class Chance(NamedTuple):
    """What each shuffle finds over all tested features.

    Shapes: each (shuffle,); min_q is the smallest q of Benjamini & Hochberg, discoveries counts those at LEVEL.
    """

    min_p: Float[np.ndarray, " shuffle"]
    min_q: Float[np.ndarray, " shuffle"]
    discoveries: Int[np.ndarray, " shuffle"]


def observed_p(lifts: Lifts, units: Units) -> Float[np.ndarray, " n_features"]:
    """The p of every feature under the labels as they are; 1 where every exchange gives the same rank sum."""
    distance = np.abs(lifts.by_unit @ units.positive.astype(float) - lifts.mean)
    moves = np.flatnonzero(lifts.varies)
    p = np.ones(len(distance))
    p[moves] = exchange_p(lifts, units, Asked(moves, distance[moves]))
    return p


def shuffled_tails(
    lifts: Lifts, units: Units, labels: Bool[np.ndarray, "unit shuffle"], tested: Bool[np.ndarray, " n_features"]
) -> Tails:
    """Every p of at most LEVEL of the tested features under each column of labels.

    p falls as the distance grows: of each feature the farthest shuffles are asked first, and where the nearest of these
    is not called, no nearer one is. A number of standard deviations would not tell: the rank of a single unit is never
    more than 1.73 of them out, however small its p.
    """
    distance = np.abs(lifts.by_unit @ labels.astype(float) - lifts.mean[:, None])
    if not distance.size:
        return _asked_tails(lifts, units, distance, np.zeros(distance.shape, dtype=bool))
    chosen = np.flatnonzero(tested & lifts.varies)
    place = distance.shape[1] - 1 - int(SHARE * distance.shape[1])
    edge = np.argpartition(distance, place, axis=1)[:, place]
    equal = SAME * lifts.by_unit.shape[1]  # rank sums that are differ by rounding alone
    reach = np.take_along_axis(distance, edge[:, None], axis=1) + equal
    asked = np.zeros(distance.shape, dtype=bool)
    asked[chosen] = (distance > reach)[chosen]
    asked[chosen, edge[chosen]] = True
    far = _asked_tails(lifts, units, distance, asked)
    called = far.feature[far.shuffle == edge[far.feature]]
    asked[called] ^= True  # all that have not been asked
    asked[np.setdiff1d(chosen, called)] = False
    return Tails(*map(np.concatenate, zip(far, _asked_tails(lifts, units, distance, asked), strict=True)))


def _asked_tails(
    lifts: Lifts,
    units: Units,
    distance: Float[np.ndarray, "n_features shuffle"],
    asked: Bool[np.ndarray, "n_features shuffle"],
) -> Tails:
    """The p of at most LEVEL among those asked."""
    feature, shuffle = np.nonzero(asked)
    p = exchange_p(lifts, units, Asked(feature, distance[feature, shuffle]))
    small = p <= LEVEL
    return Tails(feature[small], shuffle[small], p[small])


def permuted_aurocs(
    lifts: Lifts, labels: Bool[np.ndarray, "document shuffle"]
) -> Float[np.ndarray, "n_features shuffle"]:
    """The AUROC of every feature under each column of labels."""
    positives = labels.sum(axis=0).astype(float)
    pairs = positives * (len(labels) - positives)
    u = lifts.by_unit @ labels.astype(float) + positives * (lifts.tie_rank[:, None] - (positives + 1) / 2)
    found: Float[np.ndarray, "n_features shuffle"] = u / pairs
    return found


def smallest_p_by_shuffle(tails: Tails, n_tested: int, shuffles: int) -> Chance:
    """The smallest p and q of each shuffle, and how many tests are called in it."""
    order = np.lexsort((tails.p, tails.shuffle))
    p, shuffle = tails.p[order], tails.shuffle[order]
    first = np.searchsorted(shuffle, np.arange(shuffles))
    rank = np.arange(len(p)) - first[shuffle] + 1
    q = p * n_tested / rank
    min_p, min_q = np.ones(shuffles), np.ones(shuffles)
    np.minimum.at(min_p, shuffle, p)
    np.minimum.at(min_q, shuffle, q)
    discoveries = np.zeros(shuffles, dtype=np.int64)
    called = q <= LEVEL
    np.maximum.at(discoveries, shuffle[called], rank[called])
    return Chance(min_p, min_q, discoveries)


def family_wise(p: Float[np.ndarray, " tested"], tails: Tails, shuffles: int) -> Float[np.ndarray, " tested"]:
    """The chance that any feature without an effect does as well, step-down; `tails` numbers the same features."""
    order = np.argsort(p, kind="stable")
    place = np.empty(len(p), dtype=np.int64)
    place[order] = np.arange(len(p))
    smallest = np.ones((len(p), shuffles))
    smallest[place[tails.feature], tails.shuffle] = tails.p
    smallest = np.minimum.accumulate(smallest[::-1], axis=0)[::-1]
    reached = (smallest <= p[order, None] * (1 + SAME)).sum(axis=1)
    stepped = np.maximum.accumulate((1 + reached) / (1 + shuffles))
    family = np.empty(len(p))
    family[order] = stepped
    found: Float[np.ndarray, " tested"] = np.maximum(family, p)
    return found


def q_not_below_permuted_chance(
    q: Float[np.ndarray, " tested"], min_q: Float[np.ndarray, " shuffle"]
) -> Float[np.ndarray, " tested"]:
    """q, raised to the share of shuffles in which any test has as small a one, where one has."""
    reached = np.searchsorted(np.sort(min_q), q * (1 + SAME), side="right")
    share = (1 + reached) / (1 + len(min_q))
    return np.where(reached > 0, np.maximum(q, share), q)
