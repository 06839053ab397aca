"""Who reads a snapshot: a shared lock on its folder, which keeps a publisher from removing it.

The lock belongs to an open descriptor: it ends with its holder, however that ends.
"""

import fcntl
import logging
import os
from pathlib import Path
from weakref import WeakKeyDictionary, finalize

from schema import AtlasError

log = logging.getLogger(__name__)

_held: "WeakKeyDictionary[object, finalize[..., object]]" = WeakKeyDictionary()


def hold_snapshot(reader: object, folder: Path) -> None:
    """Keep a snapshot's folder from being removed until the reader releases it or is gone.

    Raises:
        AtlasError: it is removed already, or just being removed.
    """
    descriptor = _opened(folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        removed = not _is_at(descriptor, folder)
    except BlockingIOError:
        removed = True
    except OSError as error:
        removed = False
        log.warning("%s cannot be locked (%s): a publisher may remove it while it is read", folder, error.strerror)
    if removed:
        os.close(descriptor)
        raise AtlasError(f"{folder} is being removed by a publisher; serve the site's current snapshot")
    _held[reader] = finalize(reader, _release, descriptor)


def release_snapshot(reader: object) -> None:
    """Let go of what a reader holds; nothing happens where it holds nothing."""
    held = _held.pop(reader, None)
    if held is not None:
        held()


def locked_alone(folder: Path) -> int | None:
    """A descriptor that locks a folder for its removal, to be closed; None while somebody reads it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        log.warning("%s cannot be locked (%s): it is removed whether it is read or not", folder, error.strerror)
    return descriptor


def _opened(folder: Path) -> int:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise AtlasError(f"{folder} cannot be opened: {error.strerror}; publish again") from error


def _is_at(descriptor: int, folder: Path) -> bool:
    """Whether the folder that was opened is still the one at this path."""
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except FileNotFoundError:
        return False


def _release(descriptor: int) -> None:
    # A process forked meanwhile holds the same descriptor: closing ours alone would leave the lock.
    try:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    except OSError as error:
        log.debug("unlocking: %s", error)
    os.close(descriptor)
