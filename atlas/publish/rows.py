"""Copying rows out of the atlas: DuckDB casts and sorts them, SQLite takes them in batches."""

import sqlite3
from collections.abc import Iterable
from typing import Any

import duckdb
from sqlalchemy import JSON, REAL, Boolean, Column, DateTime, String, Table

from atlas.publish.subsets import SUBSETS
from schema.tables import metadata as schema_metadata

BATCH_ROWS = 10_000
NUL_SHOWN = "␀"
"""What a NUL becomes: SQLite's functions end a text there, and HTML has no way to write it."""


def copy_rows(source: duckdb.DuckDBPyConnection, target: sqlite3.Connection, table: Table) -> int:
    """Copy the rows of a published table, in the order of its key; return how many.

    Memory holds one batch; the sort is DuckDB's, which spills to disk.
    """
    columns = schema_metadata.tables[table.name].columns
    expressions = ", ".join(expression(column) for column in columns)
    order = ", ".join(column.name for column in table.primary_key) or "ALL"
    rows = SUBSETS.get(table.name, f"FROM {table.name}")
    select = f"SELECT {expressions} FROM ({rows}) AS {table.name} ORDER BY {order}"
    return insert_rows(source.execute(select), target, table.name, [column.name for column in columns])


def expression(column: Column[Any]) -> str:
    """A column as SQLite stores it.

    A 32-bit float becomes the shortest decimal that names it (0.1, not 0.10000000149011612),
    a NUL character the visible ␀; sqlite3 itself writes NaN as NULL.
    """
    if isinstance(column.type, JSON):
        return json_without_nul(column.name)
    if isinstance(column.type, DateTime):
        return f"CAST({column.name} AS VARCHAR)"
    if isinstance(column.type, Boolean):
        return f"CAST({column.name} AS TINYINT)"
    if isinstance(column.type, REAL):
        return f"CAST(CAST({column.name} AS VARCHAR) AS DOUBLE)"
    if isinstance(column.type, String):
        return without_nul(column.name)
    return str(column.name)


def without_nul(text: str) -> str:
    """SQL for a text in which NUL is visible."""
    return f"replace({text}, chr(0), '{NUL_SHOWN}')"


def json_without_nul(column: str) -> str:
    r"""SQL for the text of a JSON column in which NUL is visible.

    JSON spells it `\u0000`, which a backslash before it makes another text; chr(1) cannot stand in JSON, so it keeps
    the place of two backslashes.
    """
    hidden = rf"replace(CAST({column} AS VARCHAR), '\\', chr(1))"
    return rf"replace(replace({hidden}, '\u0000', '{NUL_SHOWN}'), chr(1), '\\')"


def insert_rows(rows: duckdb.DuckDBPyConnection, target: sqlite3.Connection, table: str, columns: Iterable[str]) -> int:
    """Move a DuckDB result into a SQLite table, a batch at a time; return how many rows."""
    names = list(columns)
    insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    count = 0
    while batch := rows.fetchmany(BATCH_ROWS):
        target.executemany(insert, batch)
        count += len(batch)
    return count
