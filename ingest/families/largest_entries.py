"""The largest entries of each row of a sparse matrix, in their order."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Ranked(NamedTuple):
    """Entries by row and rank.

    Shapes: each (entry,); entry is a place in what was ranked, rank is 1 for the largest of a row.
    """

    entry: Int[np.ndarray, " entry"]
    rank: Int[np.ndarray, " entry"]


def largest_each(
    row: Int[np.ndarray, " entry"], column: Int[np.ndarray, " entry"], value: Float[np.ndarray, " entry"], most: int
) -> Ranked:
    """At most so many entries of each row, the largest first; of equal ones, the lower column."""
    order = np.lexsort((column, -value, row))
    ordered = row[order]
    first = np.searchsorted(ordered, ordered)
    rank = np.arange(len(order)) - first + 1
    kept = rank <= most
    return Ranked(order[kept], rank[kept])
