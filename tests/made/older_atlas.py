"""An atlas as an older version of the program left it: its tables, made once a process, with rows of one of today."""

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine

from schema.migrations import MIGRATIONS
from tests.temporary_files import small_blocks

COLUMNS = "SELECT table_name, list(column_name) FROM duckdb_columns() WHERE database_name = '{}' GROUP BY ALL"
FILLED = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'today' AND estimated_size > 0"
Values = Mapping[str, Mapping[str, str]]
"""Expressions by column, by table."""
MADE_UP: Values = {
    "document": {"split": "'discovery'"},
    "feature_corpus": {
        "sum_1": "active_tokens * mean_active",
        **dict.fromkeys(("sum_2", "sum_3", "sum_4"), "1e300"),
        **dict.fromkeys(("mean", "std", "skewness", "kurtosis", "std_active"), "-1.0"),
    },
}
"""Values of columns that were there, by their table: those that follow from cancelled sums are wrong."""


def build_older_atlas(today: Path, path: Path, version: int, made_up: Values = MADE_UP) -> None:
    """Write the rows of an atlas of today as a file of an older version, as far as that had a place for them."""
    path.write_bytes(_empty(version))
    engine = _engine(path)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ATTACH '{today}' AS today (READ_ONLY)")
        old, new = _columns(connection, path.stem), _columns(connection, "today")
        filled = {name for (name,) in connection.exec_driver_sql(FILLED)} - {"migration", "method_revision"}
        for table in _tables(connection, path.stem):
            if table in filled:
                kept = {name: name for name in set(old[table]) & set(new[table])}
                values = kept | {name: value for name, value in made_up.get(table, {}).items() if name in old[table]}
                chosen = ", ".join(f"{value} AS {name}" for name, value in values.items())
                connection.exec_driver_sql(f"INSERT INTO {table} BY NAME SELECT {chosen} FROM today.{table}")
                connection.commit()
    engine.dispose()


@cache
def _empty(version: int) -> bytes:
    """A file of that version without a row."""
    with tempfile.TemporaryDirectory() as folder:
        path = small_blocks(Path(folder) / "older.duckdb")
        engine = _engine(path)
        with engine.connect() as connection:
            for number, migration in enumerate(MIGRATIONS[:version], start=1):
                with connection.begin():
                    migration.apply(connection)
                    connection.exec_driver_sql(
                        "INSERT INTO migration VALUES (?, ?, current_timestamp)", (number, migration.name)
                    )
        engine.dispose()
        return path.read_bytes()


def _engine(path: Path) -> Engine:
    return create_engine(URL.create("duckdb", database=str(path)))


def _columns(connection: Connection, database: str) -> dict[str, list[str]]:
    """The columns of each table."""
    return {str(table): columns for table, columns in connection.exec_driver_sql(COLUMNS.format(database))}


def _tables(connection: Connection, database: str) -> list[str]:
    """The tables of the older file, those that others refer to first."""
    sql = f"""
        SELECT table_name
        FROM duckdb_tables()
        WHERE database_name = '{database}'
        ORDER BY array_position(['ingest_run', 'model', 'tokenization', 'sae'], table_name) NULLS LAST, table_oid
    """
    return [name for (name,) in connection.exec_driver_sql(sql)]
