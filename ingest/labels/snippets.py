"""Snippets: the tokens around places in the text, as items of a vocabulary."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int

from ingest.labels import RADIUS
from ingest.labels.sql import label_sql
from ingest.labels.vocabulary import ITEMS, NOTHING, Vocabulary, vocabulary_items
from schema.store import Atlas

MARGIN = 4
"""Tokens beyond a snippet that are read so that words at its ends are whole."""

POSITIONS = 2**16
"""More than any window has, RADIUS to spare."""

WIDTH = 2 * RADIUS + 1
CENTRE = RADIUS

Grid = Int[np.ndarray, "snippet offset item"]
"""Shapes: (snippet, WIDTH, ITEMS); the place itself is at CENTRE, NOTHING stands beyond the window."""


class Places(NamedTuple):
    """Places in the text.

    Shapes: each (place,).
    """

    context: Int[np.ndarray, " place"]
    position: Int[np.ndarray, " place"]
    group: Int[np.ndarray, " place"]

    def where(self, chosen: Bool[np.ndarray, " place"] | Int[np.ndarray, " chosen"] | slice) -> "Places":
        """Some of them."""
        return Places(*(column[chosen] for column in self))


def read_snippets(atlas: Atlas, places: Places, vocabulary: Vocabulary) -> Grid:
    """The snippets around places, in their order; each token is spelled once, however many places it is near."""
    wanted = pa.table({"context": places.context, "middle": places.position})
    with atlas.registered(wanted=wanted):
        rows = atlas.arrow(label_sql("tokens"), {"reach": RADIUS + MARGIN})
    context, position = (rows[name].to_numpy().astype(np.int64) for name in ("context", "position"))
    follows = np.zeros(len(context), dtype=bool)
    beside = rows["char_start"].to_numpy()[1:] == rows["char_end"].to_numpy()[:-1]
    follows[1:] = (context[1:] == context[:-1]) & (position[1:] == position[:-1] + 1) & beside
    items = vocabulary_items(rows["text"].to_pylist(), follows, vocabulary)
    return _around(places, context * POSITIONS + position, items)


def _around(places: Places, known: Int[np.ndarray, " token"], items: Int[np.ndarray, "token item"]) -> Grid:
    """The items of the tokens around places; `known` numbers the tokens in ascending order."""
    middle = places.context.astype(np.int64) * POSITIONS + places.position
    sought = middle[:, None] + np.arange(-RADIUS, RADIUS + 1)
    found = np.minimum(np.searchsorted(known, sought), max(len(known) - 1, 0))
    grid = np.full((*sought.shape, ITEMS), NOTHING, dtype=np.int32)
    if len(known):
        there = known[found] == sought
        grid[there] = items[found[there]]
    return grid
