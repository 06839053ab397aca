"""What the command line says of an error that the machine caused: memory or room that ran out."""

import re
import sqlite3
from collections.abc import Iterator

_NO_MEMORY = re.compile(
    r"(can't|could not|failed to) allocate|could not create a (primitive|memory)|out of memory|not enough memory"
    r"|MemoryError|bad.alloc",
    re.IGNORECASE,
)
_NO_ROOM = re.compile(r"disk is full|disk I/O error|No space left|File too large|Disk quota exceeded", re.IGNORECASE)
AGAIN = "what was stored before stays, and the same command goes on from there"


def machine_failure(error: BaseException) -> str | None:
    """Say what ran out, and what to do; None for an error of another kind."""
    for cause in _causes(error):
        words = (str(cause).splitlines() or [""])[0][:200]
        if _is_memory(cause):
            return f"memory ran out ({words or type(cause).__name__}); end other programs: {AGAIN}"
        if _is_room(cause):
            return f"the disk is full ({words}); make room: {AGAIN}"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from: SQLAlchemy and the libraries wrap what DuckDB raises."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _is_memory(error: BaseException) -> bool:
    """Say whether memory ran out: each library says it in its own way, and none of them is imported for it."""
    if isinstance(error, MemoryError) or type(error).__name__ in ("OutOfMemoryException", "OutOfMemoryError"):
        return True
    return (isinstance(error, RuntimeError) or _is_database(error)) and _NO_MEMORY.search(str(error)) is not None


def _is_room(error: BaseException) -> bool:
    return _is_database(error) and _NO_ROOM.search(str(error)) is not None


def _is_database(error: BaseException) -> bool:
    return isinstance(error, sqlite3.Error) or type(error).__module__.endswith("duckdb")
