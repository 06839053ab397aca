"""The site folder: which snapshot is current, and what makes publishing safe to kill at any moment.

SITE/current.json            what to serve; replaced last, atomically
SITE/snapshots/NAME/         immutable: atlas.db, activations.duckdb and Datasette's files
SITE/.publishing-*/          a snapshot being written or removed; the next publisher clears what a killed one left
SITE/.lock                   held while one publishes

Whoever reads a snapshot holds a shared lock on its folder; a snapshot is removed only under an exclusive one.
"""

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from atlas.publish.lock import locked_alone
from schema import AtlasError, AtlasLockedError
from schema.copying import make_durable
from schema.locking import wait_while_in_use

CURRENT = "current.json"
SNAPSHOTS = "snapshots"
LOCK = ".lock"
UNFINISHED = ".publishing-"

KEPT_SNAPSHOTS = 3
"""The current snapshot, and two to go back to; one that somebody still reads stays as long as that."""

_NAME = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{8}")


@dataclass(frozen=True)
class Publication:
    """What current.json says: the snapshot to serve, and what it was made from."""

    snapshot: str
    published_at: str
    schema_version: int
    atlas: str
    fingerprint: str


def read_current(site: Path) -> Publication | None:
    """What the site shows; None where nothing whole was ever published."""
    try:
        current = Publication(**json.loads((site / CURRENT).read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError) as error:
        raise AtlasError(
            f"{site / CURRENT} is damaged; delete it and publish again: atlas publish ATLAS {site}"
        ) from error
    return current if snapshot_folder(site, current).is_dir() else None


def snapshot_folder(site: Path, publication: Publication) -> Path:
    """The folder of a publication's snapshot."""
    return site / SNAPSHOTS / publication.snapshot


@contextmanager
def hold_site(site: Path) -> Iterator[None]:
    """Hold the site's lock, with what killed publishers left cleared away.

    Raises:
        AtlasLockedError: another process is publishing there, and waiting did not help.
        AtlasError: SITE is no folder.
    """
    try:
        (site / SNAPSHOTS).mkdir(parents=True, exist_ok=True)
        lock = (site / LOCK).open("a")
    except OSError as error:
        raise AtlasError(f"{site} cannot be published to: {error.strerror}; choose another folder") from error
    with lock:
        wait_while_in_use(lambda: _lock_now(lock, site))
        _clear(site)
        yield


def _lock_now(lock: TextIO, site: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AtlasLockedError(
            f"another process is publishing to {site}; wait for it to end, then publish again"
        ) from error


@contextmanager
def new_snapshot(site: Path) -> Iterator[Path]:
    """A folder to write a snapshot in; unless it is shown, nothing of it stays."""
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=site))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_current(site: Path, folder: Path, publication: Publication) -> None:
    """Make a written folder the current snapshot: all of it is on disk before current.json names it."""
    for path in [*folder.rglob("*"), folder]:
        make_durable(path)
    folder.rename(snapshot_folder(site, publication))
    make_durable(site / SNAPSHOTS)
    draft = site / f"{UNFINISHED}{CURRENT}"
    draft.write_text(json.dumps(asdict(publication), indent=2) + "\n", encoding="utf-8")
    make_durable(draft)
    draft.replace(site / CURRENT)
    make_durable(site)


def retire_snapshots(site: Path, current: str, keep: int) -> None:
    """Remove all but the newest snapshots that nobody reads.

    The current one stays, whatever the clock said when it was named.
    """
    others = [name for name in _names(site) if name != current]
    for name in others[: max(0, len(others) - keep + 1)]:
        _remove_unread(site, name)


def _clear(site: Path) -> None:
    """Remove unfinished snapshots, and whole ones that were never shown."""
    for path in site.glob(f"{UNFINISHED}*"):
        _remove(path)
    current = read_current(site)
    for name in _names(site):
        if current is None or name > current.snapshot:
            _remove_unread(site, name)


def _names(site: Path) -> list[str]:
    """Names of the snapshots, oldest first; a folder of another name is not ours to remove."""
    return sorted(path.name for path in (site / SNAPSHOTS).iterdir() if _NAME.fullmatch(path.name))


def _remove_unread(site: Path, name: str) -> None:
    """Remove a snapshot unless somebody reads it; a kill on the way leaves none that looks whole."""
    folder = site / SNAPSHOTS / name
    lock = locked_alone(folder)
    if lock is None:
        return
    try:
        doomed = site / f"{UNFINISHED}{name}"
        folder.rename(doomed)
        _remove(doomed)
    finally:
        os.close(lock)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
