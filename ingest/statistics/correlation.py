"""Spearman's rank correlation and the partial one, with intervals that do not take features as independent.

Features whose decoder directions are near, the parts that one feature of a smaller SAE is split into, share their
moments and their evidence: counted as independent they make an interval too narrow. So clusters of near features are
drawn again, not features, and ranked anew in each draw; Fisher's z of a correlation is as uncertain as its draws vary,
with Student's t where clusters are few. What features have in common by firing on the same documents is not in it.

Source: Field & Welsh 2007, "Bootstrapping clustered data" (the randomised cluster bootstrap); Efron & Tibshirani 1993,
section 6.4: 50 to 200 draws are enough for a standard error; Bricken et al. 2023, "Towards Monosemanticity", on
splitting.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import stdtrit
from scipy.stats import rankdata

from ingest.statistics.bootstrap import CONFIDENCE

DRAWS = 100
SEED = 20
LEAST = 5
"""Fewer clusters, or features, have no interval."""


class Correlation(NamedTuple):
    """A correlation with its interval; NaN where it is not defined."""

    rho: float
    low: float
    high: float


class Correlations(NamedTuple):
    """Over n features of so many clusters: the rank correlation, and that with the given quantity held fixed."""

    n: int
    clusters: int
    plain: Correlation
    partial: Correlation


def correlated_clusters(
    one: Int[np.ndarray, " pair"], other: Int[np.ndarray, " pair"], n_features: int
) -> Int[np.ndarray, " n_features"]:
    """The cluster of each feature: those that a chain of near pairs joins."""
    near = coo_array((np.ones(len(one)), (one, other)), shape=(n_features, n_features))
    found: Int[np.ndarray, " n_features"] = connected_components(near, directed=False)[1]
    return found


def cluster_draws(cluster: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n draw"]:
    """How often each feature is in each draw of as many clusters, with replacement."""
    names, member = np.unique(cluster, return_inverse=True)
    rng = np.random.default_rng(SEED)
    drawn = [np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names)) for _ in range(DRAWS)]
    weights: Float[np.ndarray, "n draw"] = np.stack(drawn, axis=1)[member].astype(np.float32)
    return weights


def rank_correlations(
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    given: Float[np.ndarray, " n"],
    cluster: Int[np.ndarray, " n"],
    draws: Float[np.ndarray, "n draw"],
) -> Correlations:
    """Both rank correlations of x and y where all three are known (no NaN)."""
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(given)
    n, clusters = int(known.sum()), len(np.unique(cluster[known]))
    if n < 2:
        nothing = Correlation(np.nan, np.nan, np.nan)
        return Correlations(n, clusters, nothing, nothing)
    kept = [values[known] for values in (x, y, given)]
    plain, partial = (float(rho) for rho in _both([rankdata(values) for values in kept], np.ones(n)))
    weights = draws[known]
    drawn = _both([weighted_ranks(values, weights) for values in kept], weights)
    least = min(n, clusters)
    found = (Correlation(rho, *_interval(rho, draw, least)) for rho, draw in zip((plain, partial), drawn, strict=True))
    return Correlations(n, clusters, *found)


def weighted_ranks(x: Float[np.ndarray, " n"], weights: Float[np.ndarray, "n draw"]) -> Float[np.ndarray, "n draw"]:
    """Mid-ranks of the values of each draw, where a value stands as often as its weight says."""
    order = np.argsort(x, kind="stable")
    _, starts, tie = np.unique(x[order], return_index=True, return_inverse=True)
    held = np.add.reduceat(weights[order], starts, axis=0, dtype=float)  # (tie, draw)
    middle = np.cumsum(held, axis=0) - (held - 1) / 2
    ranks = np.empty(weights.shape)
    ranks[order] = middle[tie]
    return ranks


def _both(
    ranks: list[Float[np.ndarray, "n *draw"]], weights: Float[np.ndarray, "n *draw"]
) -> tuple[Float[np.ndarray, " *draw"], Float[np.ndarray, " *draw"]]:
    """The correlation of the first two, and that with the third held fixed."""
    total = np.maximum(weights.sum(axis=0), 1)
    apart = [values - (values * weights).sum(axis=0) / total for values in ranks]
    xx, yy, zz = ((weights * values * values).sum(axis=0) for values in apart)
    xy, xz, yz = ((weights * apart[i] * apart[j]).sum(axis=0) for i, j in ((0, 1), (0, 2), (1, 2)))
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = np.where(xx * yy > 0, xy / np.sqrt(xx * yy), np.nan)
        left = (xx - xz**2 / zz) * (yy - yz**2 / zz)
        whole = 1e-12 * xx * yy
        partial = np.where(left > whole, (xy - xz * yz / zz) / np.sqrt(np.maximum(left, whole)), np.nan)
    return np.clip(plain, -1, 1), np.clip(partial, -1, 1)


def _interval(rho: float, drawn: Float[np.ndarray, " draw"], clusters: int) -> tuple[float, float]:
    known = drawn[np.isfinite(drawn) & (np.abs(drawn) < 1)]
    if not abs(rho) < 1 or clusters < LEAST or len(known) < len(drawn) / 2:
        return float("nan"), float("nan")
    reach = float(np.arctanh(known).std(ddof=1) * stdtrit(clusters - 1, (1 + CONFIDENCE) / 2))
    return float(np.tanh(np.arctanh(rho) - reach)), float(np.tanh(np.arctanh(rho) + reach))
