"""Where features fire, and where one looks blindly, in the two halves of what an SAE has read."""

import hashlib
import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int

from ingest.contrasts.selection import contrasted_texts
from ingest.labels import CONTEXTS, RADIUS
from ingest.labels.snippets import Places
from ingest.labels.sql import label_sql, run_label_sql
from schema.methods import method_revision
from schema.store import Atlas

POOL_PLACES = 1_000
POOL_WINDOWS = 20_000
"""Windows that blind places are drawn from; more are not looked at."""

FEATURES = 4_096
"""Features whose activations are gathered at a time."""


def gather_firing_places(atlas: Atlas, sae: int, d_sae: int) -> None:
    """Fill the temporary tables label_window and label_place for an SAE."""
    read = (document for (document,) in atlas.rows("SELECT document FROM coverage WHERE sae = ? AND summed", [sae]))
    texts = contrasted_texts(atlas, read)
    columns = {"document": pa.array(texts, pa.int32()), "normal": pa.array(texts.values(), pa.string())}
    with atlas.registered(normal_text=pa.table(columns)):
        run_label_sql(atlas, "windows", {"sae": sae})
    atlas.rows(
        """
        CREATE OR REPLACE TEMP TABLE label_place (
          feature INTEGER, context INTEGER, position SMALLINT, member BIGINT, making BOOLEAN, drawn BIGINT,
          strongest BIGINT, first_run INTEGER
        )
        """
    )
    for first in range(0, d_sae, FEATURES):
        values = {"sae": sae, "first": first, "last": min(first + FEATURES, d_sae) - 1, "contexts": CONTEXTS}
        run_label_sql(atlas, "place", values)


def draw_label_pool(atlas: Atlas, *, making: bool) -> Places:
    """Fill the temporary table label_pool with places drawn blindly from a half; the places."""
    run_label_sql(atlas, "pool", {"making": making, "windows": POOL_WINDOWS, "places": POOL_PLACES})
    rows = atlas.arrow("SELECT context, position, member FROM label_pool ORDER BY place")
    return Places(*(rows[name].to_numpy() for name in ("context", "position", "member")))


def fires_in_label_pool(atlas: Atlas, sae: int, features: range) -> Bool[np.ndarray, "feature place"]:
    """Whether each of a range of features fires anywhere in the snippet around each place of the pool."""
    values = {"sae": sae, "first": features.start, "last": features.stop - 1, "radius": RADIUS}
    rows = atlas.arrow(label_sql("fires"), values)
    (places,) = atlas.rows("SELECT COUNT(*) FROM label_pool")[0]
    found = np.zeros((len(features), places), dtype=bool)
    found[rows["feature"].to_numpy() - features.start, rows["place"].to_numpy()] = True
    return found


def firing_places(atlas: Atlas, features: range, *, making: bool) -> tuple[Int[np.ndarray, " place"], Places]:
    """The feature of each place at which one of a range fires in a half, and the places, feature by feature."""
    rows = atlas.arrow(
        """
        SELECT feature, context, position, member
        FROM label_place
        WHERE making = $making
          AND feature BETWEEN $first AND $last
        ORDER BY feature, drawn
        """,
        {"making": making, "first": features.start, "last": features.stop - 1},
    )
    return rows["feature"].to_numpy(), Places(*(rows[name].to_numpy() for name in ("context", "position", "member")))


def labelled_first_runs(atlas: Atlas) -> dict[int, int]:
    """Since which run each feature fires in the half that makes labels; call it after `gather_firing_places`."""
    return dict(atlas.rows("SELECT DISTINCT feature, first_run FROM label_place WHERE making ORDER BY feature"))


def places_of_each_feature(feature: Int[np.ndarray, " place"]) -> Iterator[tuple[int, slice]]:
    """Each feature of places that come by feature, and where its places stand."""
    numbers, first = np.unique(feature, return_index=True)
    for number, start, end in zip(numbers.tolist(), first, np.append(first[1:], len(feature)), strict=len(numbers) > 0):
        yield number, slice(start, end)


def labelled_documents_sha256(atlas: Atlas, sae: int) -> str:
    """A hash of what labels and scores of an SAE are computed from; call it after `gather_firing_places`."""
    read = atlas.rows(
        """
        SELECT COUNT(*), CAST(BIT_XOR(md5_number_lower(concat_ws('|', content_hash, making, tokens))) AS VARCHAR)
        FROM label_window
        """
    )
    pinned = atlas.rows("SELECT pinned FROM sae WHERE sae = ?", [sae])
    return hashlib.sha256(json.dumps([method_revision("labels"), CONTEXTS, RADIUS, read, pinned]).encode()).hexdigest()
