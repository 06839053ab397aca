"""The Wilcoxon signed-rank test on pairs, for every feature at once.

A pair is a template with documents on both sides: one sentence frame, filled once
with the concept and once without. Its difference is the mean score of its positive
documents minus that of its control ones; differences of 0 are dropped.

Templates of one book or patient are not independent: what chance signs is a group, by the
mean difference of its pairs. Groups that a pair stands in both of are one.

Of up to EXACT differences p is exact, ties included: every way to swap the sides of pairs.
Beyond it is normal with tie and continuity correction; the sum of many signed ranks is
symmetric and bounded, so that its tails are lighter.

Source: Wilcoxon 1945; Pratt & Gibbons 1981, "Concepts of Nonparametric Theory", 3.7 (the exact distribution with
ties); beyond, `scipy.stats.wilcoxon(correction=True, method="asymptotic")`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import erfc

from ingest.statistics.rank_sum import tie_groups

ROUNDING = 1e-9
"""Means of one third and the like do not cancel exactly: a difference below this share of its parts is 0."""


EXACT = 50
"""Of up to so many differences the distribution of the signed ranks is counted."""


class Pairs(NamedTuple):
    """The differences that are not 0, a row each, in the 32 bits of the scores so that equal ones tie.

    Shapes: feature, difference (row,).
    """

    feature: Int[np.ndarray, " row"]
    difference: Float[np.ndarray, " row"]


class SignedRank(NamedTuple):
    """The signed-rank statistics of features 0 .. n_features - 1.

    Shapes: each (n_features,). `higher` and `lower` count pairs whose positive side scores higher or lower;
    without a difference p is 1.
    """

    higher: Int[np.ndarray, " n_features"]
    lower: Int[np.ndarray, " n_features"]
    p: Float[np.ndarray, " n_features"]


def paired_template_numbers(
    template: Int[np.ndarray, " document"], positive: Bool[np.ndarray, " document"]
) -> Int[np.ndarray, " document"]:
    """Each document's pair, from 0; -1 where its template is on one side only. Templates below 0 are none."""
    both = np.intersect1d(template[positive & (template >= 0)], template[~positive & (template >= 0)])
    place = np.searchsorted(both, template)
    known = np.isin(template, both)
    return np.where(known, place, -1)


def units_of_pairs(pair: Int[np.ndarray, " document"], group: Int[np.ndarray, " document"]) -> Int[np.ndarray, " pair"]:
    """Each pair's independent unit, from 0: pairs that share a group are of one, and so on along chains of groups."""
    pair, group = pair[pair >= 0], group[pair >= 0]
    n_pairs = int(pair.max(initial=-1)) + 1
    numbers, member = np.unique(group, return_inverse=True)
    size = n_pairs + len(numbers)
    joins = coo_array((np.ones(len(pair)), (pair, n_pairs + member)), shape=(size, size))
    _, part = connected_components(joins, directed=False)
    unit: Int[np.ndarray, " pair"] = np.unique(part[:n_pairs], return_inverse=True)[1]
    return unit


def pair_differences(
    feature: Int[np.ndarray, " row"],
    score: Float[np.ndarray, " row"],
    document: Int[np.ndarray, " row"],
    pair: Int[np.ndarray, " document"],
    positive: Bool[np.ndarray, " document"],
    *,
    unit: Int[np.ndarray, " pair"] | None = None,
) -> Pairs:
    """Mean positive minus mean control score of each pair and feature, where it is not 0; or the means by `unit`."""
    n_pairs = int(pair.max(initial=-1)) + 1
    unit = np.arange(n_pairs) if unit is None else unit
    members = np.bincount(unit)
    paired = pair >= 0
    sizes = [np.bincount(pair[paired & side], minlength=n_pairs) for side in (positive, ~positive)]
    chosen = pair[document] >= 0
    feature, score, document = feature[chosen], score[chosen].astype(float), document[chosen]
    number, side = pair[document], positive[document]
    share = np.where(side, score / sizes[0][number], -score / sizes[1][number]) / members[unit[number]]
    keys, place = np.unique(feature.astype(np.int64) * len(members) + unit[number], return_inverse=True)
    difference = np.bincount(place, weights=share, minlength=len(keys))
    moved = np.abs(difference) > ROUNDING * np.bincount(place, weights=np.abs(share), minlength=len(keys))
    return Pairs(keys[moved] // max(len(members), 1), difference[moved].astype(np.float32))


def signs_of_differences(
    pairs: Pairs, n_features: int
) -> tuple[Int[np.ndarray, " n_features"], Int[np.ndarray, " n_features"]]:
    """How many differences of each feature are above 0, and below."""
    higher, lower = pairs.difference > 0, pairs.difference < 0
    return (
        np.bincount(pairs.feature[higher], minlength=n_features),
        np.bincount(pairs.feature[lower], minlength=n_features),
    )


def signed_rank(pairs: Pairs, n_features: int) -> SignedRank:
    """Two-sided p of each feature's differences, where chance signs them."""
    size = np.abs(pairs.difference)
    groups = tie_groups(pairs.feature, size)
    middle = groups.below(groups.size) + (groups.size + 1) / 2
    up = (pairs.difference > 0)[groups.order]
    rank = np.repeat(middle, groups.size)
    plus = np.bincount(pairs.feature[groups.order], weights=rank * up, minlength=n_features)
    higher, lower = signs_of_differences(pairs, n_features)
    n = (higher + lower).astype(float)
    cubes = np.bincount(groups.feature, weights=groups.size.astype(float) ** 3 - groups.size, minlength=n_features)
    variance = (n * (n + 1) * (2 * n + 1) - cubes / 2) / 24
    distance = np.abs(plus - n * (n + 1) / 4)
    z = np.maximum(distance - 0.5, 0) / np.sqrt(np.where(variance > 0, variance, 1))
    p = np.where(variance > 0, erfc(z / np.sqrt(2)), 1.0)
    ends = np.cumsum(higher + lower)
    for feature in np.flatnonzero((n > 0) & (n <= EXACT)):
        p[feature] = _exact_p(rank[ends[feature] - int(n[feature]) : ends[feature]], distance[feature])
    return SignedRank(higher, lower, p)


def _exact_p(rank: Float[np.ndarray, " difference"], distance: float) -> float:
    """The share of all signs for which the sum of ranks is at least so far from its mean."""
    steps = np.rint(2 * rank).astype(int)  # mid-ranks are whole or half
    chance = np.zeros(steps.sum() + 1)
    chance[0] = 1
    for step in steps:
        chance[step:] += chance[:-step].copy()
        chance /= 2
    far = np.abs(np.arange(len(chance)) - steps.sum() / 2) >= 2 * distance - ROUNDING
    return min(1.0, float(chance[far].sum()))
