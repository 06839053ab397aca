"""A contrast's rows, found again and replaced."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sqlalchemy import delete, insert, select

from ingest.contrasts.scores import Unit
from schema import tables
from schema.store import Atlas

REVISION = 1
"""Raised when the figures change for the same documents, so that stored contrasts are computed again."""


@dataclass(frozen=True)
class Definition:
    """What a contrast compares, under which name."""

    name: str
    positive: tuple[str, ...]
    control: tuple[str, ...]
    unit: Unit

    @property
    def columns(self) -> dict[str, object]:
        """The same as columns of the contrast table."""
        return {"positive": list(self.positive), "control": list(self.control), "unit": self.unit}


def documents_hash(labels: dict[int, bool]) -> str:
    """A hash of the documents compared and of the revision of the figures."""
    return hashlib.sha256(json.dumps([REVISION, sorted(labels.items())]).encode()).hexdigest()


def is_stored(atlas: Atlas, definition: Definition, sae: int, labels: dict[int, bool]) -> bool:
    """Whether the contrast is stored for the SAE, over these very documents."""
    rows = atlas.rows(
        """
        SELECT positive, control, unit
        FROM sae_contrast
        JOIN contrast USING (contrast)
        WHERE name = ?
          AND sae = ?
          AND documents_hash = ?
        """,
        [definition.name, sae, documents_hash(labels)],
    )
    wanted = definition.columns
    found = [(json.loads(positive), json.loads(control), unit) for positive, control, unit in rows]
    return found == [(wanted["positive"], wanted["control"], wanted["unit"])]


def store_contrast(
    atlas: Atlas, definition: Definition, sae: int, labels: dict[int, bool], figures: pa.Table, tested: int
) -> None:
    """Replace what is stored of a contrast for an SAE; to be called inside a transaction."""
    contrast = _contrast_key(atlas, definition)
    for table in (tables.feature_contrast, tables.sae_contrast):
        atlas.connection.execute(delete(table).where(table.c.contrast == contrast, table.c.sae == sae))
    n_positive = sum(labels.values())
    summary = {
        "contrast": contrast,
        "sae": sae,
        "documents_positive": n_positive,
        "documents_control": len(labels) - n_positive,
        "features_tested": tested,
        "documents_hash": documents_hash(labels),
    }
    atlas.connection.execute(insert(tables.sae_contrast), summary)
    for name, key in (("contrast", contrast), ("sae", sae)):
        figures = figures.append_column(name, pa.array(np.full(len(figures), key, np.int16)))
    atlas.append(tables.feature_contrast, figures)


def _contrast_key(atlas: Atlas, definition: Definition) -> int:
    """The key of the contrast; another definition under the same name replaces all of the old one."""
    table = tables.contrast
    known = atlas.connection.execute(select(table).where(table.c.name == definition.name)).mappings().all()
    if known and all(known[0][name] == value for name, value in definition.columns.items()):
        return int(known[0]["contrast"])
    for row in known:
        for stale in (tables.feature_contrast, tables.sae_contrast, table):
            atlas.connection.execute(delete(stale).where(stale.c.contrast == row["contrast"]))
    key = atlas.next_key(table)
    atlas.connection.execute(insert(table), {"contrast": key, "name": definition.name, **definition.columns})
    return key
