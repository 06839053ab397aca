"""What a contrast finds where there is nothing to find: the rank-sum test under shuffled labels.

Labels move only where they could have fallen otherwise. Documents that share a
template across the sides exchange labels among themselves; what is left (single
documents, templates that are on one side only) exchanges labels with others of
the same size, so that every shuffle has as many positive documents.

Source: Westfall & Young 1993: the smallest p over all features of each shuffle
gives p values that hold for all features together, whatever their dependence.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array

from ingest.statistics.rank_sum import mid_ranks, normal_p

LEVEL = 0.05


class Exchange(NamedTuple):
    """Which documents may exchange labels.

    Shapes: block (document,), documents that keep one label together; stratum (block,), blocks that exchange.
    """

    block: Int[np.ndarray, " document"]
    stratum: Int[np.ndarray, " block"]


class Null(NamedTuple):
    """The features of one chunk under each shuffle.

    Shapes: min_p, max_auroc (shuffle,); small_p one array a shuffle, the p values at or under LEVEL.
    """

    min_p: Float[np.ndarray, " shuffle"]
    max_auroc: Float[np.ndarray, " shuffle"]
    small_p: list[Float[np.ndarray, " small"]]


def exchange(group: Int[np.ndarray, " document"], positive: Bool[np.ndarray, " document"]) -> Exchange:
    """The blocks and strata of documents by group."""
    _, member = np.unique(group, return_inverse=True)
    sizes = np.bincount(member)
    positives = np.bincount(member, weights=positive)
    mixed = (positives > 0) & (positives < sizes)
    alone = mixed[member]
    block_name = np.where(alone, len(sizes) + np.arange(len(group)), member)
    names, block = np.unique(block_name, return_inverse=True)
    first = np.zeros(len(names), dtype=np.int64)
    first[block[::-1]] = np.arange(len(group))[::-1]
    stratum = np.where(alone[first], len(group) + 1 + member[first], sizes[member[first]])
    return Exchange(block, stratum)


def shuffled_labels(
    positive: Bool[np.ndarray, " document"], exchanged: Exchange, seed: int, shuffle: int
) -> Bool[np.ndarray, " document"]:
    """The labels of a shuffle, the same in every run of the same seed and number."""
    label = np.zeros(len(exchanged.stratum), dtype=bool)
    label[exchanged.block] = positive
    rng = np.random.default_rng([seed, shuffle])
    ordered = np.argsort(exchanged.stratum, kind="stable")
    drawn = np.lexsort((rng.random(len(label)), exchanged.stratum))
    moved = np.empty_like(label)
    moved[ordered] = label[drawn]
    labels: Bool[np.ndarray, " document"] = moved[exchanged.block]
    return labels


def null_of(
    feature: Int[np.ndarray, " row"],
    score: Float[np.ndarray, " row"],
    document: Int[np.ndarray, " row"],
    labels: Bool[np.ndarray, "document shuffle"],
    tested: Bool[np.ndarray, " n_features"],
) -> Null:
    """The rank-sum test of the tested features under each column of labels."""
    n, shuffles = labels.shape
    if not tested.any():
        return Null(np.ones(shuffles), np.full(shuffles, 0.5), [np.zeros(0)] * shuffles)
    chosen = tested[feature]
    place = np.cumsum(tested) - 1
    feature, score, document = place[feature[chosen]], score[chosen], document[chosen]
    n_tested = int(tested.sum())
    n_positive = int(labels[:, 0].sum())
    zeros = n - np.bincount(feature, minlength=n_tested)
    rank, cubes = mid_ranks(feature, score, n_tested)
    above_silent = rank + (zeros[feature] - 1) / 2
    lifts = csr_array((above_silent, (feature, document)), shape=(n_tested, n))
    u = lifts @ labels.astype(float) + (n_positive * (zeros - n_positive) / 2)[:, None]
    all_ties = (cubes + zeros.astype(float) ** 3 - zeros)[:, None]
    p = normal_p(u, all_ties, n_positive, n - n_positive)
    auroc = u.max(axis=0) / (n_positive * (n - n_positive))
    return Null(p.min(axis=0), auroc, [column[column <= LEVEL] for column in p.T])


def discoveries(small_p: Float[np.ndarray, " small"], n_tested: int) -> int:
    """How many tests Benjamini & Hochberg call at LEVEL, from the p values at or under it."""
    ascending = np.sort(small_p)
    called = np.flatnonzero(ascending * n_tested <= LEVEL * np.arange(1, len(ascending) + 1))
    return int(called[-1]) + 1 if len(called) else 0
