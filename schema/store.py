"""Opening an atlas file, and moving rows in and out of it in bulk."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

import duckdb
import pyarrow as pa
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from schema import locking, methods, migrations
from schema.atlas_file import check_path, file_error
from schema.file_names import is_utf8
from schema.finite_numbers import finite_advice
from schema.gate import changing
from schema.memory import GrowingFile, Settings, duckdb_settings
from schema.spill import Spill, limit_connection_and_spill, spill_setting, take_spill
from schema.transactions import Transaction, change_gate, duckdb_behind, duckdb_inside

log = logging.getLogger(__name__)

QUIET: Settings = {"enable_progress_bar": "false"}
"""Where Python runs without a file, DuckDB would draw on stdout, where results go."""

_open_to_write: WeakSet[Any] = WeakSet()


@dataclass(frozen=True)
class Atlas:
    """An open atlas file: one DuckDB database behind one SQLAlchemy connection.

    address: of the folder that its tables are views of, where it is no file.
    """

    path: Path
    engine: Engine
    connection: Connection
    read_only: bool = False
    lock: locking.Lock | None = None
    spill: Spill | None = None
    file: GrowingFile | None = None
    before_close: list[Callable[[], object]] = field(default_factory=list)
    address: str | None = None

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
        for held in (self.spill, self.lock):
            if held:
                held.release()

    @property
    def duckdb(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection behind the SQLAlchemy one, in the same transaction."""
        return duckdb_behind(self.connection)

    def transaction(self) -> AbstractContextManager[Connection]:
        """Everything inside happens, or nothing does.

        Raises:
            AtlasFileError: the disk is full.
        """
        if self.file:
            self.file.make_room(self.duckdb)
        return Transaction(self.connection, self.path, read_only=self.read_only)

    def next_key(self, table: Table) -> int:
        """The first unused value of the table's own key; a rollback takes it back."""
        return int(self.rows(f"SELECT COALESCE(CAST(MAX({table.name}) AS BIGINT) + 1, 0) FROM {table.name}")[0][0])

    def append(self, table: Table, rows: pa.Table) -> None:
        """Append Arrow rows to a table; columns are matched by name."""
        with self.registered(incoming=rows):
            self.rows(f"INSERT INTO {table.name} BY NAME SELECT * FROM incoming")

    @contextmanager
    def registered(self, **views: pa.Table) -> Iterator[None]:
        """Inside, each Arrow table can be read in SQL by its name; what it holds is free afterwards."""
        lent = {name: _Lent(rows) for name, rows in views.items()}
        self.duckdb.complete()
        for name, rows in lent.items():
            self.duckdb.register(name, rows)
        try:
            yield
        except BaseException:
            # of a transaction that has failed, or of a file that is closed: not in the place of what made it fail
            with suppress(duckdb.Error, SQLAlchemyError):
                self._unregister(views)
            raise
        finally:
            for rows in lent.values():
                rows.take_back()
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


class _Lent:
    """Arrow rows that can be taken back: DuckDB keeps what is registered in a transaction until that ends."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows

    def take_back(self) -> None:
        """Hold no row any more."""
        self._rows = self._rows.schema.empty_table()

    def __arrow_c_schema__(self) -> object:
        return self._rows.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._rows.__arrow_c_stream__(requested_schema)


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
    return locking.wait_while_in_use(lambda: _open_now(path, create=create, read_only=read_only))


def interrupt_open_atlases() -> None:
    """Stop the statement under way on every atlas that this process writes; also from another thread."""
    for wrapper in tuple(_open_to_write):
        with suppress(duckdb.Error):  # it is closed
            duckdb_inside(wrapper).interrupt()


def _open_now(path: Path, *, create: bool, read_only: bool) -> Atlas:
    settings = duckdb_settings(path)
    with ExitStack() as undone:
        lock = None if read_only else locking.acquire_lock(path)
        if lock:
            undone.callback(lock.release)
        with change_gate(path, read_only=read_only):
            spill = take_spill(path)
            if spill:
                undone.callback(spill.release)
            engine = _engine(path, QUIET | settings | spill_setting(spill), read_only=read_only)
            atlas = _opened(path, engine, create=create, read_only=read_only)
        undone.pop_all()
    return replace(atlas, lock=lock, spill=spill, file=None if read_only else GrowingFile(path))


def _engine(path: Path, settings: Settings, *, read_only: bool) -> Engine:
    named = _named_for_duckdb(path)
    url = URL.create("duckdb", database=str(named))  # in a string, ? and % of a file name would mean something
    engine = create_engine(url, connect_args={"read_only": read_only}, poolclass=StaticPool)
    event.listen(engine, "connect", lambda connection, _: limit_connection_and_spill(connection, settings))
    event.listen(engine, "connect", _distrust_memory)
    if not read_only:
        event.listen(engine, "connect", _open_to_write_now)
    return engine


def _named_for_duckdb(path: Path) -> Path:
    """The file itself, since DuckDB lays its log beside the name it is given; a link, where a log lies beside that.

    And what is named from within a folder whose name DuckDB cannot read.
    """
    log_beside_link = path.is_symlink() and Path(f"{path}.wal").exists()
    file = Path(os.path.realpath(path))
    return path if log_beside_link or not is_utf8(file) else file


def _opened(path: Path, engine: Engine, *, create: bool, read_only: bool) -> Atlas:
    if create and path.exists() and not path.stat().st_size:
        path.resolve().unlink()  # DuckDB takes no empty file for a new one; a link goes on naming it
    try:
        connection = engine.connect()
    except (SQLAlchemyError, duckdb.Error) as error:
        engine.dispose()
        raise file_error(path, error) from error
    atlas = Atlas(path, engine, connection, read_only)
    try:
        migrated = migrations.migrate(connection, path, read_only=read_only)
        methods.take_out_outdated_rows(atlas, kept=migrated)
    except BaseException:
        connection.close()
        engine.dispose()
        raise
    if migrated and (wrong := finite_advice(atlas.rows, atlas.path)):
        log.warning(wrong)
    return atlas


def _distrust_memory(connection: Any, record: object) -> None:
    """Until `Atlas.close` knows better: DuckDB writes what it has in memory when it closes a file, right or not."""
    connection.execute("PRAGMA disable_checkpoint_on_shutdown")


def _open_to_write_now(connection: Any, record: object) -> None:
    _open_to_write.add(connection)
