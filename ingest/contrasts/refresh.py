"""Stored contrasts, brought up to date after documents came or went."""

import json

from ingest.contrasts.job import compute_contrast
from ingest.contrasts.storing import OF_CONTRAST
from schema.errors import SelectionError
from schema.store import Atlas


def refresh_contrasts(atlas: Atlas) -> None:
    """Compute every stored contrast again whose documents have changed, its null too; drop one that has lost a side."""
    stored = atlas.rows(
        """
        SELECT name, positive, control, unit, (
          SELECT COUNT(DISTINCT shuffle)
          FROM contrast_null
          WHERE contrast_null.contrast = contrast.contrast
        )
        FROM contrast
        ORDER BY contrast
        """
    )
    for name, positive, control, unit, shuffles in stored:
        try:
            compute_contrast(atlas, name, json.loads(positive), json.loads(control), unit, shuffles)
        except SelectionError:
            drop_contrast(atlas, name)


def drop_contrast(atlas: Atlas, name: str) -> None:
    """Delete a contrast with all its figures."""
    with atlas.transaction():
        theirs = "contrast IN (SELECT contrast FROM contrast WHERE name = ?)"
        for table in (*(table.name for table in OF_CONTRAST), "contrast"):
            atlas.rows(f"DELETE FROM {table} WHERE {theirs}", [name])
