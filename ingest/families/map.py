"""A map of features: two coordinates in which neighbours stay neighbours, and how far they do.

t-SNE from exact nearest neighbours, begun at the two leading principal components, so that a seed is all that chance
has. Trustworthiness says how far neighbours on the map are neighbours in truth: 1 all, about 0.5 as by chance.

Source: van der Maaten & Hinton 2008 (t-SNE); Linderman et al. 2019 (interpolated by FFT); Kobak & Berens 2019 (begun
at principal components, learning rate and exaggeration); openTSNE, Policar et al. 2024; Venna & Kaski 2001
(trustworthiness).
"""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Float

from ingest.families.neighbours import Neighbours

FEWEST = 8
"""Fewer features make no map."""
MANY = 10_000
"""From so many features on, interpolation is faster than a tree."""
SAMPLE = 2048
"""Rows that trustworthiness is measured on, drawn by seed, where there are more."""
CHUNK_ROWS = 256


@dataclass(frozen=True)
class Layout:
    """How a map is drawn."""

    perplexity: float = 30.0
    early_exaggeration: float = 12.0
    early_rounds: int = 250
    rounds: int = 500
    seed: int = 0

    @property
    def neighbours(self) -> int:
        """How many nearest neighbours t-SNE asks for."""
        return int(3 * self.perplexity)

    def of(self, rows: int) -> "Layout":
        """The same for so many rows: few have fewer neighbours than the perplexity asks for."""
        return Layout(**{**asdict(self), "perplexity": min(self.perplexity, (rows - 1) / 3)})


def lay_out_feature_map(
    unit: Float[np.ndarray, "row d"], near: Neighbours, layout: Layout
) -> Float[np.ndarray, "row 2"]:
    """Coordinates for each row, from its nearest neighbours by cosine; centred, the furthest at distance 1.

    Raises:
        ValueError: there are too few rows, or neighbours are missing.
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    if len(unit) < FEWEST:
        raise ValueError(f"a map needs {FEWEST} features, there are {len(unit)}")
    if (near.other < 0).any() or near.other.shape[1] < layout.neighbours:
        raise ValueError(f"a map needs {layout.neighbours} neighbours of each feature")
    distance = np.maximum(1 - near.cosine[:, : layout.neighbours].astype(float), 0)
    known = PrecomputedNeighbors(near.other[:, : layout.neighbours], distance)
    threads = torch.get_num_threads() if len(unit) > MANY else 1
    affinity = PerplexityBasedNN(knn_index=known, perplexity=layout.perplexity, n_jobs=threads)
    method = "fft" if len(unit) > MANY else "bh"  # of few points, threads would wait for each other longer than work
    drawn = TSNEEmbedding(
        _beginning(unit), affinity, negative_gradient_method=method, random_state=layout.seed, n_jobs=threads
    )
    drawn = drawn.optimize(layout.early_rounds, exaggeration=layout.early_exaggeration, momentum=0.5)
    place = np.asarray(drawn.optimize(layout.rounds, exaggeration=1.0, momentum=0.8))
    place = place - place.mean(axis=0)
    scaled: Float[np.ndarray, "row 2"] = place / np.linalg.norm(place, axis=1).max()
    return scaled


def trustworthiness(
    unit: Float[np.ndarray, "row d"],
    place: Float[np.ndarray, "row 2"],
    neighbours: int,
    seed: int = 0,
    sample: int = SAMPLE,
) -> float:
    """How far the nearest rows on the map are the nearest by cosine, on so many rows drawn by seed.

    Raises:
        ValueError: there are not more than twice as many rows as neighbours.
    """
    rows = len(unit)
    if neighbours >= rows / 2:
        raise ValueError(f"trustworthiness of {neighbours} neighbours needs more than {2 * neighbours} rows")
    drawn = np.sort(np.random.default_rng(seed).permutation(rows)[:sample])
    truth, shown = torch.from_numpy(np.asarray(unit)), torch.from_numpy(np.asarray(place, dtype=np.float64))
    beyond = 0
    for first in range(0, len(drawn), CHUNK_ROWS):
        here = torch.from_numpy(drawn[first : first + CHUNK_ROWS])
        itself = (torch.arange(len(here)), here)
        distance = torch.cdist(shown[here], shown)
        distance[itself] = torch.inf
        cosine = truth[here] @ truth.T
        cosine[itself] = -torch.inf
        near = distance.topk(neighbours, dim=1, largest=False).indices
        for of_rank in cosine.gather(1, near).T:
            rank = (cosine > of_rank[:, None]).sum(dim=1) + 1
            beyond += int((rank - neighbours).clamp(min=0).sum())
    worst = len(drawn) * neighbours * (2 * rows - 3 * neighbours - 1) / 2
    return 1 - beyond / worst


def _beginning(unit: Float[np.ndarray, "row d"]) -> Float[np.ndarray, "row 2"]:
    """The two leading principal components, small; the sign of each is that of its largest entry."""
    centred = unit.astype(np.float64) - unit.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    place = centred @ axes[:, :-3:-1]
    place = place * np.sign(place[np.abs(place).argmax(axis=0), [0, 1]])
    scaled: Float[np.ndarray, "row 2"] = place / place[:, 0].std() * 1e-4
    return scaled
