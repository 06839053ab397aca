"""Append-only migrations: each module `mNNN_name` brings a file from version NNN - 1 to NNN.

A migration is frozen once released: it holds its own SQL and never reads
`schema.tables`. A test compares what all of them give with `schema.tables`.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from schema.errors import AtlasDamagedError, AtlasVersionError
from schema.migrations import m001_create_tables


class Migration(Protocol):
    """What a migration module offers."""

    __name__: str

    def apply(self, connection: Connection) -> None:
        """Change the file; runs inside a transaction."""


MIGRATIONS: tuple[Migration, ...] = (m001_create_tables,)
VERSION = len(MIGRATIONS)
CONTENT = """
    SELECT table_name || '.' || column_name
    FROM duckdb_columns()
    WHERE NOT internal
"""


def migrate(connection: Connection, path: Path, *, read_only: bool) -> None:
    """Bring the file to this version, each migration in a transaction of its own.

    Raises:
        AtlasVersionError: the file is newer than this version, or older and read-only.
        AtlasDamagedError: the file holds tables, but none of an atlas.
    """
    current = file_version(connection, path)
    if current > VERSION:
        raise AtlasVersionError(
            f"{path} has schema version {current}, this program knows {VERSION}: upgrade feature-atlas"
        )
    if current == VERSION:
        return
    if read_only:
        raise AtlasVersionError(
            f"{path} has schema version {current}, this program reads {VERSION}; "
            f"bring it up: atlas verify --migrate {path}"
        )
    for number, migration in enumerate(MIGRATIONS[current:], start=current + 1):
        with connection.begin():
            migration.apply(connection)
            name = migration.__name__.rpartition(".")[2]
            row = (number, name, datetime.now(UTC).replace(tzinfo=None))
            connection.exec_driver_sql("INSERT INTO migration VALUES (?, ?, ?)", row)


def file_version(connection: Connection, path: Path) -> int:
    """The number of the last migration applied to the open file; 0 for a new one."""
    with connection.begin():
        found = connection.exec_driver_sql(CONTENT).scalars().all()
        if "migration.applied_at" in found:
            return int(connection.exec_driver_sql("SELECT coalesce(max(migration), 0) FROM migration").scalar_one())
    if found:
        raise AtlasDamagedError(f"{path} is a DuckDB file but no atlas; choose another name")
    return 0


__all__ = ["MIGRATIONS", "VERSION", "Migration", "file_version", "migrate"]
