"""The DuckDB file of a snapshot: every table of the atlas, its rows in the order in which they are read, and one more.

Sorted by (sae, feature, context, position), the rows of one feature lie together: reading them takes milliseconds in a
file of any length, without the index that would cost five times its size. The live file is never copied: DuckDB would
lose its lock, and the copy its order. Queries that know tokens, and ask what fires on them, would look through all:
for them `firing` holds the features of each token, in a tenth of the room.

A description is written beside it, so that its tables are known without opening it.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
from sqlalchemy import JSON, ForeignKeyConstraint, String, Table

from atlas.publish.rows import sqlite_json_without_nul, sqlite_text_without_nul
from atlas.publish.tables import FIRING, published_tables
from schema import Atlas, AtlasError
from schema.copying import sql_quoted
from schema.statements import unoptimized
from schema.tables import metadata as schema_metadata

PLUGIN = "feature-atlas"
"""What a snapshot's metadata calls the settings of the plugin that guards it; a site without them is not ours."""
ACTIVATIONS_PLUGIN = "feature-atlas-activations"
"""What it calls those of the plugin that serves the DuckDB file."""
ACTIVATIONS = "activations"
"""The name of the database, as Datasette serves it."""
ACTIVATIONS_FILE = f"{ACTIVATIONS}.duckdb"
DESCRIPTION = f"{ACTIVATIONS}.json"


@dataclass(frozen=True)
class Reference:
    """Columns that name a row of another table, and that table's columns."""

    columns: tuple[str, ...]
    table: str
    targets: tuple[str, ...]


@dataclass(frozen=True)
class TableDescription:
    """A table of the DuckDB file: its rows, its columns with DuckDB's types, its logical key and references."""

    rows: int
    columns: Mapping[str, str]
    required: tuple[str, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...]


@dataclass(frozen=True)
class Description:
    """What is known of the DuckDB file without opening it."""

    fingerprint: str
    tables: Mapping[str, TableDescription]


def write_description(description: Description, path: Path) -> None:
    """Write it beside the DuckDB file."""
    path.write_text(json.dumps(asdict(description), indent=2) + "\n", encoding="utf-8")


def read_published_description(path: Path) -> Description:
    """Read what publishing wrote.

    Raises:
        AtlasError: there is none, or it is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        tables = {name: _table(table) for name, table in content["tables"].items()}
        return Description(content["fingerprint"], tables)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AtlasError(f"{path} cannot be read ({error}); publish again: atlas publish ATLAS SITE") from error


def _table(content: Mapping[str, object]) -> TableDescription:
    table = TableDescription(**content)  # type: ignore[arg-type]
    references = tuple(Reference(**each) for each in content["references"])  # type: ignore[attr-defined]
    return TableDescription(table.rows, table.columns, tuple(table.required), tuple(table.key), references)


log = logging.getLogger(__name__)

TARGET = "snapshot"
SLICE_ROWS = 1 << 20
"""Activations that are turned round at a time, and one window more."""

FIRING_SLICES = """
    WITH size AS (
        SELECT sae, context, COUNT(*) AS rows
        FROM activation
        GROUP BY sae, context
    ),
    reached AS (
        SELECT sae, context, SUM(rows) OVER (PARTITION BY sae ORDER BY context) // ? AS slice
        FROM size
    )
    SELECT sae, MIN(context), MAX(context)
    FROM reached
    GROUP BY sae, slice
    ORDER BY sae, slice
"""
FIRING_ROWS = f"""
    INSERT INTO {TARGET}.main.{FIRING}
    SELECT sae, context, position, LIST(feature ORDER BY feature)
    FROM activation
    WHERE sae = ? AND context BETWEEN ? AND ?
    GROUP BY sae, context, position
    ORDER BY context, position
"""
TYPES = f"""
    SELECT table_name, column_name, data_type
    FROM duckdb_columns()
    WHERE database_name = '{TARGET}' AND schema_name = 'main'
    ORDER BY table_name, column_index
