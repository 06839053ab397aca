"""The DuckDB file of a snapshot: every table of the atlas, its rows in the order in which they are read.

Sorted by (sae, feature, context, position), the rows of one feature lie together: reading them
takes milliseconds in a file of any length, without the index that would cost five times its size.
The live file is never copied: DuckDB would lose its lock, and the copy its order.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from sqlalchemy import JSON, ForeignKeyConstraint, String, Table

from atlas.publish.rows import json_without_nul, without_nul
from atlas.publish.tables import every_table
from atlas.site.duckdb.shadow import DESCRIPTION, FILE, Description, Reference, TableDescription, write_description
from schema import Atlas, AtlasError
from schema.tables import metadata as schema_metadata

log = logging.getLogger(__name__)

TARGET = "snapshot"
TYPES = """
    SELECT column_name, data_type
    FROM duckdb_columns()
    WHERE database_name = $database AND schema_name = 'main' AND table_name = $table
    ORDER BY column_index
"""


def write_activations(atlas: Atlas, folder: Path, fingerprint: str) -> dict[str, int]:
    """Write the DuckDB file and its description into a snapshot's folder; return each table's number of rows.

    Raises:
        AtlasError: the file cannot be written.
    """
    tables = every_table().tables
    try:
        with _attached(atlas.duckdb, folder / FILE):
            described = {name: _write_table(atlas.duckdb, tables[name]) for name in sorted(tables)}
    except duckdb.IOException as error:
        raise AtlasError(f"{folder / FILE} cannot be written: {str(error).splitlines()[0]}") from error
    write_description(Description(fingerprint, described), folder / DESCRIPTION)
    return {name: table.rows for name, table in described.items()}


@contextmanager
def _attached(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[None]:
    """A new database beside the atlas; when it is let go, all of it is in the one file."""
    name = str(path).replace("'", "''")
    connection.execute(f"ATTACH '{name}' AS {TARGET} (READ_WRITE)")
    try:
        yield
        connection.execute(f"CHECKPOINT {TARGET}")
    finally:
        connection.execute(f"DETACH {TARGET}")


def _write_table(connection: duckdb.DuckDBPyConnection, table: Table) -> TableDescription:
    key = tuple(column.name for column in table.primary_key)
    order = ", ".join(key) or "ALL"
    connection.execute(
        f"CREATE TABLE {TARGET}.main.{table.name} AS SELECT {_expressions(table)} FROM {table.name} ORDER BY {order}"
    )
    _comment(connection, f"TABLE {TARGET}.main.{table.name}", table.comment)
    for column in table.columns:
        _comment(connection, f"COLUMN {TARGET}.main.{table.name}.{column.name}", column.comment)
    rows = connection.execute(f"SELECT count(*) FROM {TARGET}.main.{table.name}").fetchall()[0][0]
    log.info("%s: %d rows, sorted by %s", table.name, rows, order)
    types = connection.execute(TYPES, {"database": TARGET, "table": table.name}).fetchall()
    required = tuple(column.name for column in table.columns if not column.nullable)
    return TableDescription(int(rows), dict(types), required, key, tuple(_references(table)))


def _expressions(table: Table) -> str:
    """The columns as they are, but for what pages cannot show: a NUL becomes visible."""
    expressions = []
    for column in schema_metadata.tables[table.name].columns:
        if isinstance(column.type, String):
            expressions.append(f"{without_nul(column.name)} AS {column.name}")
        elif isinstance(column.type, JSON):
            expressions.append(f"CAST({json_without_nul(column.name)} AS JSON) AS {column.name}")
        else:
            expressions.append(column.name)
    return ", ".join(expressions)


def _comment(connection: duckdb.DuckDBPyConnection, subject: str, comment: str | None) -> None:
    if comment:
        text = comment.replace("'", "''")
        connection.execute(f"COMMENT ON {subject} IS '{text}'")


def _references(table: Table) -> list[Reference]:
    return sorted(map(_reference, table.foreign_key_constraints), key=lambda reference: reference.columns)


def _reference(constraint: ForeignKeyConstraint) -> Reference:
    targets = tuple(element.column.name for element in constraint.elements)
    return Reference(tuple(constraint.column_keys), constraint.referred_table.name, targets)
