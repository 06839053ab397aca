"""Stored contrasts, brought up to date after documents came or went."""

import json

from ingest.contrasts.job import compute_contrast
from ingest.contrasts.storing import drop_contrast
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
            with atlas.transaction():
                drop_contrast(atlas, name)
