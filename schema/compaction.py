"""An atlas file without the room that removed rows have left: DuckDB gives none back by itself.

All rows go into a new file, which takes the place of the old one in a single step once it is equal to it and
on disk. The old file is held open meanwhile, so that nobody writes rows that would be lost, and its
write-ahead log is emptied before: left beside the new file, it would be taken for the new file's own.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from schema.copying import copy_database, draft_file, move_into_place, sql_quoted
from schema.errors import AtlasDamagedError, AtlasFileError, AtlasLockedError
from schema.gate import changing
from schema.locking import hold_atlas
from schema.spill import connect_within_memory
from schema.store import open_atlas

OLD = "old_file"
"""The name under which the atlas is attached."""


@dataclass(frozen=True)
class Compacted:
    """The size of an atlas file before and after (bytes)."""

    before: int
    after: int


def compact(path: str | Path) -> Compacted:
    """Write an atlas file anew, without unused room; a file that has none is left as it is.

    Killed at any moment, the path names the old file or the new one, whole, with the same rows.

    Raises:
        AtlasMissingError, AtlasDamagedError: there is no atlas.
        AtlasLockedError: another process has it open.
        AtlasFileError: the disk is full; the file is as it was.
    """
    path = Path(path).resolve()  # a link goes on naming the file
    with hold_atlas(path):
        open_atlas(path).close()
        return _compact(path)


def _compact(path: Path) -> Compacted:
    try:
        with changing(path), draft_file(path) as draft:
            _empty_log(path)
            before = path.stat().st_size
            with connect_within_memory(Path(":memory:"), path) as holder:
                _write(holder, path, draft)
                shutil.copymode(path, draft)
                after = draft.stat().st_size
                if after < before:
                    move_into_place(draft, path, replace=True)
    except OSError as error:
        raise AtlasFileError(f"{path} cannot be written anew: {error.strerror}; it is as it was") from error
    except duckdb.Error as error:
        raise _file_error(path, error) from error
    return Compacted(before, min(before, after))


def _empty_log(path: Path) -> None:
    with connect_within_memory(path) as file:
        file.execute("CHECKPOINT")


def _write(holder: duckdb.DuckDBPyConnection, path: Path, draft: Path) -> None:
    """Copy every row into the draft; the old file stays attached, and with it locked, until the holder is closed."""
    holder.execute(f"ATTACH {sql_quoted(str(path))} AS {OLD} (READ_ONLY)")
    if path.with_name(f"{path.name}.wal").exists():
        raise AtlasLockedError(f"{path} is open in another process; wait for it to end")
    copy_database(lambda sql: holder.execute(sql).fetchall(), OLD, draft)


def _file_error(path: Path, error: duckdb.Error) -> AtlasFileError:
    cause = str(error).splitlines()[0]
    if "Could not set lock" in cause:
        return AtlasLockedError(f"{path} is open in another process; wait for it to end ({cause})")
    if "Could not write" in cause or "No space left" in cause:
        return AtlasFileError(f"{path} cannot be written anew: {cause}; it is as it was: make room for a second copy")
    return AtlasDamagedError(f"{path} cannot be copied; it is as it was: see atlas verify {path} ({cause})")
