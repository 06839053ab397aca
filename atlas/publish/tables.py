"""The tables of the SQLite copy, derived from the schema's own.

SQLite's copy is read, never written, so it can afford what the atlas cannot: real
foreign keys (also where the schema only points), a key for every table, indexes.
"""

from functools import cache
from typing import Any

from sqlalchemy import (
    REAL,
    Boolean,
    CheckConstraint,
    Column,
    Constraint,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.schema import ColumnCollectionConstraint
from sqlalchemy.types import TypeEngine

from atlas.publish.browsing import BROWSING
from schema.tables import metadata as schema_metadata
from schema.tables.base import LOGICAL_KEYS, logical_key

UNPUBLISHED = frozenset({"activation", "attention_summary", "token", "feature_document", "coverage", "shown_window"})
"""Tables as long as the text itself: they stay in the DuckDB file."""

EXAMPLE = "example"
FIRING = "firing"
SEARCHED = {"document": "text", "feature_label": "label", "vocabulary": "text", EXAMPLE: "sentence"}
"""Tables with full-text search, and the column searched; they keep a rowid, to which the search index points."""

EXAMPLE_COLUMNS: dict[str, tuple[type[TypeEngine[Any]], str | None]] = {
    "feature": (Integer, None),
    "token": (Text, "Token on which it is strongest"),
    "sentence": (Text, "Text of the window around the token, which ⟦ and ⟧ enclose"),
    "activation": (REAL, "Activation on that token, the window's maximum"),
    "sae": (Integer, None),
    "corpus": (Integer, None),
    "document": (Integer, "Document the window is from"),
    "sampling": (Text, None),
    "octave": (Integer, None),
    "rank": (Integer, None),
    "context": (Integer, "Window"),
    "position": (Integer, "Position of the token in the window"),
}
"""Columns of `example`, what a reader looks for first; without a comment, as in feature_example."""


@cache
def sqlite_tables() -> MetaData:
    """Every published table as SQLite has it, with keys, foreign keys, indexes and comments; to be read."""
    metadata = MetaData()
    for table in schema_metadata.sorted_tables:
        if table.name not in UNPUBLISHED:
            _copy(table, metadata, UNPUBLISHED)
    _add_example(metadata)
    for table in metadata.tables.values():
        if not _has_integer_key(table) and table.name not in SEARCHED:
            table.dialect_options["sqlite"]["with_rowid"] = False
        for columns in BROWSING[table.name].indexes if table.name in BROWSING else ():
            Index("_".join((table.name, *columns)), *(table.c[name] for name in columns))
    return metadata


@cache
def published_tables() -> MetaData:
    """Every table of the schema with its key and references, and `firing`, as a snapshot's DuckDB file has them."""
    metadata = MetaData()
    for table in schema_metadata.sorted_tables:
        _copy(table, metadata, frozenset())
    _add_firing(metadata)
    return metadata


def sqlite_type(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """One of SQLite's own three: INTEGER (also for true and false), REAL, TEXT (also for dates and JSON)."""
    if isinstance(type_, Integer | Boolean):
        return Integer()
    return REAL() if isinstance(type_, Float) else Text()


def _copy(table: Table, metadata: MetaData, left_out: frozenset[str]) -> None:
    key = logical_key(table)
    copy = Table(table.name, metadata, *(_column(column, key) for column in table.columns), comment=table.comment)
    if key:
        copy.append_constraint(PrimaryKeyConstraint(*key))
    for constraint in sorted(table.constraints, key=_spelling):
        if isinstance(constraint, UniqueConstraint):
            copy.append_constraint(UniqueConstraint(*(column.name for column in constraint.columns)))
        elif isinstance(constraint, CheckConstraint):
            copy.append_constraint(CheckConstraint(str(constraint.sqltext), name=constraint.name))
    _reference(table, copy, left_out)


def _column(column: Column[Any], key: tuple[str, ...]) -> Column[Any]:
    nullable = bool(column.nullable) and column.name not in key
    return Column(column.name, sqlite_type(column.type), nullable=nullable, autoincrement=False, comment=column.comment)


def _reference(table: Table, copy: Table, left_out: frozenset[str]) -> None:
    """Foreign keys: the schema's, those it only points, and (sae, feature) as one."""
    for column in table.columns:
        keys = {key.column.table.name for key in column.foreign_keys}
        for target in keys | {column.info.get("references", column.name)}:
            if target == "feature" and "sae" in table.columns and table.name != "feature":
                columns, targets = ["sae", column.name], ["feature.sae", "feature.feature"]
            elif target in keys or "references" in column.info:
                columns, targets = [column.name], [f"{target}.{target}"]
            else:
                continue
            if target not in left_out:
                copy.append_constraint(ForeignKeyConstraint(columns, targets))


def _add_example(metadata: MetaData) -> None:
    """The published rows of `feature_example` with their text, for people; the key is the same."""
    source = schema_metadata.tables["feature_example"]
    key = LOGICAL_KEYS["feature_example"]
    columns = [
        Column(name, type_, nullable=False, comment=comment or source.c[name].comment)
        for name, (type_, comment) in EXAMPLE_COLUMNS.items()
    ]
    comment = "Sentences that show a feature, with how they were sampled: feature_example with text"
    table = Table(EXAMPLE, metadata, *columns, PrimaryKeyConstraint(*key), comment=comment)
    for target in ("sae", "corpus", "document", "context"):
        table.append_constraint(ForeignKeyConstraint([target], [f"{target}.{target}"]))
    table.append_constraint(ForeignKeyConstraint(["sae", "feature"], ["feature.sae", "feature.feature"]))


def _add_firing(metadata: MetaData) -> None:
    """The features that fire on each token, for queries that begin with tokens: `activation` the other way round."""
    source = schema_metadata.tables["activation"]
    key = ("sae", "context", "position")
    columns = [
        Column(name, Integer, nullable=False, autoincrement=False, comment=source.c[name].comment) for name in key
    ]
    features = Column("features", Text, nullable=False, comment="Features above zero on the token, in order")
    comment = "Which features fire on each token: activation the other way round, without its values"
    table = Table(FIRING, metadata, *columns, features, PrimaryKeyConstraint(*key), comment=comment)
    for target in ("sae", "context"):
        table.append_constraint(ForeignKeyConstraint([target], [f"{target}.{target}"]))


def _spelling(constraint: Constraint) -> tuple[str, str]:
    """What constraints are sorted by, since SQLAlchemy holds them in a set."""
    columns = constraint.columns if isinstance(constraint, ColumnCollectionConstraint) else ()
    return str(constraint.name or ""), " ".join(column.name for column in columns)


def _has_integer_key(table: Table) -> bool:
    """Whether the key is one integer, and so SQLite's rowid itself."""
    columns = list(table.primary_key)
    return not columns or (len(columns) == 1 and isinstance(columns[0].type, Integer))
