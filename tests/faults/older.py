"""Atlas files as earlier versions wrote them, with rows."""

from pathlib import Path

import duckdb
from sqlalchemy import URL, create_engine

from schema.migrations import MIGRATIONS

COLUMNS_OF_BOTH = """
    SELECT string_agg(column_name, ', ')
    FROM (
      SELECT column_name
      FROM duckdb_columns()
      WHERE table_name = ?
      GROUP BY ALL
      HAVING COUNT(DISTINCT database_name) = 2
    )
"""
GONE = {"document": ", 'discovery' AS split"}
"""Columns that no newer version has, and what an older one may have held."""


def make_older(newer: Path, path: Path, version: int = 1) -> None:
    """Write a file of an older version that holds the rows of a newer one, as far as it has tables for them."""
    engine = create_engine(URL.create("duckdb", database=str(path)))
    with engine.connect() as connection:
        for migration in MIGRATIONS[:version]:
            with connection.begin():
                migration.apply(connection)
    engine.dispose()
    with duckdb.connect(str(path)) as file:
        own = [name for (name,) in file.execute("SELECT table_name FROM duckdb_tables() ORDER BY table_oid").fetchall()]
        file.execute(f"ATTACH '{newer}' AS newer (READ_ONLY)")
        for name in own:
            which = f"WHERE migration <= {version}" if name == "migration" else ""
            both = file.execute(COLUMNS_OF_BOTH, [name]).fetchall()[0][0]
            file.execute(f"INSERT INTO {name} BY NAME SELECT {both}{GONE.get(name, '')} FROM newer.{name} {which}")
