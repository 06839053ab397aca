"""How many clusters: the number whose mean silhouette is largest, and whether other seeds find the same clusters.

With 1 - cosine as the distance of unit rows, the mean distance of a row to a cluster is 1 less its product with the
mean of the cluster's rows, so the silhouette of every row is exact without a matrix of distances.

Source: Rousseeuw 1987 (silhouette; a row alone in its cluster has 0); Hubert & Arabie 1985 (adjusted Rand index);
Hennig 2007 (a cluster's stability: its Jaccard overlap with the nearest cluster of another run).
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_rand_score

from ingest.families.kmeans import Clusters, cluster_directions, member_sums

NUMBERS = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""Numbers of clusters that are tried, as far as there are rows for them."""
ROWS_EACH = 4
"""Rows that a cluster holds on average at least, in a number that is tried."""
SEEDS = 5
"""Runs of the chosen number, whose agreement is its stability."""

Report = Callable[[int, int], None]


class Choice(NamedTuple):
    """A number of clusters that was tried, and the mean silhouette of one run with it."""

    clusters: int
    silhouette: float


class Stability(NamedTuple):
    """How far runs from several seeds agree: adjusted Rand indices of each two, 1 the same and 0 as by chance."""

    mean: float
    least: float


def silhouette(unit: Float[np.ndarray, "row d"], cluster: Int[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
    """Each row's silhouette under 1 - cosine: from -1, nearer to another cluster, to 1.

    Raises:
        ValueError: there are not two clusters.
    """
    sizes = np.bincount(cluster)
    if len(sizes) < 2:
        raise ValueError("a silhouette needs two clusters")
    to_all = unit @ member_sums(unit, cluster, len(sizes)).T  # (row, clusters): sums of cosines
    here, own = np.arange(len(unit)), sizes[cluster]
    itself = np.einsum("ij,ij->i", unit, unit)
    inside = 1 - (to_all[here, cluster] - itself) / np.maximum(own - 1, 1)
    outside = 1 - to_all / sizes
    outside[here, cluster] = np.inf
    nearest = outside.min(axis=1)
    larger = np.maximum(inside, nearest)
    found: Float[np.ndarray, " row"] = np.where((own > 1) & (larger > 0), nearest - inside, 0)
    return found / np.where(larger > 0, larger, 1)


def choose_number(
    unit: Float[np.ndarray, "row d"], seed: int, report: Report = lambda done, numbers: None
) -> list[Choice]:
    """The numbers tried, each with its silhouette, in their order; see `best_cluster_number`."""
    numbers = [number for number in NUMBERS if number * ROWS_EACH <= len(unit)]
    choices = []
    for done, number in enumerate(numbers, start=1):
        cluster = cluster_directions(unit, number, seed).cluster
        choices.append(Choice(number, float(silhouette(unit, cluster).mean(dtype=float))))
        report(done, len(numbers))
    return choices


def best_cluster_number(choices: Sequence[Choice]) -> int:
    """The number with the largest silhouette; of equal ones, the smallest."""
    return max(choices, key=lambda choice: (choice.silhouette, -choice.clusters)).clusters


def cluster_from_seeds(
    unit: Float[np.ndarray, "row d"], clusters: int, seed: int, seeds: int = SEEDS
) -> list[Clusters]:
    """Runs from so many seeds, the best fit first."""
    runs = [cluster_directions(unit, clusters, seed + number) for number in range(seeds)]
    return sorted(runs, key=lambda run: -run.fit)


def seed_stability(runs: Sequence[Clusters]) -> Stability:
    """The agreement of each two runs; a single run agrees with itself."""
    found = [adjusted_rand_score(one.cluster, other.cluster) for one, other in combinations(runs, 2)] or [1.0]
    return Stability(float(np.mean(found)), float(np.min(found)))


def cluster_stability(runs: Sequence[Clusters]) -> Float[np.ndarray, " clusters"]:
    """Of each cluster of the first run: its overlap with the most like cluster of each other run, on average."""
    first, *others = runs
    size = np.bincount(first.cluster)
    found = np.ones(len(size))
    for number, other in enumerate(others, start=1):
        there = np.bincount(other.cluster)
        ones = np.ones(len(first.cluster))
        both = csr_array((ones, (first.cluster, other.cluster)), shape=(len(size), len(there))).toarray()
        overlap = (both / (size[:, None] + there - both)).max(axis=1)
        found += (overlap - found) / number
    return found
