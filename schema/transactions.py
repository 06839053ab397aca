"""Transactions on an open atlas, each at its gate: nobody copies the file while one is under way."""

import re
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
from sqlalchemy import Connection, RootTransaction
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from schema.atlas_file import atlas_file_error_words
from schema.errors import AtlasFileError
from schema.gate import changing

stopped_by: list[str] = []
"""Why this process was told to stop; DuckDB loses what a signal's handler raises inside a statement."""

UNWRITTEN = re.compile(r"Could not write .*: ([^:]+)$")
"""What DuckDB says where the disk is full."""


class Transaction:
    """One transaction, at its gate. Nothing ends it but its own end, or the next one where a signal came in between."""

    def __init__(self, connection: Connection, path: Path, *, read_only: bool) -> None:
        self.connection, self.path = connection, path
        self.gate = change_gate(path, read_only=read_only)
        self.begun: RootTransaction

    def __enter__(self) -> Connection:
        self.gate.__enter__()
        try:
            if stopped_by:
                self._end_abandoned()
            self.begun = self.connection.begin()
        except BaseException:
            self.gate.__exit__(None, None, None)
            raise
        return self.connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.begun.__exit__(kind, error, trace)
        except (DBAPIError, duckdb.Error) as failed:
            if error is None:  # keys of its rows stay in DuckDB's memory: the next use opens the file anew
                self.connection.invalidate()
            self._tell_unwritten(failed)
            raise
        finally:
            self.gate.__exit__(None, None, None)
        self._tell_unwritten(error)

    def _tell_unwritten(self, error: BaseException | None) -> None:
        if isinstance(error, DBAPIError | duckdb.Error) and (
            unwritten := UNWRITTEN.search(atlas_file_error_words(error))
        ):
            raise AtlasFileError(
                f"{self.path} cannot be written: {unwritten[1]}; what was stored before stays: "
                "make room, and run the same command again"
            ) from error

    def _end_abandoned(self) -> None:
        """A signal's exception may have come between the beginning of a transaction and what was to be done in it."""
        with suppress(SQLAlchemyError, duckdb.Error):
            self.connection.rollback()
        with suppress(SQLAlchemyError, duckdb.Error):
            duckdb_behind(self.connection).execute("ROLLBACK")


class _Gate(changing):
    """A gate with a line for whoever may not change the file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.given = path

    def __enter__(self) -> None:
        try:
            super().__enter__()
        except OSError as error:
            raise AtlasFileError(
                f"{self.given} cannot be changed: {error.filename or self.given.parent}: {error.strerror}; "
                "see to its permissions and those of its folder, and run the same command again"
            ) from error


def change_gate(path: Path, *, read_only: bool) -> AbstractContextManager[None]:
    """Inside, the file may be changed: nobody copies it; a read-only atlas needs none."""
    return nullcontext() if read_only else _Gate(path)


def duckdb_behind(connection: Connection) -> duckdb.DuckDBPyConnection:
    """The DuckDB connection behind a SQLAlchemy one."""
    return duckdb_inside(connection.connection.dbapi_connection)


def duckdb_inside(wrapper: Any) -> duckdb.DuckDBPyConnection:
    """The DuckDB connection inside duckdb_engine's wrapper."""
    raw: duckdb.DuckDBPyConnection = wrapper._ConnectionWrapper__c
    return raw
