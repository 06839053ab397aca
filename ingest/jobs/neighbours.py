"""Nearest features, entered into an atlas: with a small SAE as it is registered, with any other on demand."""

import logging
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from ingest.jobs.runs import RunRecord
from ingest.models.names import SAEName
from ingest.models.sae import LoadedSAE, load_sae
from ingest.statistics.neighbours import Neighbours, Report, nearest_rows
from schema import tables
from schema.errors import SelectionError
from schema.store import Atlas

log = logging.getLogger(__name__)

MOST_AT_ONCE = 32_768
"""Features of an SAE whose neighbours are found as it is registered: a third of what its logit weights cost."""


def store_neighbours(atlas: Atlas, sae: int, found: Neighbours) -> None:
    """Replace the neighbours of an SAE's features; to be called inside a transaction."""
    known = found.other >= 0
    feature, place = np.nonzero(known)
    columns = {
        "sae": np.full(len(feature), sae, np.int16),
        "feature": feature.astype(np.int32),
        "rank": (place + 1).astype(np.int16),
        "other_feature": found.other[known].astype(np.int32),
        "cosine": found.cosine[known],
    }
    atlas.rows("DELETE FROM feature_neighbour WHERE sae = ?", [sae])
    atlas.append(tables.feature_neighbour, pa.table(columns))


def cluster(
    atlas: Atlas, saes: Sequence[str], report: Report = lambda done, features: None
) -> Iterator[tuple[SAEName, bool]]:
    """Find the neighbours of the named SAEs, or of all that lack them: each SAE, and whether they were new.

    Raises:
        SelectionError: an SAE that the atlas does not hold, or that has other weights now.
        ModelError: an SAE that cannot be loaded.
    """
    with RunRecord(atlas, "cluster", {"saes": list(saes)}, "cpu") as record:
        for sae in map(load_sae, saes or _lacking(atlas)):
            keys = _keys(atlas, sae)
            known = {key for (key,) in atlas.rows("SELECT DISTINCT sae FROM feature_neighbour")}
            missing = [key for key in keys if key not in known]
            if missing:
                found = nearest_rows(sae.W_dec, report=report)
                with atlas.transaction():
                    record.start()
                    for key in missing:
                        store_neighbours(atlas, key, found)
            yield sae.name, bool(missing)


def _lacking(atlas: Atlas) -> list[str]:
    """The names of the SAEs without neighbours; one feature alone has none."""
    rows = atlas.rows(
        """
        SELECT DISTINCT release || '/' || sae_id AS name
        FROM sae
        ANTI JOIN feature_neighbour USING (sae)
        WHERE d_sae > 1
        ORDER BY name
        """
    )
    return [name for (name,) in rows]


def _keys(atlas: Atlas, sae: LoadedSAE) -> list[int]:
    """The keys of an SAE with these weights; one a model and a way of cutting windows that it was used with."""
    sql = "SELECT sae FROM sae WHERE release = ? AND sae_id = ? AND weights_sha256 = ? ORDER BY sae"
    rows = atlas.rows(sql, [sae.name.release, sae.name.sae_id, sae.weights_sha256])
    if not rows:
        raise SelectionError(
            f"{atlas.path} does not hold {sae.name} with these weights; ingest with it first: "
            f"atlas ingest {atlas.path} SOURCE --sae {sae.name}"
        )
    return [key for (key,) in rows]
