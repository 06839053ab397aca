"""Where DuckDB lays what does not fit into its share of memory: a folder beside the atlas, one a process.

The folder is locked (flock) for as long as its process lives, and goes with the last use of the atlas there. One that
a killed process has left is locked by nobody: whoever opens the atlas next clears it away.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from schema.copying import sql_quoted
from schema.file_names import is_utf8
from schema.locking import is_still_named
from schema.memory import Settings, duckdb_settings

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
"""How a folder is opened, and nothing else of its name."""

_taken: dict[Path, "_Folder"] = {}
"""By atlas: DuckDB has one place for all that a process opens of one file."""


@dataclass
class _Folder:
    """A folder, locked, and how many of this process use it."""

    atlas: Path
    path: Path
    descriptor: int
    users: int = 0


class Spill:
    """One use of the folder for an atlas; a second release does nothing."""

    def __init__(self, held: _Folder) -> None:
        self.folder = held.path
        self._held: _Folder | None = held
        held.users += 1

    def release(self) -> None:
        """Remove the folder, if nobody else of this process uses it."""
        held, self._held = self._held, None
        if held is None:
            return
        held.users -= 1
        if not held.users:
            _taken.pop(held.atlas, None)
            shutil.rmtree(held.path, ignore_errors=True)
            os.close(held.descriptor)


def take_spill(atlas: Path) -> Spill | None:
    """The folder for an atlas, those of killed processes cleared away; None where none can be made."""
    atlas = Path(os.path.realpath(atlas))
    if not is_utf8(atlas):
        return None  # DuckDB cannot name it
    if atlas not in _taken:
        try:
            _clear(atlas)
            _taken[atlas] = _made(atlas)
        except OSError:  # read-only media, another user's folder: memory has to do
            return None
    return Spill(_taken[atlas])


def spill_setting(spill: Spill | None) -> Settings:
    """DuckDB's setting that names the folder."""
    return {"temp_directory": str(spill.folder) if spill else ""}


def limit_connection_and_spill(connection: Any, settings: Settings) -> None:
    """Keep a connection within these settings, and with it all that the process opens of the file."""
    for name, value in settings.items():
        with suppress(duckdb.Error):  # a connection of the same file uses more, or the folder, already
            connection.execute(f"SET {name} = {sql_quoted(str(value))}")


@contextmanager
def connect_within_memory(path: Path, place: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a database file within the limit of memory, its spilled blocks beside the file, or the place.

    Raises:
        MemoryLimitError: a limit was given, and leaves too little.
    """
    settings, spill = duckdb_settings(path), take_spill(place or path)
    try:
        with closing(duckdb.connect(str(path))) as connection:
            limit_connection_and_spill(connection, settings | spill_setting(spill))
            yield connection
    finally:
        if spill:
            spill.release()


def _prefix(atlas: Path) -> str:
    return f".{atlas.name}.spill-"


def _made(atlas: Path) -> _Folder:
    """A new folder, locked; another process may have taken it for a left one before it was."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_prefix(atlas), dir=atlas.parent))
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, FOLDER)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError:  # a network's disk may lock no folder
                os.close(descriptor)
                folder.rmdir()
                raise
            if is_still_named(folder, descriptor):
                return _Folder(atlas, folder, descriptor)
            os.close(descriptor)


def _clear(atlas: Path) -> None:
    """Remove the folders whose process is gone."""
    for folder in atlas.parent.iterdir():
        if not folder.name.startswith(_prefix(atlas)):
            continue
        with suppress(OSError):  # it is locked, or another clears it away
            descriptor = os.open(folder, FOLDER)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
