"""Which features of an SAE fire on the same tokens: counts of both, overlap and lift, from chunks of sparse rows.

Of features that fire on a and b of n tokens and together on c: Jaccard overlap c / (a + b - c), lift c n / (a b), and
pointwise mutual information log2 of the lift. Tokens follow one another in texts, so none of it is a test.

Source: Jaccard 1901; Church & Hanks 1990 (PMI); Bricken et al. 2023 compare features by their activations so.

Directions for features by what fires together: a spectral embedding of their overlaps.

Each feature keeps its largest similarities, which make one symmetric matrix; the leading eigenvectors of the matrix,
normalised by degrees to which their mean is added and each weighted by its eigenvalue, place features that share
company near each other. Rows are scaled to length 1, so that K-means on directions is spectral clustering.

Source: Ng, Jordan & Weiss 2002 (normalised, rows of length 1); Qin & Rohe 2013 (the mean degree added, which keeps
small detached groups from taking the leading eigenvectors); Coifman & Lafon 2006 (weighted by eigenvalues); Halko,
Martinsson & Tropp 2011 (randomised, by seed).
"""

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array

from ingest.families.largest_entries import largest_each
from ingest.families.products import (
    CELLS,
    HELD,
    Firing,
    Report,
    add_products,
    feature_ranges,
    features_done,
    row_blocks,
)

NEAREST = 10
MIN_BOTH = 2
"""Fewest tokens on which both must fire: one token together says nothing."""


class Pairs(NamedTuple):
    """Ordered pairs of different features that fire together, and how much.

    Shapes: each (pair,); feature and other are columns, rank counts from 1 within a feature.
    Units: both, active and other_active in tokens.
    """

    feature: Int[np.ndarray, " pair"]
    other: Int[np.ndarray, " pair"]
    rank: Int[np.ndarray, " pair"]
    both: Int[np.ndarray, " pair"]
    active: Int[np.ndarray, " pair"]
    other_active: Int[np.ndarray, " pair"]

    @property
    def jaccard(self) -> Float[np.ndarray, " pair"]:
        """The tokens on which both fire over those on which either does: 1 is always together."""
        overlap: Float[np.ndarray, " pair"] = self.both / (self.active + self.other_active - self.both)
        return overlap

    def lift(self, tokens: int) -> Float[np.ndarray, " pair"]:
        """How many times more often both fire than if each fired by itself on so many tokens."""
        lift: Float[np.ndarray, " pair"] = self.both * float(tokens) / (self.active * self.other_active.astype(float))
        return lift

    def largest(self, value: Float[np.ndarray, " pair"], most: int) -> Self:
        """At most so many others of each feature, the largest value first; of equal ones, the lower index."""
        kept = largest_each(self.feature, self.other, value, most)
        return self._replace(**{name: held[kept.entry] for name, held in self._asdict().items()})._replace(
            rank=kept.rank
        )


NO_PAIRS = Pairs(*[np.zeros(0, np.int64)] * 6)


class Counted(NamedTuple):
    """How often a range of features fires with each, and how often each fires.

    Shapes: both (feature, d_sae), dense, from feature `first` on; active (d_sae,).
    Units: tokens.
    """

    first: int
    both: Int[np.ndarray, "feature d_sae"]
    active: Int[np.ndarray, " d_sae"]

    def pairs(self, cells: int = CELLS) -> Iterator[Pairs]:
        """Each two features that fire together on MIN_BOTH tokens, some features at a time; without a rank."""
        for block in row_blocks(self.both, cells):
            row, other = np.nonzero(self.both[block] >= MIN_BOTH)
            strangers = row + block.start + self.first != other
            row, other = row[strangers], other[strangers]
            feature = row + block.start + self.first
            both = self.both[block][row, other].astype(np.int64)
            yield Pairs(feature, other, np.zeros_like(feature), both, self.active[feature], self.active[other])


def counted_together(
    firing: Firing, report: Report = lambda done, features: None, held: int = HELD
) -> Iterator[Counted]:
    """Count the tokens on which each two features fire, a range of features at a time; whatever is stored is firing."""
    d_sae, tokens = firing.d_sae, firing.tokens
    kind = np.int32 if tokens < 2**31 else np.int64
    for features in feature_ranges(d_sae, d_sae * np.dtype(kind).itemsize, held):
        both, active, done = np.zeros((len(features), d_sae), kind), np.zeros(d_sae, np.int64), 0
        for fires in firing.chunks:
            ones = csr_array((np.ones(fires.nnz, kind), fires.indices, fires.indptr), shape=fires.shape)
            add_products(both, features.start, ones, ones)
            active += np.bincount(ones.indices, minlength=d_sae)
            done += fires.shape[0]
            report(features_done(done, tokens, features), d_sae)
        report(features.stop, d_sae)
        yield Counted(features.start, both, active)


class Company(NamedTuple):
    """The features that fire on the same tokens as each, and what they were counted on.

    Units: tokens; features are those that fire at all.
    """

    pairs: Pairs
    tokens: int
    features: int


def features_firing_with(
    firing: Firing,
    most: int = NEAREST,
    *,
    by_lift: bool = False,
    report: Report = lambda done, features: None,
    held: int = HELD,
    cells: int = CELLS,
) -> Company:
    """The features that fire on the same tokens as each: those with the largest overlap, or the largest lift."""
    found, features = [NO_PAIRS], 0
    for counted in counted_together(firing, report, held):
        features = int(np.count_nonzero(counted.active))
        for pairs in counted.pairs(cells):
            found.append(pairs.largest(pairs.lift(firing.tokens) if by_lift else pairs.jaccard, most))
        del counted  # before the next range is counted
    together = Pairs(*(np.concatenate(columns) for columns in zip(*found, strict=True)))
    return Company(together, firing.tokens, features)


KEPT = 50
"""Similarities kept of each feature."""
DIMENSIONS = 64


class Placed(NamedTuple):
    """Features with a direction.

    Shapes: feature (row,), unit (row, d), rows of length 1.
    """

    feature: Int[np.ndarray, " row"]
    unit: Float[np.ndarray, "row d"]


def place_by_coactive_pairs(pairs: Pairs, similarity: Float[np.ndarray, " pair"], seed: int) -> Placed:
    """A direction for each feature that has company: the others are not placed.

    `similarity` is that of each pair; pairs without any above 0 count as strangers.
    """
    alike = similarity > 0
    feature, other, value = pairs.feature[alike], pairs.other[alike], similarity[alike]
    placed, row = np.unique(np.r_[feature, other], return_inverse=True)
    one, two = row[: len(feature)], row[len(feature) :]
    entries = csr_array((value, (one, two)), shape=(len(placed), len(placed)))
    similar = entries.maximum(entries.T)
    if len(placed) < 2:
        return Placed(placed[:0], np.zeros((0, 1)))
    degree = np.asarray(similar.sum(axis=1))
    scale = 1 / np.sqrt(degree + degree.mean())
    normal = csr_array(similar.multiply(scale[:, None]).multiply(scale[None, :]))
    from sklearn.utils.extmath import randomized_svd  # neighbours are found without it

    dimensions = min(DIMENSIONS, len(placed) - 1)
    vectors, weights, _ = randomized_svd(normal, dimensions, n_oversamples=16, n_iter=8, random_state=seed)
    places = vectors * weights
    length = np.linalg.norm(places, axis=1, keepdims=True)
    return Placed(placed, (places / np.maximum(length, np.finfo(float).tiny)).astype(np.float32))
