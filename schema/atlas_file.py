"""An atlas file before it is open: what its path alone tells, and what DuckDB says where it cannot be opened."""

import os
import re
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from schema import locking
from schema.errors import AtlasDamagedError, AtlasFileError, AtlasLockedError, AtlasMissingError
from schema.file_names import is_utf8, shown_path

MAGIC = b"DUCK"
MAGIC_OFFSET = 8


def check_path(path: Path, *, create: bool = False) -> None:
    """Look whether an atlas file can be there, without opening or making it.

    Raises:
        AtlasFileError: as `open_atlas` would, for what the path alone can tell.
    """
    if not is_utf8(path):
        raise AtlasFileError(f"{shown_path(path)}: its name is not UTF-8, as DuckDB needs it; rename it")
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


def file_error(path: Path, error: Exception) -> AtlasFileError:
    """What DuckDB's refusal to open a file means."""
    cause = atlas_file_error_words(error)
    if "Could not set lock" in cause:
        writer = locking.read_writer(path)
        if writer and re.search(rf"\bPID {writer.pid}\b", cause):
            return AtlasLockedError(locking.in_use_error(path, writer))
        return AtlasLockedError(f"{path} is open in another process; wait for it to end ({cause})")
    if "Corrupt database" in cause or "Could not read enough bytes" in cause:
        return AtlasDamagedError(f"{path} is broken; restore a copy, or delete it and ingest again ({cause})")
    return AtlasFileError(f"{path} cannot be opened: {cause}")


def atlas_file_error_words(error: Exception) -> str:
    """DuckDB's own words, on one line."""
    return str(error.orig if isinstance(error, DBAPIError) else error).splitlines()[0]
