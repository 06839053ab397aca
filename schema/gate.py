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

A signal's exception may come at any step of this. Each thread keeps its descriptors, under the names of their files,
from before it locks them until after it unlocks them: what such an exception left locked is the next one's to use
and to give back, so that nobody waits for a lock that is his own.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import WeakValueDictionary

from schema.locking import is_still_named

CHANGING = ".changing"
COPYING = ".copying"
NEW = os.O_RDWR | os.O_CREAT


class _Held(threading.local):
    """What a thread holds: the descriptor of each lock file, and who changes which atlas, for as long as they live."""

    def __init__(self) -> None:
        self.descriptors: dict[Path, int] = {}
        self.changing: WeakValueDictionary[Path, changing] = WeakValueDictionary()


_held = _Held()


class locked:  # noqa: N801 (used as a function)
    """Inside, hold a lock file, which goes with the lock. Not to be nested.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        _take(self.path)

    def __exit__(self, *error: object) -> None:
        _give(self.path)


class changing:  # noqa: N801 (used as a function)
    """Inside, this process may change the atlas file; waits for whoever copies it. May be nested.

    Raises:
        OSError: the folder takes no lock file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.nested = False

    def __enter__(self) -> None:
        self.nested = self.path in _held.changing
        if self.nested:
            return
        if _beside(self.path, COPYING).exists():
            with locked(_beside(self.path, COPYING)):
                pass
        _take(_beside(self.path, CHANGING))
        _held.changing[self.path] = self

    def __exit__(self, *error: object) -> None:
        if not self.nested:
            _held.changing.pop(self.path, None)
            _give(_beside(self.path, CHANGING))


@contextmanager
def hold_atlas_still(path: Path) -> Iterator[None]:
    """Inside, no process changes the atlas file; waits for the transaction under way.

    Raises:
        OSError: the folder takes no lock file.
    """
    path = path.resolve()
    with locked(_beside(path, COPYING)), locked(_beside(path, CHANGING)):
        yield


def _take(path: Path) -> None:
    """Lock the file that is at the path when the lock is had: the one waited for may be gone by then."""
    mine = _held.descriptors
    while True:
        if path not in mine:
            mine[path] = _opened(path)
        fcntl.flock(mine[path], fcntl.LOCK_EX)  # nothing new where it is held
        if is_still_named(path, mine[path]):
            return
        _unlock(path)


def _give(path: Path) -> None:
    with suppress(OSError):  # another user's, in a folder that lets nobody else remove it
        path.unlink()
    _unlock(path)


def _unlock(path: Path) -> None:
    if path in _held.descriptors:
        fcntl.flock(_held.descriptors[path], fcntl.LOCK_UN)
        os.close(_held.descriptors.pop(path))


def _opened(path: Path) -> int:
    """Open a lock file, making it where there is none; that of another user can be locked without writing to it."""
    with suppress(PermissionError):
        return os.open(path, NEW, 0o666)
    with suppress(FileNotFoundError):  # its holder may just have removed it
        return os.open(path, os.O_RDONLY)
    return os.open(path, NEW, 0o666)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
