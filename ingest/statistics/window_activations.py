"""The activations of an SAE in windows of an atlas, read so many at a time: memory does not grow with the atlas."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from schema.statements import sql_file
from schema.store import Atlas


class WindowActivations(NamedTuple):
    """Activations in windows, in any order; `place` is that of the window among those asked for.

    Shapes: each (activation,).
    """

    place: Int[np.ndarray, " activation"]
    feature: Int[np.ndarray, " activation"]
    position: Int[np.ndarray, " activation"]
    activation: Float[np.ndarray, " activation"]


def slices_of_size(size: Int[np.ndarray, " window"], largest: int) -> Iterator[slice]:
    """Windows in ranges of that size together, and of one window more at most."""
    before = np.cumsum(size) - size
    cuts = np.flatnonzero(np.diff(before // largest)) + 1
    for start, stop in zip([0, *cuts.tolist()], [*cuts.tolist(), len(size)], strict=True):
        if stop > start:
            yield slice(start, stop)


def registered_places(context: Int[np.ndarray, " window"]) -> pa.Table:
    """Windows with their places, as SQL reads them under the name `places`."""
    return pa.table({"context": context, "place": np.arange(len(context), dtype=np.int32)})


def read_window_activations(atlas: Atlas, sae: int, context: Int[np.ndarray, " window"]) -> WindowActivations:
    """What fires in these windows, of which there is at least one."""
    reach = {"sae": sae, "first": int(context.min()), "last": int(context.max())}
    with atlas.registered(places=registered_places(context)):
        found = atlas.arrow(sql_file("ingest.statistics", "window_activations"), reach)
    return WindowActivations(*(found[name].to_numpy() for name in WindowActivations._fields))