"""


def write_activations(atlas: Atlas, folder: Path, fingerprint: str) -> dict[str, int]:
    """Write the DuckDB file and its description into a snapshot's folder; return each table's number of rows.

    Raises:
        AtlasError: the file cannot be written.
    """
    tables = published_tables().tables
    try:
        with attached(atlas.duckdb, folder / ACTIVATIONS_FILE):
            rows = {name: _write_table(atlas.duckdb, tables[name]) for name in sorted(set(tables) - {FIRING})}
            rows[FIRING] = write_firing(atlas.duckdb)
            _write_comments(atlas.duckdb, tables.values())
            types = _types(atlas.duckdb)
    except duckdb.IOException as error:
        raise AtlasError(f"{folder / ACTIVATIONS_FILE} cannot be written: {str(error).splitlines()[0]}") from error
    described = {name: _described(tables[name], count, types[name]) for name, count in rows.items()}
    write_description(Description(fingerprint, described), folder / DESCRIPTION)
    return rows


@contextmanager
def attached(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[None]:
    """A new database beside the atlas, filled in one transaction: each of hundreds would wait for the disk.

    When it is let go, all of it is in the one file.
    """
    name = str(path).replace("'", "''")
    connection.execute(f"ATTACH '{name}' AS {TARGET} (READ_WRITE)")
    try:
        connection.begin()
        yield
        connection.commit()
        connection.execute(f"CHECKPOINT {TARGET}")
    except BaseException:
        with suppress(duckdb.Error):  # none is under way
            connection.rollback()
        raise
    finally:
        connection.execute(f"DETACH {TARGET}")


def _write_table(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    """Write a table's rows, sorted by its key; how many they are."""
    order = ", ".join(column.name for column in table.primary_key) or "ALL"
    ((rows,),) = connection.execute(
        f"CREATE TABLE {TARGET}.main.{table.name} AS SELECT {_expressions(table)} FROM {table.name} ORDER BY {order}"
    ).fetchall()
    log.info("%s: %d rows, sorted by %s", table.name, rows, order)
    return int(rows)


def write_firing(connection: duckdb.DuckDBPyConnection, slice_rows: int = SLICE_ROWS) -> int:
    """Write which features fire on each token, some windows at a time: lists that grow do not spill; how many rows."""
    connection.execute(
        f"CREATE TABLE {TARGET}.main.{FIRING} (sae SMALLINT, context INTEGER, position SMALLINT, features INTEGER[])"
    )
    rows = 0
    for slice_ in connection.execute(FIRING_SLICES, [slice_rows]).fetchall():
        ((written,),) = connection.execute(FIRING_ROWS, slice_).fetchall()
        rows += int(written)
    log.info("%s: %d rows, sorted by sae, context, position", FIRING, rows)
    return rows


def _types(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """DuckDB's types of the columns of every table, asked for once: to list them takes longer than to write a table."""
    found: dict[str, dict[str, str]] = {}
    for table, column, type_ in connection.execute(TYPES).fetchall():
        found.setdefault(table, {})[column] = type_
    return found


def _described(table: Table, rows: int, types: Mapping[str, str]) -> TableDescription:
    required = tuple(column.name for column in table.columns if not column.nullable)
    key = tuple(column.name for column in table.primary_key)
    return TableDescription(rows, types, required, key, tuple(_references(table)))


def _expressions(table: Table) -> str:
    """The columns as they are, but for what pages cannot show: a NUL becomes visible."""
    expressions = []
    for column in schema_metadata.tables[table.name].columns:
        if isinstance(column.type, String):
            expressions.append(f"{sqlite_text_without_nul(column.name)} AS {column.name}")
        elif isinstance(column.type, JSON):
            expressions.append(f"CAST({sqlite_json_without_nul(column.name)} AS JSON) AS {column.name}")
        else:
            expressions.append(column.name)
    return ", ".join(expressions)


def _write_comments(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> None:
    said = [
        f"COMMENT ON {subject} IS {sql_quoted(comment)}" for table in tables for subject, comment in _comments(table)
    ]
    connection.execute(unoptimized(";".join(said)))


def _comments(table: Table) -> Iterator[tuple[str, str]]:
    """What is commented on, and how."""
    name = f"{TARGET}.main.{table.name}"
    if table.comment:
        yield f"TABLE {name}", table.comment
    for column in table.columns:
        if column.comment:
            yield f"COLUMN {name}.{column.name}", column.comment


def _references(table: Table) -> list[Reference]:
    return sorted(map(_reference, table.foreign_key_constraints), key=lambda reference: reference.columns)


def _reference(constraint: ForeignKeyConstraint) -> Reference:
    targets = tuple(element.column.name for element in constraint.elements)
    return Reference(tuple(constraint.column_keys), constraint.referred_table.name, targets)
