"""A contrast's rows, found again and replaced; and what is stale or dropped, of an association too."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from sqlalchemy import Table, delete, insert, select

from ingest.contrasts.contrast_figures import Figures
from ingest.contrasts.scores import Unit
from ingest.contrasts.stale import STALE
from schema import tables
from schema.methods import method_revision
from schema.store import Atlas

Kind = Literal["contrast", "association"]
"""What is stored under a name, in a table of that name; `sae_KIND` has a row of it for each SAE."""


def contrast_tables(kind: Kind) -> tuple[Table, ...]:
    """Every table that holds rows of a contrast, or of an association, for an SAE."""
    return tuple(table for table in tables.metadata.sorted_tables if {kind, "sae"} <= set(table.columns.keys()))


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
    return hashlib.sha256(
        json.dumps([method_revision("contrast"), sorted(labels.items()), said, sums]).encode()
    ).hexdigest()


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
    keys = {"contrast": _contrast_key(atlas, definition), "sae": sae}
    replace_figures(atlas, "contrast", keys, {**figures.summary, "documents_hash": content}, figures.tables)


def replace_figures(
    atlas: Atlas, kind: Kind, keys: Mapping[str, int], summary: Mapping[str, Any], found: Mapping[str, pa.Table]
) -> None:
    """Store a contrast's or an association's figures for an SAE, both named by `keys`, in the place of older ones."""
    for table in contrast_tables(kind):
        atlas.connection.execute(delete(table).where(*(table.c[column] == key for column, key in keys.items())))
    atlas.connection.execute(insert(tables.metadata.tables[f"sae_{kind}"]), {**keys, **summary})
    for name, rows in found.items():
        keyed = rows
        for column, key in keys.items():
            keyed = keyed.append_column(column, pa.array(np.full(len(rows), key, np.int16)))
        atlas.append(tables.metadata.tables[name], keyed)


def drop_contrast(atlas: Atlas, kind: Kind, name: str) -> None:
    """Delete a contrast or an association with all its figures, if it is stored; to be called inside a transaction."""
    for table in (*contrast_tables(kind), tables.metadata.tables[kind]):
        atlas.rows(f"DELETE FROM {table.name} WHERE {kind} IN (SELECT {kind} FROM {kind} WHERE name = ?)", [name])


def stale_definitions(atlas: Atlas, kind: Kind, asked: str) -> list[tuple[Any, ...]]:
    """Of each contrast or association that is to be computed again its name, the columns `asked`, and its shuffles."""
    return atlas.rows(
        f"""
        SELECT name, {asked}, (
          SELECT COUNT(DISTINCT shuffle)
          FROM {kind}_null
          WHERE {kind}_null.{kind} = {kind}.{kind}
        )
        FROM {kind}
        WHERE {kind} IN (SELECT {kind} FROM sae_{kind} WHERE documents_hash = ?)
        ORDER BY {kind}
        """,
        [STALE],
    )


def drop_stale(atlas: Atlas, kind: Kind) -> None:
    """Delete what is still stale: the figures for SAEs that have no such documents any more."""
    for key in atlas.rows(f"SELECT {kind}, sae FROM sae_{kind} WHERE documents_hash = ? ORDER BY ALL", [STALE]):
        with atlas.transaction():
            for table in contrast_tables(kind):
                atlas.rows(f"DELETE FROM {table.name} WHERE {kind} = ? AND sae = ?", list(key))


def _contrast_key(atlas: Atlas, definition: Definition) -> int:
    """The key of the contrast; another definition under the same name replaces all of the old one."""
    table = tables.contrast
    known = atlas.connection.execute(select(table).where(table.c.name == definition.name)).mappings().all()
    if known and all(known[0][name] == value for name, value in definition.columns.items()):
        return int(known[0]["contrast"])
    drop_contrast(atlas, "contrast", definition.name)
    drop_contrast(atlas, "association", definition.name)
    key = atlas.next_key(table)
    atlas.connection.execute(insert(table), {"contrast": key, "name": definition.name, **definition.columns})
    return key
