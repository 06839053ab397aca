"""A drop folder, `folder/`: every file in it that is whole, in the order of their names.

Files come and go while others write there. Linked folders are entered as any other. Hidden files and what
editors leave are passed over; unfinished copies, and what is still being written, or ends early, are left for the
next time, and said so.
"""

import json
import os
import re
import stat
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ingest.sources.document import LINE_LIMIT, Fault, Row
from ingest.sources.file_formats import (
    Input,
    Kind,
    named_file_rows,
    source_name_fault,
    source_name_in_document_ids,
    split_source_name,
)
from ingest.sources.folders import walk_folders
from ingest.sources.streams import STREAM_ERRORS, open_stream
from schema.errors import SourceError
from schema.file_names import shown_path

QUIET_SECONDS = 10
"""A file that was written to within this time may not be whole yet."""

_PASSED_OVER = re.compile(r"\..*|.*~|.*\.swp", re.IGNORECASE)
_UNFINISHED = re.compile(r".*\.(tmp|temp|part|partial|filepart|crdownload|download)", re.IGNORECASE)
_BLOCK = 1_048_576  # bytes
_PARQUET_MARK = b"PAR1"


def matches(source: str) -> bool:
    """Say whether a source is spelled as a folder."""
    return source.endswith("/") and (Path(source).is_dir() or not re.search(r"[*?\[]", source))


def stem(source: str) -> str:
    """Give the folder's own name.

    Raises: SourceError where there is no such folder.
    """
    return shown_path(_folder(source).resolve().name) or "files"


def place(source: str) -> Path:
    """Give the folder."""
    return _folder(source)


def inputs(source: str) -> Iterator[Input]:
    """Give the files of a folder and of the folders in it, one after the other."""
    folder = _folder(source)
    for path in _files(folder):
        rows = _unfinished_rows if _UNFINISHED.fullmatch(path.name) else partial(_whole_rows, path)
        yield Input(shown_path(path), source_name_in_document_ids(path.relative_to(folder)), rows, alone=False)


DROP_FOLDER = Kind(matches, stem, inputs, place)


def _folder(source: str) -> Path:
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise SourceError(f"{shown_path(source)}: there is no such folder; make it, or check the path")
    return folder


def _files(folder: Path) -> Iterator[Path]:
    """Give the files, and the folders that are themselves unfinished copies."""
    for parent, folders, names in walk_folders(folder, _PASSED_OVER.fullmatch, onerror=_refuse):
        unfinished = [name for name in folders if _UNFINISHED.fullmatch(name)]
        folders[:] = [name for name in folders if name not in unfinished]
        for name in sorted(names + unfinished):
            if not _PASSED_OVER.fullmatch(name):
                yield parent / name


def _refuse(error: OSError) -> None:
    name = shown_path(error.filename)
    raise SourceError(f"{name}: cannot be listed ({error.strerror}); check its permissions") from error


def _unfinished_rows() -> Iterator[Fault]:
    """Say that a copy is under way: what it is a copy of may be gone meanwhile, and is not gone for good."""
    yield Fault(None, "an unfinished copy; left for the next time", waits=True)


def _whole_rows(path: Path) -> Iterator[Row | Fault]:
    """Give the rows of a file that is whole, the last of them when nothing was written meanwhile."""
    reason = _why_not_now(path)
    if reason:
        yield Fault(None, reason, waits=True)
        return
    before, last = _stamp(path), None
    for row in named_file_rows(path):
        if last:
            yield last
        last = row
    if _stamp(path) != before:
        yield Fault(None, "it changed while it was read; its end is left for the next time", waits=True)
    else:
        yield last or Fault(None, "there is no document in it", waits=True)


def _why_not_now(path: Path) -> str | None:
    """Say why a file is not read this time; None where it is."""
    fault = source_name_fault(path)
    if fault:
        return fault.reason
    try:
        status = path.stat()
        early = stat.S_ISREG(status.st_mode) and _ends_early(path, status.st_size)
    except OSError as error:
        return f"it cannot be reached ({error.strerror}); left for the next time"
    if not stat.S_ISREG(status.st_mode):
        return "it is no regular file"
    age = time.time() - status.st_mtime
    if abs(age) < QUIET_SECONDS:
        return f"it was written to {abs(age):.0f} s ago; left for the next time"
    return "it ends early, as a half-written file does; left for the next time" if early else None


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written to or replaced; None where it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _ends_early(path: Path, size: int) -> bool:
    """Say whether a file breaks off; what is wrong with it otherwise is for its reader to say."""
    name = split_source_name(path.name)
    if name.compression:
        return _stream_ends_early(path)
    with path.open("rb") as file:
        if name.format == ".parquet":
            head = file.read(len(_PARQUET_MARK))
            file.seek(-min(size, len(_PARQUET_MARK)), os.SEEK_END)
            return head == _PARQUET_MARK and (size < 12 or file.read() != _PARQUET_MARK)
        if name.format != ".jsonl" or not size:
            return False
        file.seek(-1, os.SEEK_END)
        if file.read() == b"\n":
            return False
        file.seek(-min(size, LINE_LIMIT), os.SEEK_END)
        return not _is_json(file.read().rpartition(b"\n")[2])


def _stream_ends_early(path: Path) -> bool:
    """Decompress a file once: only its end says whether it is whole."""
    try:
        with open_stream(path) as stream:
            while stream.read(_BLOCK):
                pass
    except EOFError:
        return True
    except STREAM_ERRORS:
        return False
    return False


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
