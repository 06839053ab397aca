"""The metadata that every table hangs on, and the column shapes they share.

A column that holds another table's key bears that table's name. Rows that never
go (runs) are referenced by foreign keys. Rows that can be removed (documents,
windows, contrasts, SAEs and their models) are not: DuckDB checks a foreign key
against rows deleted earlier in the same transaction, so a document and its
windows could not go together, and a key costs bulk tables 20x on insert.
Those references are kept in `Column.info`, checked by `schema.verify`, and become
foreign keys again where atlases are published.
"""

from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, MetaData, SmallInteger

metadata = MetaData()

SMALL_KEYS = frozenset({"model", "tokenization", "sae", "corpus", "contrast"})


def key(name: str, comment: str) -> Column[Any]:
    """A table's own integer key; values are assigned by the writer, never by the engine."""
    type_ = SmallInteger if name in SMALL_KEYS else Integer
    return Column(name, type_, primary_key=True, autoincrement=False, comment=comment)


def reference(table: str, comment: str, *, primary_key: bool = False) -> Column[Any]:
    """A foreign key to a row that is never removed."""
    return Column(
        table,
        SmallInteger if table in SMALL_KEYS else Integer,
        ForeignKey(f"{table}.{table}"),
        nullable=False,
        primary_key=primary_key,
        autoincrement=False,
        comment=comment,
    )


def pointer(table: str, comment: str, *, primary_key: bool = False) -> Column[Any]:
    """A reference to a row that can be removed, or from a bulk table: no foreign key."""
    return Column(
        table,
        SmallInteger if table in SMALL_KEYS else Integer,
        nullable=False,
        primary_key=primary_key,
        autoincrement=False,
        comment=comment,
        info={"references": table},
    )
