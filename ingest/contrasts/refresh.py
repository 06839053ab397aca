"""Stored contrasts, brought up to date after documents changed or the rules did."""

import json

from ingest.contrasts import SHUFFLES
from ingest.contrasts.stale import STALE
from ingest.contrasts.storing import OF_CONTRAST, drop_contrast
from ingest.jobs.contrast import compute_contrast
from schema.errors import SelectionError
from schema.store import Atlas


def refresh_contrasts(atlas: Atlas) -> list[str]:
    """Compute every contrast again that is marked so, its null too; the names of these contrasts.

    One that has lost a side is dropped, and the figures for an SAE that has.
    """
    stale = atlas.rows(
        """
        SELECT name, positive, control, unit, (
          SELECT COUNT(DISTINCT shuffle)
          FROM contrast_null
          WHERE contrast_null.contrast = contrast.contrast
        )
        FROM contrast
        WHERE contrast IN (SELECT contrast FROM sae_contrast WHERE documents_hash = ?)
        ORDER BY contrast
        """,
        [STALE],
    )
    for name, positive, control, unit, shuffles in stale:
        try:
            compute_contrast(atlas, name, json.loads(positive), json.loads(control), unit, shuffles or SHUFFLES)
        except SelectionError:
            with atlas.transaction():
                drop_contrast(atlas, name)
    _drop_stale(atlas)
    return [str(name) for name, *_ in stale]


def _drop_stale(atlas: Atlas) -> None:
    """Delete the figures for SAEs that have no document left on a side."""
    left = atlas.rows("SELECT contrast, sae FROM sae_contrast WHERE documents_hash = ? ORDER BY ALL", [STALE])
    for key in left:
        with atlas.transaction():
            for table in OF_CONTRAST:
                atlas.rows(f"DELETE FROM {table.name} WHERE contrast = ? AND sae = ?", list(key))
