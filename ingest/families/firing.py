"""On which tokens the features of SAEs fire: the sparse rows of an atlas as matrices, a slice of windows at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Int
from scipy.sparse import csr_array

from ingest.families.products import HELD, Chunks, Firing, Paired
from ingest.statistics.window_activations import read_window_activations, slices_of_size
from schema.memory import lent_by_duckdb
from schema.store import Atlas

CHUNK_ROWS = 1 << 20
"""Activations of a chunk, and one window more: their arrays take some 100 MB, and larger ones add up more slowly."""

_SHARED = """
    SELECT own.document
    FROM coverage AS own
    JOIN coverage AS there USING (document)
    JOIN sae AS one ON one.sae = own.sae
    JOIN sae AS other ON other.sae = there.sae AND other.tokenization = one.tokenization
    WHERE own.sae = $sae
      AND there.sae = $other
"""
"""Documents that two SAEs have cut into the same windows and encoded."""


class SharedFiring(NamedTuple):
    """What an SAE and another one give on the tokens that both have encoded, and the same with these taken apart.

    Tokens on which either fires are rows. In `shifted`, the rows of the other SAE are shifted by half their number, so
    that each text stands against a far one.
    """

    paired: Paired
    shifted: Paired


@contextmanager
def room_for_sums(atlas: Atlas) -> Iterator[int]:
    """Inside, so many bytes of sums may be held while chunks are read: DuckDB lends half of its share for them."""
    with lent_by_duckdb(atlas.duckdb) as lent:
        yield HELD + lent


def read_firing(atlas: Atlas, sae: int, chunk_rows: int = CHUNK_ROWS) -> Firing:
    """What an SAE gives on every token that it has encoded."""
    stored = _stored(atlas, (sae,), chunk_rows)
    return Firing(Chunks(lambda: (chunk.sides[0] for chunk in stored.chunks())), stored.d_sae[0], stored.tokens)


def read_shared_firing(
    atlas: Atlas, sae: int, other: int, chunk_rows: int = CHUNK_ROWS
) -> tuple[SharedFiring, SharedFiring]:
    """What two SAEs give on the tokens that both have encoded, either way; nothing where their windows differ."""
    stored = _stored(atlas, (sae, other), chunk_rows)
    last = np.cumsum(np.concatenate([np.zeros(0, np.int64), *(chunk.rows for chunk in stored.chunks())]))
    back = replace(stored, saes=stored.saes[::-1], d_sae=stored.d_sae[::-1])
    return _shared(stored, last), _shared(back, last)


def coverage_hash(atlas: Atlas, sae: int) -> str:
    """A hash of the texts that an SAE has encoded, whatever their order and keys; empty where there is none."""
    return shared_firing_hash(atlas, sae, sae)


def shared_firing_hash(atlas: Atlas, sae: int, other: int) -> str:
    """A hash of the texts that `read_shared_firing` reads; empty where there is none."""
    sql = f"""
        SELECT COALESCE(md5(string_agg(content_hash, ' ' ORDER BY content_hash)), '')
        FROM document
        SEMI JOIN ({_SHARED}) USING (document)
    """
    return str(atlas.rows(sql, {"sae": sae, "other": other})[0][0])


class _Chunk(NamedTuple):
    """What SAEs give on the tokens of some windows on which any of them fires, and how many of each window these are.

    Shapes: each side (token, d_sae), sparse, float32; rows (window,).
    """

    sides: list[csr_array]
    rows: Int[np.ndarray, " window"]


@dataclass(frozen=True)
class _Stored:
    """Windows that SAEs have encoded, in their order, and how much of a chunk each of them is.

    Shapes: context, length (in tokens) and size (window,); d_sae is that of each SAE.
    """

    atlas: Atlas
    saes: tuple[int, ...]
    d_sae: tuple[int, ...]
    context: Int[np.ndarray, " window"]
    length: Int[np.ndarray, " window"]
    size: Int[np.ndarray, " window"]
    chunk_rows: int

    @property
    def tokens(self) -> int:
        """Those of all windows."""
        return int(self.length.sum(dtype=np.int64))

    def slices(self) -> Iterator[slice]:
        """The windows of each chunk."""
        return slices_of_size(self.size, self.chunk_rows)

    def chunks(self) -> Iterator[_Chunk]:
        """All of them, one read after the other."""
        return map(self.read, self.slices())

    def read(self, windows: slice) -> _Chunk:
        """What the SAEs give in some windows, a row for each token on which any of them fires."""
        context, places = self.context[windows], self.length[windows].astype(np.int64) + 1  # positions begin at 0 or 1
        found = [read_window_activations(self.atlas, sae, context) for sae in self.saes]
        start = np.cumsum(places) - places
        tokens = [start[fired.place] + fired.position for fired in found]
        fires = np.zeros(places.sum(), bool)
        for token in tokens:
            fires[token] = True
        row = np.cumsum(fires, dtype=np.int32) - 1
        entries = ((fired.activation, (row[token], fired.feature)) for fired, token in zip(found, tokens, strict=True))
        shapes = ((int(fires.sum()), d_sae) for d_sae in self.d_sae)
        sides = [csr_array(entry, shape=shape) for entry, shape in zip(entries, shapes, strict=True)]
        return _Chunk(sides, np.add.reduceat(fires, start, dtype=np.int64))


def _stored(atlas: Atlas, saes: tuple[int, ...], chunk_rows: int) -> _Stored:
    """The windows of the documents that all of these SAEs have encoded, those in which nothing fires too.

    The size of a window is its activations, and a quarter of its tokens, as where sums are made.
    """
    keys = {"sae": saes[0], "other": saes[-1]}
    found = atlas.arrow(
        f"""
        SELECT context, tokens AS length, tokens // 4 + COALESCE(activations, 0) AS size
        FROM context
        JOIN sae ON sae.sae = $sae AND sae.tokenization = context.tokenization
        SEMI JOIN ({_SHARED}) USING (document)
        LEFT JOIN (
          SELECT context, COUNT(*) AS activations
          FROM activation
          WHERE sae IN ($sae, $other)
          GROUP BY context
        ) USING (context)
        ORDER BY context
        """,
        keys,
    )
    d_sae = dict(atlas.rows("SELECT sae, d_sae FROM sae"))
    columns = {name: found[name].to_numpy() for name in ("context", "length", "size")}
    return _Stored(atlas, saes, tuple(int(d_sae[sae]) for sae in saes), **columns, chunk_rows=chunk_rows)


def _shared(stored: _Stored, last: Int[np.ndarray, " window"]) -> SharedFiring:
    """Two SAEs on shared tokens, where after each window so many rows have gone by."""
    sizes = (*stored.d_sae, stored.tokens)
    together = Chunks(lambda: ((one, other) for (one, other), _ in stored.chunks()))
    return SharedFiring(Paired(together, *sizes), Paired(Chunks(lambda: _shifted(stored, last)), *sizes))


def _shifted(stored: _Stored, last: Int[np.ndarray, " window"]) -> Iterator[tuple[csr_array, csr_array]]:
    """Rows of the one SAE against those of the other before them by half their number, in a circle.

    What is read at a time is of one chunk here, and of one there.
    """
    rows = int(last[-1]) if len(last) else 0
    if not rows:
        return
    half = rows // 2
    starts = np.array([last[part.start - 1] if part.start else 0 for part in stored.slices()])
    cuts = np.unique(np.concatenate([starts % rows, (starts + half) % rows]))
    for first, stop in pairwise([*cuts.tolist(), rows]):
        far = (first - half) % rows
        yield _rows(stored, last, first, stop)[0], _rows(stored, last, far, far + stop - first)[1]


def _rows(stored: _Stored, last: Int[np.ndarray, " window"], first: int, stop: int) -> list[csr_array]:
    """Each SAE on the rows from one to another, out of the windows that they lie in."""
    start, end = np.searchsorted(last, first, side="right"), np.searchsorted(last, stop) + 1
    before = int(last[start - 1]) if start else 0
    return [side[first - before : stop - before] for side in stored.read(slice(start, end)).sides]
