"""A copy of an atlas file, taken also while another process ingests into it.

DuckDB lets no second process read a file that one has open to write, so the copy is one of files: the main
file and its write-ahead log, taken while they stand still (`schema.gate`: a writer finishes its
transaction, waits for the copy, and goes on). What is copied is what the disk would hold had the writer
been killed between two transactions, and DuckDB recovers it in the same way: the log is replayed into the
copy when it is opened. A program that knows nothing of the gate (DuckDB's own shell, say) may write
meanwhile; then sizes or times of the files differ before and after, and the copy is taken again.

A copy is named only after each of its blocks has been read (they carry checksums) and every invariant of
`schema.verify` holds, and to restore is to use it as the atlas.
"""

import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from schema.atlas_file import check_path
from schema.copying import check_every_block, draft_file, move_into_place
from schema.errors import AtlasDamagedError, AtlasFileError, AtlasLockedError
from schema.file_names import is_utf8, shown_path
from schema.gate import hold_atlas_still
from schema.migrations import VERSION, migration_version
from schema.spill import connect_within_memory
from schema.store import open_atlas
from schema.verify import verify

PARTS = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
"""What DuckDB writes of a database: the main file, the log of what is not in it yet, and the log's own successors."""

ATTEMPTS = 10
PAUSE = 0.3  # seconds


@dataclass(frozen=True)
class Backup:
    """A copy: its size in bytes, and its rows."""

    path: Path
    size: int
    rows: int


def backup(atlas: str | Path, copy: str | Path, *, force: bool = False) -> Backup:
    """Copy the last committed state of an atlas into a new file; with `force` in place of an older copy.

    Raises:
        AtlasMissingError, AtlasDamagedError: there is no atlas, or it breaks its own rules; no copy is left.
        AtlasLockedError: a program that does not wait for copies keeps changing it.
        AtlasFileError: the copy cannot be written there, or something is there already.
    """
    atlas, copy = Path(atlas).resolve(), Path(copy).parent.resolve() / Path(copy).name
    check_path(atlas)
    _check_places(atlas, copy, force=force)
    with _one_line(copy), draft_file(copy) as draft:
        _copy_files(atlas, draft)
        rows = _settle(draft, atlas)
        size = draft.stat().st_size
        shutil.copymode(atlas, draft)
        move_into_place(draft, copy, replace=force)
    return Backup(copy, size, rows)


def _check_places(atlas: Path, copy: Path, *, force: bool) -> None:
    if not is_utf8(copy):
        raise AtlasFileError(f"{shown_path(copy)}: its name is not UTF-8, as DuckDB needs it; choose another")
    if copy.is_dir():
        raise AtlasFileError(f"{copy} is a folder; name the copy in it, such as {copy / atlas.name}")
    if not copy.parent.is_dir():
        raise AtlasFileError(f"{copy.parent} does not exist; make the folder first")
    if copy.exists() and copy.samefile(atlas):
        raise AtlasFileError(f"{copy} is the atlas itself; name another file for the copy")
    if copy.exists() and not force:
        raise AtlasFileError(f"{copy} exists; name another file, or replace it with --force")
    log = copy.with_name(f"{copy.name}.wal")
    if log.exists():
        raise AtlasFileError(f"{log} would be taken for the log of the copy; name another file, or delete it first")
    if _opened_here(atlas):
        raise AtlasFileError(f"{atlas} is open in this very process; close it first")


def _opened_here(atlas: Path) -> bool:
    """Whether this process has the file open: to open it once more would take DuckDB's lock away."""
    known = atlas.stat()
    for descriptor in Path("/dev/fd").iterdir():
        try:
            if os.path.samestat(os.fstat(int(descriptor.name)), known):
                return True
        except OSError:  # the one by which the folder was read
            continue
    return False


def _copy_files(atlas: Path, draft: Path) -> None:
    """Copy the files of an atlas while they stand still.

    Raises:
        AtlasLockedError: they do not.
    """
    for _ in range(ATTEMPTS):
        with _still(atlas):
            before = _stamps(atlas)
            for part in PARTS:
                file_of_database(draft, part).unlink(missing_ok=True)
                if file_of_database(atlas, part).exists():
                    _copy_writable(file_of_database(atlas, part), file_of_database(draft, part))
            if _stamps(atlas) == before:
                return
        time.sleep(PAUSE)
    raise AtlasLockedError(f"{atlas} is being changed by a program that waits for no copy; close it, and try again")


def _copy_writable(file: Path, draft: Path) -> None:
    """Copy a file, and the rights others have to it; its owner may write to the draft, as DuckDB has to."""
    shutil.copyfile(file, draft)
    draft.chmod(stat.S_IMODE(file.stat().st_mode) | stat.S_IRUSR | stat.S_IWUSR)


@contextmanager
def _still(atlas: Path) -> Iterator[None]:
    """Inside, nobody writes; where the folder takes no lock file, DuckDB's own lock sees to it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_atlas_still(atlas))
        except OSError:
            stack.enter_context(duckdb.connect(str(atlas), read_only=True))
        yield


def _stamps(atlas: Path) -> list[tuple[int, int, int] | None]:
    """Identity, size and time of each file; None for one that is not there."""
    found: list[tuple[int, int, int] | None] = []
    for part in PARTS:
        try:
            known = file_of_database(atlas, part).stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((known.st_ino, known.st_size, known.st_mtime_ns))
    return found


def file_of_database(path: Path, part: str) -> Path:
    """A file of the database at the path."""
    return path.with_name(path.name + part)


def _settle(draft: Path, atlas: Path) -> int:
    """Bring the log into the file, read it all, and check the invariants of this version; the number of rows.

    Raises:
        AtlasDamagedError: the atlas is no atlas, or broken.
    """
    with connect_within_memory(draft) as file:

        def _run(sql: str) -> list[tuple[object, ...]]:
            return file.execute(sql).fetchall()

        version = migration_version(_run, atlas)
        rows = check_every_block(_run, str(_run("SELECT current_database()")[0][0]))
        _run("CHECKPOINT")
    broken = _broken(draft) if version == VERSION else []
    if broken:
        raise AtlasDamagedError(
            f"{atlas} breaks its own rules ({'; '.join(broken)}), so no copy is kept; see: atlas verify {atlas}"
        )
    return rows


def _broken(path: Path) -> list[str]:
    with open_atlas(path, read_only=True) as opened:
        return [finding.invariant for finding in verify(opened) if finding.violations]


@contextmanager
def _one_line(copy: Path) -> Iterator[None]:
    """What keeps the copy from being written, in one line."""
    try:
        yield
    except FileExistsError as error:
        raise AtlasFileError(f"{copy} exists; name another file, or replace it with --force") from error
    except OSError as error:
        raise AtlasFileError(f"{copy} cannot be written: {error.strerror}; nothing is left of it") from error
    except duckdb.Error as error:
        cause = str(error).splitlines()[0]
        raise AtlasFileError(f"{copy} cannot be made: {cause}; nothing is left of it") from error
