"""Atlas files as earlier versions wrote them, with rows."""

from pathlib import Path

import duckdb
from sqlalchemy import URL, create_engine

from schema.migrations import MIGRATIONS


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
            file.execute(f"INSERT INTO {name} BY NAME FROM newer.{name} {which}")
