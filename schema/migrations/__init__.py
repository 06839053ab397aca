"""Append-only migrations: each step `mNNN_name.sql` brings a file from version NNN - 1 to NNN.

A migration is frozen once released: it holds its own SQL and never reads `schema.tables`. A test compares what all of
them give with `schema.tables`. A file that holds anything is copied beside itself before it is migrated; a new one
is made as `schema.tables` declares, at once.
"""

import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import duckdb
from sqlalchemy import Connection

from schema.copying import Run, copying_statement_runner, keep_beside
from schema.ddl import schema_script
from schema.errors import AtlasDamagedError, AtlasVersionError
from schema.migrations import m004_sae_identity
from schema.statements import sql_file, unoptimized

PREPARATIONS: Mapping[str, Callable[[Connection], None]] = {"m004_sae_identity": m004_sae_identity.prepare}
"""What the SQL of a step cannot say, done before it."""

_FILE = re.compile(r"(m\d{3}_\w+)\.sql")


@dataclass(frozen=True)
class Migration:
    """The step to a version; its name says which."""

    name: str

    def apply(self, connection: Connection) -> None:
        """Change the file; runs inside a transaction."""
        if self.name in PREPARATIONS:
            PREPARATIONS[self.name](connection)
        connection.exec_driver_sql(sql_file("schema.migrations", self.name))


def _found() -> tuple[Migration, ...]:
    names = (_FILE.fullmatch(file.name) for file in files("schema.migrations").iterdir())
    return tuple(Migration(name) for name in sorted(match[1] for match in names if match))


MIGRATIONS = _found()
VERSION = len(MIGRATIONS)


log = logging.getLogger(__name__)


NEWEST = "SELECT coalesce(max(migration), 0), any_value(applied_at) FROM migration"
CONTENT = "SELECT table_name FROM duckdb_columns() WHERE NOT internal LIMIT 1"


def migrate(connection: Connection, path: Path, *, read_only: bool) -> bool:
    """Bring the file to this version, each migration in a transaction of its own; whether there was anything to lose.

    A new file is made as this version declares. One of an older version is first copied to `NAME.vN.duckdb` beside it.

    Raises:
        AtlasVersionError: the file is newer than this version, or older and read-only.
        AtlasDamagedError: the file holds tables, but none of an atlas.
        AtlasFileError: the copy cannot be made; the file is as it was.
    """
    run = copying_statement_runner(connection)
    current = migration_version(run, path)
    if current > VERSION:
        raise AtlasVersionError(
            f"{path} has schema version {current}, this program knows {VERSION}: upgrade feature-atlas"
        )
    if current == VERSION:
        return False
    if read_only:
        raise AtlasVersionError(
            f"{path} has schema version {current}, this program reads {VERSION}; "
            f"bring it up: atlas verify --migrate {path}"
        )
    if not current:
        _create(connection)
        return False
    held = _holds_rows(run)
    if held:
        refusal = f"{path} has schema version {current}, and cannot be brought to {VERSION}"
        copy = keep_beside(run, path.resolve(), current, refusal)
        log.warning("%s had schema version %d and is brought to %d; as it was: %s", path, current, VERSION, copy)
    for number, migration in enumerate(MIGRATIONS[current:], start=current + 1):
        with connection.begin():
            migration.apply(connection)
            _record(connection, number, migration)
    return held


def _create(connection: Connection) -> None:
    """Make every table of a new file, as if all migrations had been applied to it; whole, or not at all."""
    with connection.begin():
        connection.exec_driver_sql(unoptimized(schema_script()))
        for number, migration in enumerate(MIGRATIONS, start=1):
            _record(connection, number, migration)


def _record(connection: Connection, number: int, migration: Migration) -> None:
    row = (number, migration.name, datetime.now(UTC).replace(tzinfo=None))
    connection.exec_driver_sql("INSERT INTO migration VALUES (?, ?, ?)", row)


def migration_version(run: Run, path: Path) -> int:
    """The number of the last migration applied to the open file; 0 for a new one.

    Raises:
        AtlasDamagedError: the file holds tables, but none of an atlas.
    """
    with suppress(duckdb.CatalogException, duckdb.BinderException):  # there is no such table
        return int(run(NEWEST)[0][0])
    if run(CONTENT):
        raise AtlasDamagedError(f"{path} is a DuckDB file but no atlas; choose another name")
    return 0


def _holds_rows(run: Run) -> bool:
    """Whether there is anything to lose: a file whose making was cut short between two migrations holds nothing."""
    names = run("SELECT table_name FROM duckdb_tables() WHERE NOT internal AND table_name <> 'migration'")
    return any(run(f"SELECT 1 FROM {name} LIMIT 1") for (name,) in names)


__all__ = ["MIGRATIONS", "VERSION", "Migration", "migrate", "migration_version"]
