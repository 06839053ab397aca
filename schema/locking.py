"""One writer: who holds an atlas file for writing, told to everyone else.

ATLAS.lock lies beside the atlas while it is open for writing, and names the writer. What
keeps others out is the `flock` on it, which ends with its process: the file that a killed
writer left behind counts for nothing, and the next one writes its own name into it.

A lock that is waited for, and the name that others are shown, belong to the context:

    with declare_writer("ingest", wait=60), open_atlas(path) as atlas: ...
"""

import contextlib
import fcntl
import json
import logging
import os
import socket
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TypeVar

from schema.errors import AtlasLockedError

log = logging.getLogger(__name__)

SUFFIX = ".lock"
POLL_SECONDS = 0.25

T = TypeVar("T")

_command: ContextVar[str | None] = ContextVar("command", default=None)
_wait: ContextVar[float] = ContextVar("wait", default=0.0)
_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())


@dataclass(frozen=True)
class Writer:
    """Who has an atlas open for writing, and since when (UTC, ISO 8601)."""

    command: str
    pid: int
    host: str
    started_at: str

    @classmethod
    def here(cls) -> Self:
        """This process."""
        command = _command.get() or Path(sys.argv[0]).name or "python"
        return cls(command, os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def seconds(self) -> float:
        """How long it has been writing."""
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(self.started_at)).total_seconds())

    def __str__(self) -> str:
        return f"'{self.command}' (process {self.pid} on {self.host}, for {age_text(self.seconds)})"


class Lock:
    """A held lock; it is released at the latest with the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._close = weakref.finalize(self, os.close, descriptor)

    def write(self, writer: Writer) -> None:
        """Say who holds it."""
        with contextlib.suppress(OSError):  # a full disk: the lock holds without its text
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(asdict(writer)).encode() + b"\n", 0)

    def release(self) -> None:
        """Take the file away, and let the next one in; a second time it does nothing."""
        if self._close.alive:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._close()


@contextlib.contextmanager
def declare_writer(command: str | None, wait: float = 0.0) -> Iterator[None]:
    """Inside, others are told that this command writes, and an atlas in use is waited for that many seconds."""
    tokens = _command.set(command), _wait.set(wait)
    try:
        yield
    finally:
        _command.reset(tokens[0])
        _wait.reset(tokens[1])


@contextlib.contextmanager
def hold_atlas(atlas: Path) -> Iterator[None]:
    """Hold an atlas for writing while it is opened and closed inside; it need not exist yet.

    Raises: AtlasLockedError where another has it open, and waiting did not help.
    """
    lock = wait_while_in_use(lambda: acquire_lock(atlas))
    token = _held.set(_held.get() | {_identity(atlas)})
    try:
        yield
    finally:
        _held.reset(token)
        if lock:
            lock.release()


def acquire_lock(atlas: Path) -> Lock | None:
    """Take the lock of an atlas; None where this context holds it already, or no lock can be kept there.

    Raises: AtlasLockedError where another has it.
    """
    if _identity(atlas) in _held.get():
        return None
    path = lock_path(atlas)
    try:
        lock = take_lock(path)
    except BlockingIOError as error:
        raise AtlasLockedError(in_use_error(atlas, read_writer(atlas))) from error
    except OSError as error:
        # Read-only media, another user's file, a network folder without locks: DuckDB's own lock remains.
        log.info("%s cannot be locked (%s); DuckDB's own lock keeps other writers out", path, error.strerror)
        return None
    lock.write(Writer.here())
    return lock


def wait_while_in_use(attempt: Callable[[], T]) -> T:
    """Try again while the atlas is in use, for as long as the context waits.

    Raises: AtlasLockedError where it still is.
    """
    deadline = time.monotonic() + _wait.get()
    while True:
        try:
            return attempt()
        except AtlasLockedError as error:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise
            log.info("waiting: %s", error)
            time.sleep(min(POLL_SECONDS, remaining))


def lock_path(atlas: Path) -> Path:
    """Give the file beside an atlas that names its writer; through a link, it lies beside what the link names."""
    atlas = _identity(atlas)
    return atlas.with_name(atlas.name + SUFFIX)


def read_writer(atlas: Path) -> Writer | None:
    """Read who wrote their name last; whether they still write, the caller knows by a lock that was refused."""
    try:
        return Writer(**json.loads(lock_path(atlas).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def in_use_error(atlas: Path, writer: Writer | None) -> str:
    """Say who writes, and what to do about it."""
    who = str(writer) if writer else "another process"
    return (
        f"{atlas} is being written to by {who}; wait for it to end (atlas --wait SECONDS ... does), "
        "or read what was published last: atlas serve SITE"
    )


def age_text(seconds: float) -> str:
    """Give a length of time in the largest unit that it fills."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def take_lock(path: Path) -> Lock:
    """Lock the file that is at the path when the lock is had: its last holder may just have removed it.

    Raises:
        BlockingIOError: another holds it.
        OSError: it cannot be made.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_still_named(path, descriptor):
                return Lock(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _identity(atlas: Path) -> Path:
    return Path(os.path.realpath(atlas))


def is_still_named(path: Path, descriptor: int) -> bool:
    """Say whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
