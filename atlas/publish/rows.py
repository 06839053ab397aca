"""The rows of the SQLite copy: DuckDB casts and sorts them, SQLite takes them in batches.

Of the longest tables it has a bounded number of rows a feature. An atlas of GPT-2 holds millions of examples, and the
same sentence shows many features: with their text, all of them would be most of a snapshot. The DuckDB file has every
row. Rows are numbered in their order and ranked by the first number of their group: to rank them all by a window
function holds a block of memory for each of hundreds of partitions.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any

import duckdb
from sqlalchemy import JSON, REAL, Boolean, Column, DateTime, String, Table

from schema.tables import metadata as schema_metadata

TOP_TOKENS = 50
"""Tokens of each feature in each corpus: more than a page shows."""

STRONGEST_EXAMPLES, OTHER_EXAMPLES, EXAMPLE_CORPORA = 10, 5, 4
"""Windows of the corpus where a feature is strongest, of each following one, and of how many corpora. Beside them one
of each octave: some 35 of a feature, however many corpora there are."""

SUBSETS = {
    "feature_token": f"""
        WITH placed AS (
            SELECT *, row_number() OVER () AS place
            FROM (
                FROM feature_token
                ORDER BY sae, corpus, feature, active_tokens DESC, sum_activation DESC, token_id
            )
        ),
        first AS (
            SELECT sae, corpus, feature, min(place) AS place
            FROM placed
            GROUP BY ALL
        )
        SELECT placed.* EXCLUDE (place)
        FROM placed
        JOIN first USING (sae, corpus, feature)
        WHERE placed.place - first.place < {TOP_TOKENS}
    """,
    "feature_example": f"""
        SELECT e.*
        FROM feature_example AS e
        JOIN (
            SELECT
                sae,
                feature,
                corpus,
                row_number() OVER (PARTITION BY sae, feature ORDER BY activation DESC, corpus) AS place
            FROM feature_example
            WHERE sampling = 'top' AND rank = 1
        ) AS strongest USING (sae, feature, corpus)
        WHERE sampling = 'top'
            AND place <= {EXAMPLE_CORPORA}
            AND rank <= CASE place WHEN 1 THEN {STRONGEST_EXAMPLES} ELSE {OTHER_EXAMPLES} END
        UNION ALL
        SELECT e.*
        FROM feature_example AS e
        JOIN context USING (context)
        WHERE sampling = 'octave' AND rank = 1
        QUALIFY row_number() OVER (PARTITION BY sae, feature, octave ORDER BY content_hash, context) = 1
    """,
}
"""SQL of the rows that are copied."""


BATCH_ROWS = 10_000
NUL_SHOWN = "␀"
"""What a NUL becomes: SQLite's functions end a text there, and HTML has no way to write it."""


def copy_rows(source: duckdb.DuckDBPyConnection, target: sqlite3.Connection, table: Table) -> int:
    """Copy the rows of a published table, in the order of its key; return how many.

    Memory holds one batch; the sort is DuckDB's, which spills to disk.
    """
    columns = schema_metadata.tables[table.name].columns
    expressions = ", ".join(sqlite_column_value(column) for column in columns)
    order = ", ".join(column.name for column in table.primary_key) or "ALL"
    rows = SUBSETS.get(table.name, f"FROM {table.name}")
    select = f"SELECT {expressions} FROM ({rows}) AS {table.name} ORDER BY {order}"
    return insert_into_sqlite(source.execute(select), target, table.name, [column.name for column in columns])


def sqlite_column_value(column: Column[Any]) -> str:
    """A column as SQLite stores it.

    A 32-bit float becomes the shortest decimal that names it (0.1, not 0.10000000149011612),
    a NUL character the visible ␀; sqlite3 itself writes NaN as NULL.
    """
    if isinstance(column.type, JSON):
        return sqlite_json_without_nul(column.name)
    if isinstance(column.type, DateTime):
        return f"CAST({column.name} AS VARCHAR)"
    if isinstance(column.type, Boolean):
        return f"CAST({column.name} AS TINYINT)"
    if isinstance(column.type, REAL):
        return f"CAST(CAST({column.name} AS VARCHAR) AS DOUBLE)"
    if isinstance(column.type, String):
        return sqlite_text_without_nul(column.name)
    return str(column.name)


def sqlite_text_without_nul(text: str) -> str:
    """SQL for a text in which NUL is visible."""
    return f"replace({text}, chr(0), '{NUL_SHOWN}')"


def sqlite_json_without_nul(column: str) -> str:
    r"""SQL for the text of a JSON column in which NUL is visible.

    JSON spells it `\u0000`, which a backslash before it makes another text; chr(1) cannot stand in JSON, so it keeps
    the place of two backslashes.
    """
    hidden = rf"replace(CAST({column} AS VARCHAR), '\\', chr(1))"
    return rf"replace(replace({hidden}, '\u0000', '{NUL_SHOWN}'), chr(1), '\\')"


def insert_into_sqlite(
    rows: duckdb.DuckDBPyConnection, target: sqlite3.Connection, table: str, columns: Iterable[str]
) -> int:
    """Move a DuckDB result into a SQLite table, a batch at a time; return how many rows."""
    names = list(columns)
    insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    count = 0
    while batch := rows.fetchmany(BATCH_ROWS):
        target.executemany(insert, batch)
        count += len(batch)
    return count
