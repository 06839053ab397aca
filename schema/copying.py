"""New database files: written beside the place they are for, made durable, and only then named.

Killed at any moment, what stood at that place stands there still, or the new file does, whole.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from schema.errors import AtlasFileError
from schema.gate import locked


def make_durable(path: Path) -> None:
    """Make a file or folder durable: a name must not reach the disk before what it names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


Run = Callable[[str], list[tuple[Any, ...]]]
"""Runs a statement to its end on a connection; its rows."""

NEW = "new_file"
"""The name under which a file is attached while it is filled."""


@contextmanager
def draft_file(place: Path) -> Iterator[Path]:
    """A path at which to write what shall stand at the place; unless it is put there, nothing of it stays.

    One process at a time writes for a place; what a killed one left is cleared away.

    Raises:
        OSError: the folder cannot be written to, or what another user's process left cannot be cleared away.
    """
    folder = place.with_name(f".{place.name}.unfinished")
    with locked(folder.with_suffix(".lock")):
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder)
        try:
            yield folder / place.name
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path) -> None:
    try:
        folder.mkdir()
    except FileExistsError as error:
        reason = f"{folder} is in the way, and cannot be cleared away by this user: delete it"
        raise PermissionError(errno.EACCES, reason) from error


def move_into_place(draft: Path, place: Path, *, replace: bool = False) -> None:
    """Give a finished draft its name: it is on disk before, and the name after.

    Raises:
        FileExistsError: there is a file, and `replace` is false.
        OSError: the disk is full, or the folder cannot be written to.
    """
    if draft.with_name(f"{draft.name}.wal").exists():  # which DuckDB says nothing of when it closes a file
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    make_durable(draft)
    if replace:
        draft.replace(place)
    else:
        _name_only_if_free(draft, place)
    make_durable(place.parent)


def _name_only_if_free(draft: Path, place: Path) -> None:
    try:
        os.link(draft, place)  # which, unlike a renaming, never takes the place of another file
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if place.exists():
            raise FileExistsError(place) from None
        draft.rename(place)


def copy_database(run: Run, source: str, draft: Path) -> None:
    """Copy an attached database into a new file, row by row: tables, keys, checks, comments, and rows in their order.

    The new file has blocks of the same size.

    Raises:
        AtlasFileError: the copy is not equal to what it was made from.
    """
    ((block,),) = run(f"SELECT block_size FROM pragma_database_size() WHERE database_name = {sql_quoted(source)}")
    run(f"ATTACH {sql_quoted(str(draft))} AS {NEW} (BLOCK_SIZE {block})")
    try:
        run(f'COPY FROM DATABASE "{source}" TO {NEW}')
        differing = [name for name in _tables(run, source) if _content(run, source, name) != _content(run, NEW, name)]
        if differing or _declared(run, source) != _declared(run, NEW):
            raise AtlasFileError(
                f"the copy of {source} is not equal to it ({', '.join(differing) or 'in what is declared'}); "
                "nothing has changed: keep the file, and report this"
            )
        run(f"CHECKPOINT {NEW}")
    finally:
        run(f"DETACH {NEW}")


def sql_quoted(text: str) -> str:
    """A text as SQL spells it, where no parameter can stand."""
    return "'" + text.replace("'", "''") + "'"


def check_every_block(run: Run, database: str) -> int:
    """Read every row of an attached database, and with it check every block; the number of rows."""
    return sum(_content(run, database, name)[0] for name in _tables(run, database))


def _tables(run: Run, database: str) -> list[str]:
    named = f"SELECT table_name FROM duckdb_tables() WHERE database_name = {sql_quoted(database)} ORDER BY table_name"
    return [name for (name,) in run(named)]


def _content(run: Run, database: str, table: str) -> tuple[Any, ...]:
    """The number of rows and the sum of their hashes, which the order of reading does not change."""
    return run(f'SELECT COUNT(*), SUM(CAST(hash(held) AS HUGEINT)) FROM "{database}"."{table}" AS held')[0]


def _declared(run: Run, database: str) -> list[list[tuple[Any, ...]]]:
    """Tables, columns and constraints, with their comments."""
    here = f"WHERE database_name = {sql_quoted(database)} ORDER BY ALL"
    columns = "table_name, column_index, column_name, data_type, is_nullable, comment"
    return [
        run(f"SELECT table_name, comment FROM duckdb_tables() {here}"),
        run(f"SELECT {columns} FROM duckdb_columns() {here}"),
        run(f"SELECT table_name, constraint_type, constraint_text FROM duckdb_constraints() {here}"),
    ]


def copying_statement_runner(connection: Connection) -> Run:
    """Runs statements each in a transaction of its own, as ATTACH and DETACH ask for."""

    def _run(sql: str) -> list[tuple[Any, ...]]:
        cursor = connection.connection.cursor()
        cursor.execute(sql)
        return [tuple(row) for row in cursor.fetchall()]

    return _run


def keep_beside(run: Run, path: Path, version: int, refusal: str) -> Path:
    """Copy the open file beside itself, to `NAME.vN.duckdb` or the first of `NAME.vN-2.duckdb` ... that is free.

    Raises:
        AtlasFileError: there is no room for it; `refusal` says what is not done then.
    """
    names = (f"{path.stem}.v{version}{f'-{number}' * (number > 1)}{path.suffix}" for number in count(1))
    copy = next(free for free in map(path.with_name, names) if not free.exists())
    try:
        with draft_file(copy) as draft:
            copy_database(run, run("SELECT current_database()")[0][0], draft)
            move_into_place(draft, copy)
    except (OSError, duckdb.Error, DBAPIError) as error:
        cause = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise AtlasFileError(
            f"{refusal}: {copy}, the copy that is made before, cannot be written ({cause}); "
            "make room, and run the same command again"
        ) from error
    return copy
