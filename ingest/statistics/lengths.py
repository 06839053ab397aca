"""Classes of like length: a maximum over more tokens is larger, whatever the tokens are about.

Source: Cochran 1968, "The Effectiveness of Adjustment by Subclassification": five
classes of a covariate take away about nine tenths of the bias that it brings.
"""

import numpy as np
from jaxtyping import Int

CLASSES = 5


def length_classes(length: Int[np.ndarray, " document"]) -> Int[np.ndarray, " document"]:
    """The class of each document, from 0 for the shortest: fifths of all, equal lengths in one class."""
    if not len(length):
        return np.zeros(0, dtype=np.int64)
    bounds = np.unique(np.quantile(length, np.arange(1, CLASSES) / CLASSES, method="lower"))
    return np.searchsorted(bounds, length, side="left")
