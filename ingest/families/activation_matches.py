"""The same feature in another SAE, by activations: Pearson's correlation over the same tokens, zeros included.

Activations are above 0: only pairs that fire together on a token can correlate above 0, and only these are compared.
The sums that correlations are made of are added up over chunks of tokens.

Source: Bricken et al. 2023 (universality by correlation of activations).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array

from ingest.families.largest_entries import largest_each
from ingest.families.matches import LEVEL, MOST, Matches
from ingest.families.products import (
    CELLS,
    HELD,
    Paired,
    Report,
    add_products,
    feature_ranges,
    features_done,
    row_blocks,
)

ROUNDING = 1e-12
"""A variance of less of the mean square is what rounding leaves of none."""
NONE = np.zeros(0, np.int64)
NO_MATCHES = Matches(NONE, NONE, NONE, np.zeros(0))


class Correlated(NamedTuple):
    """Matches by correlation, and how other pairs that were asked for correlate; NaN where one never varies.

    Shapes: asked (pair,).
    """

    matches: Matches
    asked: Float[np.ndarray, " pair"]


def matches_by_activation(
    pair: Paired,
    most: int = MOST,
    *,
    asked: Matches = NO_MATCHES,
    report: Report = lambda done, features: None,
    held: int = HELD,
) -> Correlated:
    """The features of another SAE with the largest correlation of activations, among those above 0."""
    parts, values = [NO_MATCHES], np.full(len(asked.feature), np.nan)
    for found in _covariances(pair, report, held):
        parts += found.largest(most)
        here = (asked.feature >= found.first) & (asked.feature < found.first + len(found.products))
        values[here] = found.correlation(asked.feature[here], asked.other[here]).clip(-1, 1)
        del found  # before the next range is added up
    return Correlated(Matches(*(np.concatenate(columns) for columns in zip(*parts, strict=True))), values)


def chance_of_activations(shifted: Paired, report: Report = lambda done, features: None, held: int = HELD) -> float:
    """What the best correlation reaches where tokens do not belong together: its 95th percentile over features."""
    found = matches_by_activation(shifted, most=1, report=report, held=held).matches.value
    return float(np.quantile(found, LEVEL)) if len(found) else 0.0


class _Moments:
    """Sums of activations and of their squares, by feature."""

    def __init__(self, d_sae: int) -> None:
        self._sum, self._square = np.zeros(d_sae), np.zeros(d_sae)

    def add(self, fires: csr_array) -> None:
        """Add those of a chunk, of float64."""
        np.add.at(self._sum, fires.indices, fires.data)  # one by one: any chunks give the same digits
        np.add.at(self._square, fires.indices, fires.data**2)

    def over(self, tokens: int) -> tuple[Float[np.ndarray, " d_sae"], Float[np.ndarray, " d_sae"]]:
        """Mean and population standard deviation over all tokens, the silent ones too."""
        mean, square = self._sum / max(tokens, 1), self._square / max(tokens, 1)
        variance = square - mean**2
        return mean, np.sqrt(np.where(variance > ROUNDING * square, variance, 0))


@dataclass(frozen=True)
class _Covariances:
    """What correlations of a range of features with all others are made of.

    Shapes: products (feature, d_other), dense, from feature `first` on; here (2, d_sae) and there (2, d_other), means
    and deviations.
    """

    first: int
    products: Float[np.ndarray, "feature d_other"]
    here: tuple[Float[np.ndarray, " d_sae"], Float[np.ndarray, " d_sae"]]
    there: tuple[Float[np.ndarray, " d_other"], Float[np.ndarray, " d_other"]]
    tokens: int

    def correlation(
        self, feature: Int[np.ndarray, " pair"], other: Int[np.ndarray, " pair"]
    ) -> Float[np.ndarray, " pair"]:
        """That of each pair, as rounding leaves it; NaN where one never varies."""
        (mean, deviation), (mean_there, deviation_there) = self.here, self.there
        product = self.products[feature - self.first, other] / max(self.tokens, 1)
        covariance, spread = product - mean[feature] * mean_there[other], deviation[feature] * deviation_there[other]
        unknown = np.full(len(product), np.nan)
        found: Float[np.ndarray, " pair"] = np.divide(covariance, spread, out=unknown, where=spread > 0)
        return found

    def largest(self, most: int) -> Iterator[Matches]:
        """The largest correlations of each feature, some features at a time."""
        for block in row_blocks(self.products, CELLS):
            row, other = np.nonzero(self.products[block])
            feature = row + block.start + self.first
            value = np.minimum(self.correlation(feature, other), 1)
            alike = value > 0
            feature, other, value = feature[alike], other[alike], value[alike]
            kept = largest_each(feature, other, value, most)
            yield Matches(feature[kept.entry], other[kept.entry], kept.rank, value[kept.entry])


def _covariances(pair: Paired, report: Report, held: int) -> Iterator[_Covariances]:
    """The sums of products over all tokens, a range of features at a time."""
    for features in feature_ranges(pair.d_sae, pair.d_other * np.dtype(np.float64).itemsize, held):
        products, done = np.zeros((len(features), pair.d_other)), 0
        here, there = _Moments(pair.d_sae), _Moments(pair.d_other)
        for chunk in pair.chunks:
            one, other = (side.astype(np.float64) for side in chunk)
            add_products(products, features.start, one, other)
            here.add(one)
            there.add(other)
            done += one.shape[0]
            report(features_done(done, pair.tokens, features), pair.d_sae)
        report(features.stop, pair.d_sae)
        yield _Covariances(features.start, products, here.over(pair.tokens), there.over(pair.tokens), pair.tokens)
