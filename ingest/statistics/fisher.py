"""Fisher's exact test on fires / does not fire, for every feature at once.

Source: Fisher 1922; two-sided as in `scipy.stats.fisher_exact`: the total
probability of the tables that are no likelier than the observed one.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.special import gammaln

SAME = 1e-9
"""Tables whose probabilities differ by less, relatively, are equally likely: rounding is far below it."""


def fisher_exact(
    fires_positive: Int[np.ndarray, " n_features"],
    fires_control: Int[np.ndarray, " n_features"],
    groups: tuple[int, int],
) -> Float[np.ndarray, " n_features"]:
    """Two-sided p of the difference between how often a feature fires in positive and in control documents."""
    p = np.ones(len(fires_positive))
    fires = fires_positive + fires_control
    for total in np.unique(fires):
        lowest, tails = _tails(int(total), *groups)
        chosen = fires == total
        p[chosen] = tails[fires_positive[chosen] - lowest]
    return p


def _tails(total: int, n_positive: int, n_control: int) -> tuple[int, Float[np.ndarray, " tables"]]:
    """The least number of positive documents among `total`, and p for each number from there on."""
    lowest = max(0, total - n_control)
    inside = np.arange(lowest, min(total, n_positive) + 1)
    outside = total - inside
    likelihood = -(
        gammaln(inside + 1) + gammaln(n_positive - inside + 1) + gammaln(outside + 1) + gammaln(n_control - outside + 1)
    )
    probability = np.exp(likelihood - likelihood.max())
    probability /= probability.sum()
    ascending = np.sort(probability)
    last = np.searchsorted(ascending, probability * (1 + SAME), side="right")
    return lowest, np.minimum(np.cumsum(ascending)[last - 1], 1.0)
