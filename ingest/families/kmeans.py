"""K-means on directions: features whose unit rows point the same way.

Source: Dhillon & Modha 2001 (spherical K-means: cosines, centroids of length 1); Arthur & Vassilvitskii 2007 (the
first centroids, k-means++, for unit rows with 1 - cosine in the place of half the squared distance).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array

ROUNDS = 60
"""Most rounds of one run; what still moves then moves few rows."""


class Clusters(NamedTuple):
    """Where each row belongs, and how well: `fit` is the mean cosine of a row with its centroid.

    Shapes: cluster (row,), from 0; centroid (clusters, d).
    """

    cluster: Int[np.ndarray, " row"]
    centroid: Float[np.ndarray, "clusters d"]
    fit: float


def cluster_directions(unit: Float[np.ndarray, "row d"], clusters: int, seed: int) -> Clusters:
    """One run of K-means from one seed; the largest cluster is 0, and of equal ones that with the first row.

    Raises:
        ValueError: there are fewer rows than clusters, or no cluster is asked for.
    """
    if not 1 <= clusters <= len(unit):
        raise ValueError(f"{clusters} clusters of {len(unit)} rows cannot be made")
    centroid = _first_centroids(unit, clusters, np.random.default_rng(seed))
    cluster = np.full(len(unit), -1)
    for _ in range(ROUNDS):
        cosine = unit @ centroid.T  # (row, d) x (d, clusters) -> (row, clusters)
        before, cluster = cluster, cosine.argmax(axis=1)
        _refill(cluster, cosine, clusters)
        if (cluster == before).all():
            break
        centroid = _unit(member_sums(unit, cluster, clusters))
    return _by_size(unit, cluster, clusters)


def member_sums(
    unit: Float[np.ndarray, "row d"], cluster: Int[np.ndarray, " row"], clusters: int
) -> Float[np.ndarray, "clusters d"]:
    """The sum of each cluster's rows, in the order of the rows whatever the number of threads."""
    ones = np.ones(len(unit), unit.dtype)
    member = csr_array((ones, (cluster, np.arange(len(unit)))), shape=(clusters, len(unit)))
    sums: Float[np.ndarray, "clusters d"] = member @ unit
    return sums


def _first_centroids(
    unit: Float[np.ndarray, "row d"], clusters: int, rng: np.random.Generator
) -> Float[np.ndarray, "clusters d"]:
    """Rows drawn one after the other, each by its distance from those drawn before."""
    chosen = [int(rng.integers(len(unit)))]
    distance = 1 - unit @ unit[chosen[0]]
    for _ in range(1, clusters):
        weight = np.maximum(distance.astype(float), 0)
        weight[chosen] = 0
        total = weight.sum()
        unchosen = np.setdiff1d(np.arange(len(unit)), chosen, assume_unique=True)
        row = rng.choice(len(unit), p=weight / total) if total > 0 else rng.choice(unchosen)
        chosen.append(int(row))
        distance = np.minimum(distance, 1 - unit @ unit[row])
    return unit[chosen]


def _refill(cluster: Int[np.ndarray, " row"], cosine: Float[np.ndarray, "row clusters"], clusters: int) -> None:
    """Give each empty cluster the row that lies worst in its own, of a cluster that can spare one."""
    sizes = np.bincount(cluster, minlength=clusters)
    if (sizes > 0).all():
        return
    worst = iter(np.argsort(cosine[np.arange(len(cluster)), cluster], kind="stable"))
    for empty in np.flatnonzero(sizes == 0):
        row = next(row for row in worst if sizes[cluster[row]] > 1)
        sizes[cluster[row]] -= 1
        cluster[row] = empty
        sizes[empty] = 1


def _by_size(unit: Float[np.ndarray, "row d"], cluster: Int[np.ndarray, " row"], clusters: int) -> Clusters:
    """The same clusters numbered by size, so that a seed's numbers mean something."""
    first = np.full(clusters, len(unit))
    np.minimum.at(first, cluster, np.arange(len(unit)))
    order = np.lexsort((first, -np.bincount(cluster, minlength=clusters)))
    number = np.empty(clusters, int)
    number[order] = np.arange(clusters)
    cluster = number[cluster]
    centroid = _unit(member_sums(unit, cluster, clusters))
    fit = float(np.einsum("ij,ij->i", unit, centroid[cluster]).mean(dtype=float))
    return Clusters(cluster, centroid, fit)


def _unit(rows: Float[np.ndarray, "row d"]) -> Float[np.ndarray, "row d"]:
    """Rows of length 1; one of zeros stays, and lies at cosine 0 to all."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Float[np.ndarray, "row d"] = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return unit
