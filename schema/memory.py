"""How much memory this process may take, and how much of that is DuckDB's.

The limit belongs to the context, like the writer's name in `schema.locking`:

    with limit_process_memory(parse_size("2GB")), open_atlas(path) as atlas: ...

What the process holds when it opens an atlas (the interpreter, its libraries, the models) and what a command takes in
passing come off the limit; the rest is DuckDB's, which lays what does not fit into a folder of `schema.spill`.
"""

import math
import os
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from weakref import WeakKeyDictionary

import duckdb

from schema.errors import MemoryLimitError

DEFAULT_SHARE = 0.4
"""Of the machine's memory, or of what its container may have: what is taken where nothing is said."""

FILE_BYTES = 16
"""Bytes of a database file for one that DuckDB holds of it and does not count: where columns lie, what is in them."""

GROWN = 64 << 20
"""Bytes that a file has grown by before room is made for what DuckDB does not count of them."""

PASSING = 400 << 20
"""Bytes that a command takes in passing: batches, chunks of activations, rows on their way."""

LEAST = 192 << 20
"""Bytes without which DuckDB cannot sort or group what an atlas holds, wherever it may lay it."""

PER_THREAD = 96 << 20
"""Bytes that each of DuckDB's threads is given: with less, they keep each other from room."""

ROW_BYTES = 100
"""Bytes for each activation of those that are grouped together: its row, and what grouping takes."""

PREFIXES = "KMGT"
UNITS = {"B": 1} | {f"{prefix}B": 1000**power for power, prefix in enumerate(PREFIXES, 1)}
UNITS |= {f"{prefix}IB": 1024**power for power, prefix in enumerate(PREFIXES, 1)}
CONTAINER = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")

Settings = dict[str, str | int]
"""DuckDB's, by their names."""

_given: WeakKeyDictionary[duckdb.DuckDBPyConnection, tuple[str, int]] = WeakKeyDictionary()
"""What DuckDB shows of its share, and the bytes that it was given: what is below a tenth of a GB it leaves out."""

_limit: ContextVar[int | None] = ContextVar("limit", default=None)
_passed: ContextVar[bool] = ContextVar("passed", default=False)
"""Whether the limit was enough when a file was opened: what is held since then is no reason to stop half-way."""


def parse_size(text: str) -> int:
    """Bytes of a size such as 2GB, 1.5 GiB or 800MB.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?i?B)\s*", text, re.IGNORECASE | re.ASCII)
    factor = UNITS.get(found[2].upper()) if found else None
    if not found or factor is None:
        raise ValueError(f"{text!r} is no size; write one such as 2GB or 800MB")
    return int(float(found[1]) * factor)


def size_text(size: float) -> str:
    """A size as `parse_size` reads it, rounded up to what is shown."""
    return f"{math.ceil(size / 1e8) / 10:.1f}GB" if size > 950e6 else f"{math.ceil(size / 1e6)}MB"


@contextmanager
def limit_process_memory(limit: int | None) -> Iterator[None]:
    """Inside, the process stays within that many bytes; None is the default."""
    token, passed = _limit.set(limit), _passed.set(False)
    try:
        yield
    finally:
        _limit.reset(token)
        _passed.reset(passed)


def memory_limit() -> int:
    """Bytes that the process may take: what the context says, else a share of the machine's."""
    limit = _limit.get()
    return int(DEFAULT_SHARE * machine_memory()) if limit is None else limit


def machine_memory() -> int:
    """Bytes of memory of this machine, or of the container that it is."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in CONTAINER:
        with suppress(OSError, ValueError):  # there is none, or it is not limited ("max")
            found.append(int(Path(name).read_text(encoding="ascii")))
    return min(found)


def resident_bytes() -> int:
    """Bytes of memory that the process holds; where that is not told, the most it has held."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return pages * resource.getpagesize()


