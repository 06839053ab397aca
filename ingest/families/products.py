"""Sums over tokens of the products of what each two features give, chunk by chunk: how often both fire, or covariances.

Memory grows neither with the tokens nor with d_sae squared. A chunk of tokens is a sparse matrix, and only one is held
at a time. The sums are dense, for a range of features against all others; where all would take more bytes than may be
held, there are several ranges, and all chunks are gone through once for each. Each sum is added up token by token, so
that chunks of any size give the same digits.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Shaped
from scipy.sparse import csr_array

from schema.memory import PASSING

HELD = PASSING // 3
"""Bytes of sums at a time, if DuckDB lends none; the rest of what a command takes in passing is for chunks."""
CELLS = 1 << 20
"""Sums looked through at a time, for those that are kept."""

Part = TypeVar("Part")
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Chunks(Generic[Part]):
    """Chunks that are read anew each time they are gone through."""

    read: Callable[[], Iterator[Part]]

    def __iter__(self) -> Iterator[Part]:
        return self.read()


class Firing(NamedTuple):
    """The activations of an SAE, and on how many tokens; those on which nothing fires may have no row.

    Shapes: each chunk (token, d_sae), sparse.
    """

    chunks: Iterable[csr_array]
    d_sae: int
    tokens: int


class Paired(NamedTuple):
    """The activations of two SAEs on the same tokens, row for row; those on which nothing fires may have no row.

    Shapes: each chunk (token, d_sae) and (token, d_other), sparse.
    """

    chunks: Iterable[tuple[csr_array, csr_array]]
    d_sae: int
    d_other: int
    tokens: int


def feature_ranges(d_sae: int, feature_bytes: int, held: int = HELD) -> Iterator[range]:
    """The features in ranges whose sums take so many bytes together, or are those of one feature."""
    size = max(1, held // max(1, feature_bytes))
    for first in range(0, d_sae, size):
        yield range(first, min(first + size, d_sae))


def row_blocks(sums: Shaped[np.ndarray, "row column"], cells: int = CELLS) -> Iterator[slice]:
    """The rows in blocks of so many cells, or of one row."""
    size = max(1, cells // max(1, sums.shape[1]))
    for first in range(0, len(sums), size):
        yield slice(first, first + size)


def add_products(sums: Shaped[np.ndarray, "feature d_other"], first: int, one: csr_array, other: csr_array) -> None:
    """Add the products on a chunk of tokens of some features, from the first on, with all others, in place.

    Shapes: one (token, d_sae), other (token, d_other), sparse.
    """
    columns, rows = one.tocsc(), other.tocsr()
    starts = columns.indptr[first : first + len(sums) + 1]
    _compiled()(sums, (starts, columns.indices, columns.data), (rows.indptr, rows.indices, rows.data))


def features_done(done: int, tokens: int, features: range) -> int:
    """How many features are done, where those of a range have come to so many of the tokens."""
    return features.start + len(features) * min(done, tokens) // max(1, tokens)


@cache
def _compiled() -> Callable[..., None]:
    """Four times as fast as a sparse product, which is added up in itself before it is added."""
    from numba import njit  # what is stored before needs none

    def _add(sums: Any, columns: Any, rows: Any) -> None:
        (starts, tokens, value), (row_starts, others, other_value) = columns, rows
        for place in range(len(sums)):
            mine = sums[place]
            for entry in range(starts[place], starts[place + 1]):
                token, given = tokens[entry], value[entry]
                for there in range(row_starts[token], row_starts[token + 1]):
                    mine[others[there]] += given * other_value[there]

    compiled: Callable[..., None] = njit(nogil=True)(_add)
    return compiled
