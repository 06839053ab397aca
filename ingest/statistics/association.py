"""How ranks of features go with a label of documents, for all features at once: a number, or one of several classes.

Scores are sparse: a feature that is silent scores 0 and ties with all other silent units, so a unit's lift over the
mid-rank of the silent ones is stored, and is 0 for most. Labels come as columns, those of shuffles beside the true
ones, and each column takes one product with the lifts.

Source: Spearman 1904; Kruskal & Wallis 1952, equation 1.2 with its correction for ties; Tomczak & Tomczak 2014 for
epsilon squared, H / (n - 1); Mann & Whitney 1947 for the AUROC of a class against the others.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array
from scipy.stats import rankdata

from ingest.statistics.rank_sum import mid_ranks
from ingest.statistics.shuffles import Rows

ROUNDING = 1e-9
"""A sum of squares below this part of what n different ranks give is 0."""

EXACT = 4096
"""Sums of ranks of fewer units are whole halves below 2**23: exact in 32 bits, in whatever order they are added."""


class Ranks(NamedTuple):
    """The ranks of features 0 .. n_features - 1 over units.

    Shapes: lift (n_features, unit), sparse, over the mid-rank of the silent units; silent (n_features,), how many.
    """

    lift: csr_array
    silent: Int[np.ndarray, " n_features"]

    def take(self, features: Int[np.ndarray, " some"]) -> "Ranks":
        """Those of some features."""
        return Ranks(self.lift[features], self.silent[features])

    def squares(self, stratum: Int[np.ndarray, " unit"]) -> Float[np.ndarray, "n_features stratum"]:
        """The sum of squares of the ranks around their mean, in each stratum."""
        size = np.bincount(stratum)
        member = csr_array((np.ones(len(stratum)), (np.arange(len(stratum)), stratum)))
        total = (self.lift @ member).toarray()
        found: Float[np.ndarray, "n_features stratum"] = (self.lift.power(2) @ member).toarray() - total**2 / size
        least = ROUNDING * len(stratum) ** 3
        return np.where(found > least, found, 0)


def ranks_of(rows: Rows, n_units: int, n_features: int) -> Ranks:
    """The ranks of features 0 .. n_features - 1 over units, ties at their mid-rank."""
    silent = n_units - np.bincount(rows.feature, minlength=n_features)
    rank, _ = mid_ranks(rows.feature, rows.score, n_features)
    lift = rank + (silent[rows.feature] - 1) / 2
    return Ranks(csr_array((lift, (rows.feature, rows.unit)), shape=(n_features, n_units)), silent)


class Trend:
    """The rank of each unit's number: Spearman's rank correlation, in standard deviations over exchanges within strata.

    It is 0 where no exchange changes anything.
    """

    def __init__(self, stratum: Int[np.ndarray, " unit"]) -> None:
        self.stratum = stratum
        self.size = np.bincount(stratum)

    def distance(self, ranks: Ranks, labels: Float[np.ndarray, "unit draw"]) -> Float[np.ndarray, "n_features draw"]:
        """How far the products of ranks are from their expectation, either way, for each column of labels."""
        mean = np.bincount(self.stratum, weights=labels[:, 0]) / self.size
        apart = labels - mean[self.stratum][:, None]
        label = np.bincount(self.stratum, weights=apart[:, 0] ** 2)
        variance = ranks.squares(self.stratum) @ (label / np.maximum(self.size - 1, 1))
        found: Float[np.ndarray, "n_features draw"] = np.abs(ranks.lift @ apart)
        return found / np.sqrt(np.where(variance > 0, variance, np.inf))[:, None]


class Spread:
    """A class of each unit, from 0: Kruskal and Wallis's H over exchanges within strata."""

    def __init__(self, stratum: Int[np.ndarray, " unit"], n_classes: int) -> None:
        self.stratum, self.n_classes = stratum, n_classes
        self.size = np.bincount(stratum)

    def distance(self, ranks: Ranks, labels: Int[np.ndarray, "unit draw"]) -> Float[np.ndarray, "n_features draw"]:
        """How far the mean ranks of the classes are from their expectations, for each column of labels."""
        held = np.bincount(labels[:, 0], minlength=self.n_classes)
        there = np.flatnonzero(held)
        member = csr_array((np.ones(len(self.stratum)), (np.arange(len(self.stratum)), self.stratum)))
        total = (ranks.lift @ member).toarray() / self.size  # (n_features, stratum)
        exact = np.float32 if len(self.stratum) < EXACT else np.float64
        lift, found = ranks.lift.astype(exact), np.zeros((len(ranks.silent), labels.shape[1]))
        rest = np.zeros_like(found)
        for number in there[:-1]:
            mine = (labels == number).astype(exact)
            expected = total @ np.bincount(self.stratum, weights=mine[:, 0], minlength=len(self.size))
            apart = (lift @ mine).astype(float) - expected[:, None]
            rest -= apart
            found += apart**2 / held[number]
        found += rest**2 / held[there[-1]]  # the classes' distances add up to none
        free = max(len(self.stratum) - len(self.size), 1)
        square = ranks.squares(self.stratum).sum(axis=1) / free
        spread: Float[np.ndarray, "n_features draw"] = found / np.where(square > 0, square, np.inf)[:, None]
        return spread


def rank_correlation(ranks: Ranks, label: Float[np.ndarray, " unit"]) -> Float[np.ndarray, " n_features"]:
    """Spearman's rank correlation of each feature with a number of each unit; 0 where either is constant."""
    rank = rankdata(label)
    apart = rank - rank.mean()
    one = np.zeros(len(label), dtype=np.int64)
    square = ranks.squares(one)[:, 0] * (apart**2).sum()
    found: Float[np.ndarray, " n_features"] = (ranks.lift @ apart) / np.sqrt(np.where(square > 0, square, np.inf))
    np.clip(found, -1, 1, out=found)
    return found


class Classes(NamedTuple):
    """What the classes of units show of each feature.

    Shapes: h, epsilon_squared (n_features,); auroc (n_features, class), of each class against all others, ties half.
    """

    h: Float[np.ndarray, " n_features"]
    epsilon_squared: Float[np.ndarray, " n_features"]
    auroc: Float[np.ndarray, "n_features class"]


def kruskal_wallis(ranks: Ranks, label: Int[np.ndarray, " unit"], n_classes: int) -> Classes:
    """H, its share of the largest H there can be, and each class against the others; NaN for a class without units."""
    n = len(label)
    h = Spread(np.zeros(n, dtype=np.int64), n_classes).distance(ranks, label[:, None])[:, 0]
    held = np.bincount(label, minlength=n_classes)
    member = csr_array((np.ones(n), (np.arange(n), label)), shape=(n, n_classes))
    rank = (ranks.lift @ member).toarray() + held * (ranks.silent[:, None] + 1) / 2
    pairs = (held * (n - held)).astype(float)
    auroc = (rank - held * (held + 1) / 2) / np.where(pairs > 0, pairs, np.nan)
    return Classes(h, h / max(n - 1, 1), auroc)
