"""Who may touch the files of an atlas right now: whoever changes them, or whoever copies them.

DuckDB changes an atlas file and its write-ahead log while it opens them, inside a transaction (a
checkpoint is part of the commit that sets it off) and while it closes them; between these both files stand
still, although the process keeps them open and keeps every other process out. So a copy taken between
transactions is the state after the last commit, and all it takes is that nobody starts one meanwhile:

ATLAS.changing    locked by a writer while it opens, changes or closes the atlas
ATLAS.copying     locked by a copier from before it waits for a writer until its copy is taken; a writer looks
                  here before each change, so that a copier waits for one transaction and no longer

Both are advisory locks (flock) that the system drops with the process that held them, on files of their own:
opening the atlas file itself beside DuckDB, in one process, would drop DuckDB's lock on it. The files are
there only while they are held, or after a kill, when they hinder nobody.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CHANGING = ".changing"
COPYING = ".copying"
NEW = os.O_RDWR | os.O_CREAT

_held = threading.local()


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Inside, this process may change the atlas file; waits for whoever copies it. May be nested.

    Raises:
        OSError: the folder takes no lock file.
    """
    path = path.resolve()
    mine: set[Path] = _held.__dict__.setdefault("paths", set())
    if path in mine:
        yield
        return
    if _beside(path, COPYING).exists():
        with locked(_beside(path, COPYING)):
            pass
    with locked(_beside(path, CHANGING)):
        mine.add(path)
        try:
            yield
        finally:
            mine.remove(path)


@contextmanager
def standing_still(path: Path) -> Iterator[None]:
    """Inside, no process changes the atlas file; waits for the transaction under way.

    Raises:
        OSError: the folder takes no lock file.
    """
    path = path.resolve()
    with locked(_beside(path, COPYING)), locked(_beside(path, CHANGING)):
        yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, which goes with the lock.

    Raises:
        OSError: it cannot be made.
    """
    descriptor = _locked(path)
    try:
        yield
    finally:
        with suppress(OSError):  # another user's, in a folder that lets nobody else remove it
            path.unlink()
        os.close(descriptor)


def _locked(path: Path) -> int:
    """Lock the file that is at the path when the lock is had: the one waited for may be gone by then."""
    while True:
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _opened(path: Path) -> int:
    """Open a lock file, making it where there is none; that of another user can be locked without writing to it."""
    with suppress(PermissionError):
        return os.open(path, NEW, 0o666)
    with suppress(FileNotFoundError):  # its holder may just have removed it
        return os.open(path, os.O_RDONLY)
    return os.open(path, NEW, 0o666)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
