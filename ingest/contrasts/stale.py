"""Contrasts that are to be computed again: documents that they read have changed, or the rules have.

They are marked in the transaction that changes the documents (or by a migration), so that a kill before they are
computed again is made up for by the next ingest or removal (`refresh_contrasts`).
"""

import json
from collections.abc import Collection, Iterable
from contextlib import suppress

from ingest.contrasts.selection import select_documents
from schema.errors import SelectionError
from schema.store import Atlas

STALE = ""
"""Stands for the hash of the documents compared."""


def stale_contrasts(atlas: Atlas) -> list[str]:
    """The names of the contrasts, and of the associations, that are to be computed again."""
    rows = atlas.rows(
        """
        SELECT name
        FROM contrast
        WHERE contrast IN (SELECT contrast FROM sae_contrast WHERE documents_hash = $stale)
        UNION ALL
        SELECT name
        FROM association
        WHERE association IN (SELECT association FROM sae_association WHERE documents_hash = $stale)
        ORDER BY name
        """,
        {"stale": STALE},
    )
    return [str(name) for (name,) in rows]


def mark_stale(atlas: Atlas, doomed: Collection[int]) -> None:
    """Mark the contrasts and associations that read any of these documents, which still exist.

    To be called inside a transaction.
    """
    mark_stale_associations(atlas, doomed)
    fresh = atlas.rows(
        """
        SELECT contrast, positive, control
        FROM contrast
        WHERE contrast IN (SELECT contrast FROM sae_contrast WHERE documents_hash <> ?)
        ORDER BY contrast
        """,
        [STALE],
    )
    for contrast, positive, control in fresh:
        if _reads(atlas, [*json.loads(positive), *json.loads(control)], doomed):
            atlas.rows("UPDATE sae_contrast SET documents_hash = ? WHERE contrast = ?", [STALE, contrast])


def mark_stale_associations(atlas: Atlas, changed: Collection[int]) -> None:
    """Mark the associations that read any of these documents, which still exist; to be called inside a transaction."""
    fresh = atlas.rows(
        """
        SELECT association, field, sets
        FROM association
        WHERE association IN (SELECT association FROM sae_association WHERE documents_hash <> ?)
        ORDER BY association
        """,
        [STALE],
    )
    for association, field, sets in fresh:
        bear = "SELECT document FROM document_field WHERE name = ?"
        everywhere = not json.loads(sets) and not {key for (key,) in atlas.rows(bear, [field])}.isdisjoint(changed)
        if everywhere or _reads(atlas, json.loads(sets), changed):
            atlas.rows("UPDATE sae_association SET documents_hash = ? WHERE association = ?", [STALE, association])


def _reads(atlas: Atlas, sets: Iterable[str], doomed: Collection[int]) -> bool:
    for name in sets:
        with suppress(SelectionError):  # a set that lost its last document before
            if not select_documents(atlas, [name]).keys().isdisjoint(doomed):
                return True
    return False
