"""A contrast's rows, found again and replaced."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sqlalchemy import delete, insert, select

from ingest.contrasts.computing import Figures
from ingest.contrasts.scores import Unit
from schema import tables
from schema.store import Atlas

REVISION = 7
"""Raised when the figures change for the same documents, so that stored contrasts are computed again."""

OF_CONTRAST = tuple(
    table for table in tables.metadata.sorted_tables if {"contrast", "sae"} <= set(table.columns.keys())
)
"""Every table that holds rows of a contrast for an SAE."""


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


def documents_hash(atlas: Atlas, sae: int, labels: dict[int, bool]) -> str:
    """A hash of the documents compared, what is said of them, the sums of their corpora, and the figures' revision."""
    said = atlas.rows(
        """
        SELECT document, content_hash, group_name, template, term, term_start, term_end, domain
        FROM document
        JOIN corpus USING (corpus)
        WHERE document IN (SELECT unnest($1))
        ORDER BY document
        """,
        [list(labels)],
    )
    sums = atlas.rows(
        """
        SELECT corpus, documents, tokens
        FROM sae_corpus
        WHERE sae = ?
          AND corpus IN (SELECT corpus FROM document WHERE document IN (SELECT unnest(?)))
        ORDER BY corpus
        """,
        [sae, list(labels)],
    )
    return hashlib.sha256(json.dumps([REVISION, sorted(labels.items()), said, sums]).encode()).hexdigest()


def stored_shuffles(atlas: Atlas, definition: Definition, sae: int, content: str) -> int | None:
    """How many shuffles are stored of the contrast for the SAE; None if it is not stored over these documents."""
    rows = atlas.rows(
        """
        SELECT positive, control, unit, COUNT(shuffle)
        FROM sae_contrast
        JOIN contrast USING (contrast)
        LEFT JOIN contrast_null USING (contrast, sae)
        WHERE name = ?
          AND sae = ?
          AND documents_hash = ?
        GROUP BY ALL
        """,
        [definition.name, sae, content],
    )
    for positive, control, unit, shuffles in rows:
        if {"positive": json.loads(positive), "control": json.loads(control), "unit": unit} == definition.columns:
            return int(shuffles)
    return None


def store_contrast(atlas: Atlas, definition: Definition, sae: int, figures: Figures, content: str) -> None:
    """Replace what is stored of a contrast for an SAE; to be called inside a transaction."""
    contrast = _contrast_key(atlas, definition)
    for table in OF_CONTRAST:
        atlas.connection.execute(delete(table).where(table.c.contrast == contrast, table.c.sae == sae))
    summary = {"contrast": contrast, "sae": sae, **figures.summary, "documents_hash": content}
    atlas.connection.execute(insert(tables.sae_contrast), summary)
    for name, rows in figures.tables.items():
        _append(atlas, name, rows, contrast, sae)


def drop_contrast(atlas: Atlas, name: str) -> None:
    """Delete a contrast with all its figures, if it is stored; to be called inside a transaction."""
    theirs = "contrast IN (SELECT contrast FROM contrast WHERE name = ?)"
    for table in (*OF_CONTRAST, tables.contrast):
        atlas.rows(f"DELETE FROM {table.name} WHERE {theirs}", [name])


def _append(atlas: Atlas, name: str, rows: pa.Table, contrast: int, sae: int) -> None:
    for column, key in (("contrast", contrast), ("sae", sae)):
        rows = rows.append_column(column, pa.array(np.full(len(rows), key, np.int16)))
    atlas.append(tables.metadata.tables[name], rows)


def _contrast_key(atlas: Atlas, definition: Definition) -> int:
    """The key of the contrast; another definition under the same name replaces all of the old one."""
    table = tables.contrast
    known = atlas.connection.execute(select(table).where(table.c.name == definition.name)).mappings().all()
    if known and all(known[0][name] == value for name, value in definition.columns.items()):
        return int(known[0]["contrast"])
    drop_contrast(atlas, definition.name)
    key = atlas.next_key(table)
    atlas.connection.execute(insert(table), {"contrast": key, "name": definition.name, **definition.columns})
    return key
