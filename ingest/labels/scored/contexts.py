"""Firing and silent contexts of features, in the half of the documents that made no label.

A silent context is a snippet in which the feature fires nowhere. Three kinds, kept apart: drawn blindly; where the
features nearest to it fire; around a token that it fires on elsewhere. These last are held against firing contexts
around the same tokens alone: those around a token on which it is hardly ever silent would be told by the token.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int

from ingest.labels import CONTEXTS, RADIUS
from ingest.labels.firing_places import (
    POOL_WINDOWS,
    draw_label_pool,
    fires_in_label_pool,
    firing_places,
    places_of_each_feature,
)
from ingest.labels.snippets import Grid, Places, read_snippets
from ingest.labels.sql import label_sql, run_label_sql
from ingest.labels.vocabulary import Vocabulary
from schema.store import Atlas

Negatives = Literal["random", "neighbour", "same token"]
NEGATIVES: tuple[Negatives, ...] = ("random", "neighbour", "same token")

PLACES_OF_TOKEN = 60
"""Places of a token that are looked at for one where a feature is silent."""

STEP = 37
"""By how many places the blind ones of a feature begin after those of the feature before."""

TOKEN_BITS = 32
"""Room for the number of a token."""

Found = tuple[Int[np.ndarray, " place"], Places]
"""The feature of each of some places, and these."""


class Snippets(NamedTuple):
    """Snippets as items, the places they are around, and the group of documents of each.

    Shapes: grid (snippet, offset, item); places (snippet,).
    """

    grid: Grid
    places: Places

    @property
    def group(self) -> Int[np.ndarray, " snippet"]:
        """The group of documents that each is of."""
        return self.places.group


@dataclass(frozen=True)
class Contexts:
    """The contexts of a feature; repeated: whether a firing one is around a token that a silent one is around too.

    Shapes: repeated (firing,).
    """

    feature: int
    firing: Snippets
    silent: Mapping[Negatives, Snippets]
    repeated: Bool[np.ndarray, " firing"]

    def held_against(self, negatives: Negatives) -> Bool[np.ndarray, " firing"]:
        """Which firing contexts the silent ones of a kind are held against."""
        return self.repeated if negatives == "same token" else np.ones(len(self.repeated), dtype=bool)


def prepare_contexts(atlas: Atlas, vocabulary: Vocabulary) -> Snippets:
    """Fill the temporary tables label_pool and label_token; the blind snippets. After `gather_firing_places`."""
    pool = draw_label_pool(atlas, making=False)
    run_label_sql(atlas, "token", {"windows": POOL_WINDOWS, "places": PLACES_OF_TOKEN})
    return Snippets(read_snippets(atlas, pool, vocabulary), pool)


def read_contexts(
    atlas: Atlas, sae: int, features: range, vocabulary: Vocabulary, pool: Snippets
) -> Iterator[Contexts]:
    """The contexts of each feature of a range, whether there are any or not."""
    fires = fires_in_label_pool(atlas, sae, features)
    values = {"sae": sae, "first": features.start, "last": features.stop - 1, "radius": RADIUS}
    firing_at, same_at = firing_places(atlas, features, making=False), _places(atlas, "same_token", values)
    repeated = _repeated(atlas, firing_at, same_at)
    of = {number: repeated[here] for number, here in places_of_each_feature(firing_at[0])}
    found = {
        "firing": _by_feature(atlas, firing_at, vocabulary),
        "neighbour": _by_feature(atlas, _places(atlas, "neighbour", {**values, "contexts": CONTEXTS}), vocabulary),
        "same token": _by_feature(atlas, same_at, vocabulary),
    }
    nothing = Snippets(pool.grid[:0], pool.places.where(slice(0)))
    for number in features:
        blind = _blind(pool, fires[number - features.start], number)
        firing, near, same = (held.get(number, nothing) for held in found.values())
        silent: dict[Negatives, Snippets] = {"random": blind, "neighbour": near, "same token": same}
        yield Contexts(number, firing, silent, of.get(number, repeated[:0]))


def _repeated(atlas: Atlas, firing: Found, same: Found) -> Bool[np.ndarray, " firing"]:
    """Whether the feature of a firing place is silent at one around the same token."""
    pairs = [feature.astype(np.int64) << TOKEN_BITS | _tokens(atlas, places) for feature, places in (firing, same)]
    repeated: Bool[np.ndarray, " firing"] = np.isin(*pairs)
    return repeated


def _tokens(atlas: Atlas, places: Places) -> Int[np.ndarray, " place"]:
    wanted = {"place": np.arange(len(places.context)), "context": places.context, "middle": places.position}
    with atlas.registered(wanted=pa.table(wanted)):
        tokens: Int[np.ndarray, " place"] = atlas.arrow(label_sql("centre"))["token_id"].to_numpy().astype(np.int64)
    return tokens


def _blind(pool: Snippets, fires: np.ndarray, feature: int) -> Snippets:
    """Snippets of the pool in which a feature is silent, from a place of its own on."""
    order = np.roll(np.arange(len(fires)), -STEP * feature)
    chosen = order[~fires[order]][:CONTEXTS]
    return Snippets(pool.grid[chosen], pool.places.where(chosen))


def _places(atlas: Atlas, name: str, values: Mapping[str, int]) -> Found:
    rows = atlas.arrow(label_sql(name), values)
    return rows["feature"].to_numpy(), Places(*(rows[name].to_numpy() for name in ("context", "position", "member")))


def _by_feature(atlas: Atlas, found: Found, vocabulary: Vocabulary) -> dict[int, Snippets]:
    feature, places = found
    grid = read_snippets(atlas, places, vocabulary)
    return {number: Snippets(grid[here], places.where(here)) for number, here in places_of_each_feature(feature)}
