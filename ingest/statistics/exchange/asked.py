"""Rank sums whose p is asked for, many of one feature: the observed one and those of shuffles."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

ROUNDING = 1e-9
"""Rank sums that differ by less, relatively to the number of units, are equally far out."""


class Asked(NamedTuple):
    """Rank sums whose p is asked for, ordered by feature.

    Shapes: feature, distance (pair,), where distance is from the expectation, not below 0.
    """

    feature: Int[np.ndarray, " pair"]
    distance: Float[np.ndarray, " pair"]
