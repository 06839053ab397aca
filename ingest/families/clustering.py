"""The clusters of an SAE's features and their map, computed of directions, whatever makes these alike."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.families.coactive_pairs import KEPT, Placed, features_firing_with, place_by_coactive_pairs
from ingest.families.kmeans import cluster_directions
from ingest.families.map import FEWEST, Layout, lay_out_feature_map, trustworthiness
from ingest.families.neighbours import nearest_rows
from ingest.families.products import HELD, Firing, Report
from ingest.families.silhouette import (
    SEEDS,
    Choice,
    Stability,
    best_cluster_number,
    choose_number,
    cluster_from_seeds,
    cluster_stability,
    seed_stability,
    silhouette,
)

Measure = Literal["decoder", "jaccard", "pmi"]
MEASURES: tuple[Measure, ...] = ("decoder", "jaccard", "pmi")
FEWEST_CLUSTERED = 16
"""Fewer features make no clusters: two numbers of them at least are to be compared."""
TRUSTED = 15
"""Trustworthiness is of so many neighbours."""

Tell = Callable[[str, int, int], None]
"""Is told what is done now, and how much of how much."""


@dataclass(frozen=True)
class Wanted:
    """How clusters are to be made: so many, or as many as the silhouette says, from which seed on."""

    clusters: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Clustered:
    """Clusters of features, how good and stable they are, and where the features lie on a map.

    Shapes: feature, cluster, silhouette (row,), stability_each (clusters,), place (row, 2); place is None where there
    are too few features for a map.
    """

    feature: Int[np.ndarray, " row"]
    cluster: Int[np.ndarray, " row"]
    silhouette: Float[np.ndarray, " row"]
    silhouette_shuffled: float
    stability: Stability
    stability_each: Float[np.ndarray, " clusters"]
    tried: list[Choice] = field(default_factory=list)
    place: Float[np.ndarray, "row 2"] | None = None
    layout: Layout | None = None
    trust: tuple[float, int] | None = None

    @property
    def clusters(self) -> int:
        """The number of clusters."""
        return len(self.stability_each)


def place_by_decoder(W_dec: Float[torch.Tensor, "d_sae d_in"]) -> Placed:
    """The decoder directions of features that have one."""
    rows = W_dec.numpy()
    length = np.linalg.norm(rows, axis=1)
    feature = np.flatnonzero(length)
    return Placed(feature, rows[feature] / length[feature, None])


def place_by_firing(
    firing: Firing,
    measure: Measure,
    seed: int,
    report: Report = lambda done, features: None,
    held: int = HELD,
) -> Placed:
    """Directions by what fires together: by overlap, or by how much more often than by chance (PMI above 0)."""
    pairs = features_firing_with(firing, KEPT, by_lift=measure == "pmi", report=report, held=held).pairs
    if measure == "pmi":
        return place_by_coactive_pairs(pairs, np.maximum(np.log2(pairs.lift(firing.tokens)), 0), seed)
    return place_by_coactive_pairs(pairs, pairs.jaccard, seed)


def cluster_features(placed: Placed, wanted: Wanted, tell: Tell = lambda stage, done, total: None) -> Clustered:
    """Clusters of placed features, and their map.

    Raises:
        ValueError: there are fewer than FEWEST_CLUSTERED features, or fewer than clusters asked for.
    """
    unit = placed.unit
    if len(unit) < FEWEST_CLUSTERED:
        raise ValueError(f"{len(unit)} features are too few for clusters; {FEWEST_CLUSTERED} are needed")
    tried = (
        []
        if wanted.clusters
        else choose_number(unit, wanted.seed, lambda done, total: tell("choosing a number", done, total))
    )
    clusters = wanted.clusters or best_cluster_number(tried)
    runs = cluster_from_seeds(unit, clusters, wanted.seed)
    tell("clustering", SEEDS, SEEDS)
    place, layout, trust = _mapped(unit, wanted.seed)
    tell("drawing a map", 1, 1)
    return Clustered(
        feature=placed.feature,
        cluster=runs[0].cluster,
        silhouette=silhouette(unit, runs[0].cluster),
        silhouette_shuffled=_by_chance(unit, clusters, wanted.seed),
        stability=seed_stability(runs),
        stability_each=cluster_stability(runs),
        tried=tried,
        place=place,
        layout=layout,
        trust=trust,
    )


def _by_chance(unit: Float[np.ndarray, "row d"], clusters: int, seed: int) -> float:
    """The mean silhouette where each coordinate is shuffled over the rows: what is alike only by how wide it varies."""
    shuffled = np.random.default_rng(seed).permuted(unit, axis=0)
    length = np.linalg.norm(shuffled, axis=1, keepdims=True)
    shuffled = np.divide(shuffled, length, out=np.zeros_like(shuffled), where=length > 0)
    cluster = cluster_directions(shuffled, clusters, seed).cluster
    return float(silhouette(shuffled, cluster).mean(dtype=float))


def _mapped(
    unit: Float[np.ndarray, "row d"], seed: int
) -> tuple[Float[np.ndarray, "row 2"] | None, Layout | None, tuple[float, int] | None]:
    if len(unit) < FEWEST:
        return None, None, None
    layout = Layout(seed=seed).of(len(unit))
    near = nearest_rows(torch.from_numpy(unit), layout.neighbours)
    place = lay_out_feature_map(unit, near, layout)
    neighbours = min(TRUSTED, (len(unit) - 1) // 2)
    return place, layout, (trustworthiness(unit, place, neighbours, seed), neighbours)
