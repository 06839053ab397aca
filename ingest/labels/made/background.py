"""How common each item is wherever one looks: the shares that a label's words are held against."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ingest.labels.vocabulary import NOTHING


@dataclass(frozen=True)
class Background:
    """Places drawn blindly, and the items of each.

    Shapes: place (held,), by item and place, each pair once; bounds (n_items + 1,), where the places of an item begin.
    """

    n_places: int
    place: Int[np.ndarray, " held"]
    bounds: Int[np.ndarray, " bound"]

    @classmethod
    def of(cls, places: Int[np.ndarray, "place item"], n_items: int) -> "Background":
        """The background of places that have these items, NOTHING apart."""
        place = np.repeat(np.arange(len(places)), places.shape[1])
        item = places.ravel()
        pairs = np.unique(item[item != NOTHING].astype(np.int64) * len(places) + place[item != NOTHING])
        bounds = np.searchsorted(pairs, np.arange(n_items + 1) * np.int64(max(len(places), 1)))
        return cls(len(places), pairs % max(len(places), 1), bounds)

    def shares(self, items: Int[np.ndarray, " item"]) -> Float[np.ndarray, " item"]:
        """The share of places that have each item; items met later have none."""
        known = items < len(self.bounds) - 1
        counts = np.zeros(len(items))
        counts[known] = self.bounds[items[known] + 1] - self.bounds[items[known]]
        return counts / max(self.n_places, 1)

    def share_with_any(self, items: Int[np.ndarray, " item"]) -> float:
        """The share of places that have any of the items; none, where there is no place."""
        return float(self.with_any(items).sum()) / max(self.n_places, 1)

    def with_any(self, items: Int[np.ndarray, " item"]) -> Bool[np.ndarray, " place"]:
        """Whether each place has any of the items."""
        found = np.zeros(self.n_places, dtype=bool)
        for item in items[items < len(self.bounds) - 1]:
            found[self.place[self.bounds[item] : self.bounds[item + 1]]] = True
        return found
