"""Opening an atlas file, and moving rows in and out of it in bulk."""

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

import duckdb
import pyarrow as pa
from sqlalchemy import URL, Connection, Engine, RootTransaction, Table, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from schema import locking, migrations
from schema.errors import AtlasDamagedError, AtlasFileError, AtlasLockedError, AtlasMissingError
from schema.file_names import is_utf8, shown
from schema.finite import advice
from schema.gate import changing

log = logging.getLogger(__name__)

MAGIC = b"DUCK"
MAGIC_OFFSET = 8
_open_to_write: WeakSet[Any] = WeakSet()

stopped_by: list[str] = []
"""Why this process was told to stop; DuckDB loses what a signal's handler raises inside a statement."""

UNWRITTEN = re.compile(r"Could not write .*: ([^:]+)$")
"""What DuckDB says where the disk is full."""


@dataclass(frozen=True)
class Atlas:
    """An open atlas file: one DuckDB database behind one SQLAlchemy connection."""

    path: Path
    engine: Engine
    connection: Connection
    read_only: bool = False
    lock: locking.Lock | None = None
    before_close: list[Callable[[], object]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file, after what is to be done before; what is not committed is rolled back."""
        try:
            while self.before_close:
                self.before_close.pop()()
        finally:
            self._release()

    def _release(self) -> None:
        with ExitStack() as stack:
            if not self.read_only:
                with suppress(OSError):  # without a lock file it is closed all the same
                    stack.enter_context(changing(self.path))
                with suppress(duckdb.Error, SQLAlchemyError):
                    self.rows("PRAGMA enable_checkpoint_on_shutdown")
            self.connection.close()
            self.engine.dispose()
        if self.lock:
            self.lock.release()

    @property
    def duckdb(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection behind the SQLAlchemy one, in the same transaction."""
        return _behind(self.connection)

    def transaction(self) -> AbstractContextManager[Connection]:
        """Everything inside happens, or nothing does.

        Raises:
            AtlasFileError: the disk is full.
        """
        return _Transaction(self)

    def next_key(self, table: Table) -> int:
        """The first unused value of the table's own key; a rollback takes it back."""
        return int(self.rows(f"SELECT COALESCE(CAST(MAX({table.name}) AS BIGINT) + 1, 0) FROM {table.name}")[0][0])

    def append(self, table: Table, rows: pa.Table) -> None:
        """Append Arrow rows to a table; columns are matched by name."""
        with self.registered(incoming=rows):
            self.rows(f"INSERT INTO {table.name} BY NAME SELECT * FROM incoming")

    @contextmanager
    def registered(self, **views: pa.Table) -> Iterator[None]:
        """Inside, each Arrow table can be read in SQL by its name."""
        self.duckdb.complete()
        for name, rows in views.items():
            self.duckdb.register(name, rows)
        try:
            yield
        except BaseException:
            # of a transaction that has failed, or of a file that is closed: not in the place of what made it fail
            with suppress(duckdb.Error, SQLAlchemyError):
                self._unregister(views)
            raise
        self._unregister(views)

    def _unregister(self, names: Iterable[str]) -> None:
        self.duckdb.complete()
        for name in names:
            self.duckdb.unregister(name)

    def rows(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement to its end on the DuckDB connection; its rows."""
        return self.duckdb.execute(sql, parameters).fetchall()

    def arrow(self, sql: str, parameters: Any = None) -> pa.Table:
        """The rows of a SELECT as an Arrow table."""
        return self.duckdb.sql(sql, params=parameters).to_arrow_table()


class _Transaction:
    """One transaction, at its gate. Nothing ends it but its own end, or the next one where a signal came in between."""

    def __init__(self, atlas: Atlas) -> None:
        self.atlas = atlas
        self.gate = _gate(atlas.path, read_only=atlas.read_only)
        self.begun: RootTransaction

    def __enter__(self) -> Connection:
        self.gate.__enter__()
        try:
            if stopped_by:
                self._end_abandoned()
            self.begun = self.atlas.connection.begin()
        except BaseException:
            self.gate.__exit__(None, None, None)
            raise
        return self.atlas.connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.begun.__exit__(kind, error, trace)
        except (DBAPIError, duckdb.Error) as failed:
            if error is None:  # keys of its rows stay in DuckDB's memory: the next use opens the file anew
                self.atlas.connection.invalidate()
            self._tell_unwritten(failed)
            raise
        finally:
            self.gate.__exit__(None, None, None)
        self._tell_unwritten(error)

    def _tell_unwritten(self, error: BaseException | None) -> None:
        if isinstance(error, DBAPIError | duckdb.Error) and (unwritten := UNWRITTEN.search(_cause(error))):
            raise AtlasFileError(
                f"{self.atlas.path} cannot be written: {unwritten[1]}; what was stored before stays: "
                "make room, and run the same command again"
            ) from error

    def _end_abandoned(self) -> None:
        """A signal's exception may have come between the beginning of a transaction and what was to be done in it."""
        with suppress(SQLAlchemyError, duckdb.Error):
            self.atlas.connection.rollback()
        with suppress(SQLAlchemyError, duckdb.Error):
            self.atlas.rows("ROLLBACK")


def open_atlas(path: str | Path, *, create: bool = False, read_only: bool = False) -> Atlas:
    """Open an atlas file, migrating it to this version's schema unless it is read-only.

    One writer at a time: `schema.locking` says how others are told, and how long they are waited for.

    Raises:
        AtlasMissingError: there is no such file and `create` is false.
        AtlasLockedError: another has it open.
        AtlasVersionError: it was written by a newer version.
        AtlasDamagedError: the file is no atlas, or is broken.
        AtlasFileError: it is a folder, or cannot be reached.
    """
    path = Path(path)
    check_path(path, create=create)
    return locking.patiently(lambda: _open_now(path, create=create, read_only=read_only))


def interrupt() -> None:
    """Stop the statement under way on every atlas that this process writes; also from another thread."""
    for wrapper in tuple(_open_to_write):
        with suppress(duckdb.Error):  # it is closed
            _inside(wrapper).interrupt()


def _behind(connection: Connection) -> duckdb.DuckDBPyConnection:
    return _inside(connection.connection.dbapi_connection)


def _inside(wrapper: Any) -> duckdb.DuckDBPyConnection:
    raw: duckdb.DuckDBPyConnection = wrapper._ConnectionWrapper__c
    return raw


def _open_now(path: Path, *, create: bool, read_only: bool) -> Atlas:
    lock = None if read_only else locking.acquire(path)
    try:
        with _gate(path, read_only=read_only):
            return _opened(path, lock, create=create, read_only=read_only)
    except BaseException:
        if lock:
            lock.release()
        raise


class _Gate(changing):
    """The same, with a line for whoever may not change the file."""

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


def _gate(path: Path, *, read_only: bool) -> AbstractContextManager[None]:
    """Inside, the file may be changed: nobody copies it; a read-only atlas needs none."""
    return nullcontext() if read_only else _Gate(path)


def _opened(path: Path, lock: locking.Lock | None, *, create: bool, read_only: bool) -> Atlas:
    if create and path.exists() and not path.stat().st_size:
        path.unlink()  # DuckDB takes no empty file for a new one
    url = URL.create("duckdb", database=str(path))  # in a string, ? and % of a file name would mean something
    engine = create_engine(url, connect_args={"read_only": read_only}, poolclass=StaticPool)
    event.listen(engine, "connect", _distrust_memory)
    if not read_only:
        event.listen(engine, "connect", _open_to_write_now)
    try:
        connection = engine.connect()
    except (SQLAlchemyError, duckdb.Error) as error:
        engine.dispose()
        raise _file_error(path, error) from error
    atlas = Atlas(path, engine, connection, read_only, lock)
    try:
        migrated = migrations.migrate(connection, path, read_only=read_only)
    except BaseException:
        connection.close()
        engine.dispose()
        raise
    if migrated and (wrong := advice(atlas)):
        log.warning(wrong)
    return atlas


def _distrust_memory(connection: Any, record: object) -> None:
    """Until `Atlas.close` knows better: DuckDB writes what it has in memory when it closes a file, right or not."""
    connection.execute("PRAGMA disable_checkpoint_on_shutdown")


def _open_to_write_now(connection: Any, record: object) -> None:
    _open_to_write.add(connection)


def check_path(path: Path, *, create: bool = False) -> None:
    """Look whether an atlas file can be there, without opening or making it.

    Raises:
        AtlasFileError: as `open_atlas` would, for what the path alone can tell.
    """
    if not is_utf8(path):
        raise AtlasFileError(f"{shown(path)}: its name is not UTF-8, as DuckDB needs it; rename it")
    try:
        _check_file(path, create=create)
    except OSError as error:
        raise AtlasFileError(f"{path} cannot be opened: {error.strerror}; check its name and permissions") from error


def _check_file(path: Path, *, create: bool) -> None:
    if path.is_dir():
        raise AtlasFileError(f"{path} is a folder; an atlas is a single file, such as atlas.duckdb")
    if not path.exists():
        if not create:
            raise AtlasMissingError(f"{path} does not exist; make it with: atlas ingest {path} bundled:medical")
        if not path.parent.is_dir():
            raise AtlasFileError(f"{path.parent} does not exist; make the folder first")
        if not os.access(path.parent, os.W_OK):
            raise AtlasFileError(f"{path} cannot be made: {path.parent} cannot be written to; choose another folder")
        return
    if not path.is_file():
        raise AtlasFileError(f"{path} is no regular file; name a file such as atlas.duckdb")
    if path.stat().st_size == 0:
        if not create:
            raise AtlasDamagedError(f"{path} is empty; delete it and ingest again")
        return
    with path.open("rb") as file:
        file.seek(MAGIC_OFFSET)
        if file.read(len(MAGIC)) != MAGIC:
            raise AtlasDamagedError(f"{path} is not an atlas: it is no DuckDB file")


def _file_error(path: Path, error: Exception) -> AtlasFileError:
    cause = _cause(error)
    if "Could not set lock" in cause:
        writer = locking.read_writer(path)
        if writer and re.search(rf"\bPID {writer.pid}\b", cause):
            return AtlasLockedError(locking.in_use(path, writer))
        return AtlasLockedError(f"{path} is open in another process; wait for it to end ({cause})")
    if "Corrupt database" in cause or "Could not read enough bytes" in cause:
        return AtlasDamagedError(f"{path} is broken; restore a copy, or delete it and ingest again ({cause})")
    return AtlasFileError(f"{path} cannot be opened: {cause}")


def _cause(error: Exception) -> str:
    """DuckDB's own words, on one line."""
    return str(error.orig if isinstance(error, DBAPIError) else error).splitlines()[0]
