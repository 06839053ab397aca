"""Stored contrasts, brought up to date after documents came or went."""

import json

from ingest.contrasts.job import compute_contrast
from ingest.contrasts.storing import OF_CONTRAST
from schema import tables
from schema.errors import SelectionError
from schema.store import Atlas


def refresh_contrasts(atlas: Atlas) -> None:
    """Compute every stored contrast again whose documents have changed; drop one that has lost a side.

    A null is made anew with as many shuffles as it had.
    """
    for name, positive, control, unit, shuffles in atlas.rows(
        """
        SELECT name, positive, control, unit, COALESCE(MAX(shuffle), 0)
        FROM contrast
        LEFT JOIN contrast_null USING (contrast)
        GROUP BY contrast, name, positive, control, unit
        ORDER BY contrast
        """
    ):
        try:
            compute_contrast(atlas, name, json.loads(positive), json.loads(control), unit, shuffles)
        except SelectionError:
            drop_contrast(atlas, name)


def drop_contrast(atlas: Atlas, name: str) -> None:
    """Delete a contrast with all its figures."""
    with atlas.transaction():
        theirs = "contrast IN (SELECT contrast FROM contrast WHERE name = ?)"
        for table in (*OF_CONTRAST, tables.contrast):
            atlas.rows(f"DELETE FROM {table.name} WHERE {theirs}", [name])
