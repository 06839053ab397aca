"""The order of many rows by whole numbers, and where it says something new.

By digits of 16 bits, the last first: numpy's stable order of these is a radix sort, in time as many rows; sorting whole
keys takes several times as long (`python -m tests.bench ingest` shows what sums take of an ingest).
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int

Column = Int[np.ndarray, " row"]
DIGIT = 16


def radix_order(*columns: Column) -> Column:
    """The places of the rows in ascending order, by the first column before the others; equal rows stay as they lie.

    A column's values may not lie more than 2^63 apart.
    """
    order: Column | None = None
    for column in reversed(columns):
        if order is None and _is_ascending(column):
            continue
        for digit in _digits(column):
            now = digit if order is None else digit[order]
            if not _is_ascending(now):
                step = np.argsort(now, kind="stable")
                order = step if order is None else order[step]
    return np.arange(len(columns[0])) if order is None else order


def _is_ascending(column: Column) -> bool:
    return bool((column[1:] >= column[:-1]).all())


def _digits(column: Column) -> Iterator[Column]:
    """What parts the values of a column, 16 bits at a time, the last first."""
    above = column.astype(np.int64) - int(column.min())
    for shift in range(0, int(above.max()).bit_length(), DIGIT):
        yield (above >> shift).astype(np.uint16)


def run_starts(*columns: Column) -> Column:
    """Where rows in order differ in some column from the row before them: a first row does."""
    new = np.zeros(len(columns[0]), bool)
    new[:1] = True
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(new)


def run_lengths(starts: Column, rows: int) -> Column:
    """How many rows each run has."""
    return np.diff(np.append(starts, rows))
