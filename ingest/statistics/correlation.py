"""Spearman's rank correlation with its interval, and the partial one.

Source: Bonett & Wright 2000: the standard error of Fisher's z of a rank
correlation is sqrt((1 + rho^2 / 2) / (n - 3)).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

NORMAL_975 = 1.959963984540054


class RankCorrelation(NamedTuple):
    """A rank correlation over n features with its 95 % interval; NaN where it is not defined."""

    n: int
    rho: float
    low: float
    high: float


def rank_correlation(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> RankCorrelation:
    """Spearman's rho where both are known (no NaN)."""
    known = np.isfinite(x) & np.isfinite(y)
    n = int(known.sum())
    rho = _pearson(rankdata(x[known]), rankdata(y[known])) if n > 1 else np.nan
    return RankCorrelation(n, rho, *_interval(rho, n))


def partial_rank_correlation(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], given: Float[np.ndarray, " n"]
) -> float:
    """Spearman's rho of x and y with the ranks of a third quantity held fixed."""
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(given)
    if known.sum() < 4:
        return float("nan")
    ranks = [rankdata(values[known]) for values in (x, y, given)]
    xy, xz, yz = _pearson(ranks[0], ranks[1]), _pearson(ranks[0], ranks[2]), _pearson(ranks[1], ranks[2])
    left = (1 - xz**2) * (1 - yz**2)
    return float((xy - xz * yz) / np.sqrt(left)) if left > 0 else float("nan")


def _pearson(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> float:
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else float("nan")


def _interval(rho: float, n: int) -> tuple[float, float]:
    if not np.isfinite(rho) or n <= 3:
        return float("nan"), float("nan")
    if abs(rho) == 1:
        return rho, rho
    reach = NORMAL_975 * np.sqrt((1 + rho**2 / 2) / (n - 3))
    return float(np.tanh(np.arctanh(rho) - reach)), float(np.tanh(np.arctanh(rho) + reach))