def duckdb_share() -> int:
    """Bytes of the limit that are left to DuckDB.

    Raises:
        MemoryLimitError: a limit was given, and leaves too little.
    """
    limit, held = memory_limit(), resident_bytes()
    share = limit - held - PASSING
    if share >= LEAST:
        _passed.set(True)
        return share
    if _limit.get() is None or _passed.get():  # a small machine, or one used before, is used as far as it goes
        return LEAST
    raise MemoryLimitError(
        f"a memory limit of {size_text(limit)} is too small: the program and its models hold {size_text(held)}, "
        f"and working takes {size_text(PASSING + LEAST)}; give at least: atlas --memory "
        f"{size_text(1.02 * (held + PASSING + LEAST))} ..."
    )


def duckdb_settings(path: Path | None = None) -> Settings:
    """What keeps DuckDB within its share, and what it does not count, of a file that long.

    Raises:
        MemoryLimitError: a limit was given, and leaves too little.
    """
    share = max(LEAST, duckdb_share() - (_size(path) // FILE_BYTES if path else 0))
    return {"memory_limit": f"{share}B", "threads": max(1, min(_cores(), share // PER_THREAD))}


def renew_duckdb_share(connection: duckdb.DuckDBPyConnection) -> None:
    """Give DuckDB what the process leaves of the limit now: for a command that has come to hold more of its own.

    What DuckDB does not count of the file is held by then, and needs no room of its own.
    """
    ((counted,),) = connection.execute("SELECT SUM(memory_usage_bytes) FROM duckdb_memory()").fetchall()
    own = resident_bytes() - int(counted)
    _set_share(connection, max(LEAST, memory_limit() - own - PASSING // 4))


class GrowingFile:
    """Room, in DuckDB's share, for what it comes to hold uncounted of a file that grows while it is open."""

    def __init__(self, path: Path) -> None:
        self._path, self._bytes = path, _size(path)

    def make_room(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take from the share what belongs to the bytes that have come since the last time."""
        grown = _size(self._path) - self._bytes
        if grown >= GROWN:
            with suppress(duckdb.OutOfMemoryException):  # it holds more that it cannot lay anywhere: next time
                _set_share(connection, max(LEAST, _share_of(connection) - grown // FILE_BYTES))
                self._bytes += grown


def _share_of(connection: duckdb.DuckDBPyConnection) -> int:
    setting = _share_setting(connection)
    shown, share = _given.get(connection, ("", 0))
    return share if setting == shown else parse_size(setting)


def _set_share(connection: duckdb.DuckDBPyConnection, share: int) -> None:
    connection.execute(f"SET memory_limit = '{share}B'")
    _given[connection] = _share_setting(connection), share


def _share_setting(connection: duckdb.DuckDBPyConnection) -> str:
    ((setting,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    return str(setting)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


@contextmanager
def lent_by_duckdb(connection: duckdb.DuckDBPyConnection) -> Iterator[int]:
    """Inside, DuckDB does with half of its share: the bytes that a command may hold instead while rows are read."""
    share = _share_of(connection)
    kept = max(min(LEAST, share), share // 2)
    try:
        _set_share(connection, kept)
    except duckdb.OutOfMemoryException:  # it holds more that it cannot lay anywhere
        kept = share
    try:
        yield share - kept
    finally:
        with suppress(duckdb.Error):  # of a file that is closed: not in the place of what closed it
            _set_share(connection, share)


def _cores() -> int:
    """Cores that the process may use: OMP_NUM_THREADS bounds DuckDB as it bounds torch and numpy."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    outermost = re.match(r"\s*([1-9]\d*)", os.environ.get("OMP_NUM_THREADS", ""), re.ASCII)
    return min(cores, int(outermost[1])) if outermost else cores


def grouped_rows(memory_limit: str) -> int:
    """Activations that DuckDB can group at a time, in what its setting of that name says."""
    return max(1, parse_size(memory_limit) // ROW_BYTES)
