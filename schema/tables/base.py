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

from sqlalchemy import Column, ForeignKey, Integer, MetaData, SmallInteger, Table

metadata = MetaData()

SMALL_KEYS = frozenset({"model", "tokenization", "sae", "corpus", "contrast", "association"})


def key_column(name: str, comment: str) -> Column[Any]:
    """A table's own integer key; values are assigned by the writer, never by the engine."""
    type_ = SmallInteger if name in SMALL_KEYS else Integer
    return Column(name, type_, primary_key=True, autoincrement=False, comment=comment)


def foreign_key_column(table: str, comment: str, *, primary_key: bool = False) -> Column[Any]:
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


def unchecked_key_column(table: str, comment: str, *, primary_key: bool = False) -> Column[Any]:
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


LOGICAL_KEYS = {
    "activation": ("sae", "feature", "context", "position"),
    "attention_summary": ("model", "tokenization", "document", "layer", "head"),
    "feature_document": ("sae", "feature", "document"),
    "feature_coactivation": ("sae", "feature", "rank"),
    "feature_match": ("sae", "feature", "other_sae", "measure", "rank"),
    "feature_neighbour": ("sae", "feature", "rank"),
    "feature_opposite": ("sae", "feature", "rank"),
    "token": ("context", "position"),
    "feature_token": ("sae", "feature", "corpus", "token_id"),
    "feature_top_token": ("sae", "feature", "rank"),
    "feature_histogram": ("sae", "feature", "corpus", "bin"),
    "feature_example": ("sae", "feature", "corpus", "sampling", "octave", "rank"),
}
"""Keys of the tables that have none in the atlas, where a key costs 20x on insert."""


def logical_key(table: Table) -> tuple[str, ...]:
    """The columns that tell a table's rows apart, declared as its key or not."""
    return LOGICAL_KEYS.get(table.name) or tuple(column.name for column in table.primary_key)
