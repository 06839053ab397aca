"""The record of a run: one row of `ingest_run`, written with the first change it makes, or when it fails."""

import logging
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
from sqlalchemy import insert, update
from sqlalchemy.exc import SQLAlchemyError

from ingest.jobs.progress import Counts
from schema import tables
from schema.errors import AtlasError, AtlasFileError
from schema.file_names import shown_path
from schema.store import Atlas, open_atlas
from schema.transactions import stopped_by

log = logging.getLogger(__name__)

PACKAGES = ("feature-atlas", "duckdb", "sae-lens", "sqlalchemy", "torch", "transformer-lens", "transformers")


CHANGES = ("documents", "updated", "replaced", "dropped")
"""Counts of what a run has changed."""

COLUMNS = {name: f"documents_{name}" for name in ("known", "skipped", "updated", "replaced", "dropped", "repeated")}
"""Counts whose column has another name."""


class RunRecord:
    """A run's row: absent until `start`, kept with every batch, closed with the outcome.

    As a context manager it records done, or failed with the error, and lets the error pass. A run that
    found nothing to do has a row where `idle` says so: whoever watches it then sees that it ran.
    """

    def __init__(
        self, atlas: Atlas, command: str, arguments: Mapping[str, object], device: str, *, idle: bool = False
    ) -> None:
        self.atlas = atlas
        self.idle = idle
        self.command = command
        self.arguments = {key: storable_run_argument(value) for key, value in arguments.items()}
        self.device = device
        self.counts = Counts()
        self.key: int | None = None
        self.ended = False
        self.error: BaseException | None = None
        self.began = time.perf_counter()
        self.started_at = _now()
        atlas.before_close.append(self._fail_late)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.fail(error)
        elif self.key is not None or self.idle:
            try:
                self._close("done")
            except BaseException as late:
                self.error = late
                raise

    def fail(self, error: BaseException) -> None:
        """Record that the run failed; the error is on its way already, so that no other takes its place."""
        self.error = error
        try:
            self._close("failed", _words(error))
        except (AtlasError, duckdb.Error, SQLAlchemyError) as other:
            log.warning("that %s failed could not be recorded: %s", self.command, str(other).splitlines()[0])

    def _fail_late(self) -> None:
        """Once more before the file is closed: a signal may have come on the way into `__exit__`."""
        if not self.ended and (self.key is not None or self.idle):
            self.fail(self.error or KeyboardInterrupt())

    def start(self) -> int:
        """The row's key; inserts the row the first time. To be called inside a transaction."""
        if self.key is None:
            self._close_killed_runs()
            self.key = self.atlas.next_key(tables.ingest_run)
            row = {
                "ingest_run": self.key,
                "command": self.command,
                "status": "running",
                "started_at": self.started_at,
                "arguments": self.arguments,
                "versions": package_versions(),
                "device": self.device,
            }
            self.atlas.connection.execute(insert(tables.ingest_run), row)
        return self.key

    def add(self, **more: int) -> None:
        """Add to the counts by their names, and to the row if there is one and documents have changed."""
        before = asdict(self.counts)
        self.counts = replace(self.counts, **{name: before[name] + count for name, count in more.items()})
        if self.key is not None and any(more.get(name) for name in CHANGES):
            self._update()

    def _close(self, status: str, error: str | None = None) -> None:
        try:
            self._finish(status, error)
        except BaseException as late:
            if isinstance(late, Exception) and not isinstance(getattr(late, "orig", late), duckdb.InterruptException):
                raise
            self._finish(status, error)  # what interrupted the work came a moment too late for it
            if not isinstance(late, Exception):
                raise
        fields = {"key": self.key, "status": status, "error": error, **asdict(self.counts)}
        log.info("%s run %s: %s", self.command, self.key, error or status, extra={"run": fields})

    def _finish(self, status: str, error: str | None) -> None:
        with self.atlas.transaction():
            if not self.atlas.rows("SELECT 1 FROM ingest_run WHERE ingest_run = ?", [self.key]):
                self.key = None  # the transaction that began the row was rolled back
            self.start()
            self._update(status=status, finished_at=_now(), error=error)
        self.ended = True

    def _update(self, **changes: object) -> None:
        seconds = time.perf_counter() - self.began
        values = asdict(self.counts) | {"seconds": seconds, "tokens_per_second": self.counts.tokens / seconds}
        for name, column in COLUMNS.items():
            values[column] = values.pop(name)
        row = tables.ingest_run
        self.atlas.connection.execute(update(row).where(row.c.ingest_run == self.key).values(**values, **changes))

    def _close_killed_runs(self) -> None:
        """A row still running was killed: this process holds the only writable connection."""
        row = tables.ingest_run
        killed = update(row).where(row.c.status == "running")
        self.atlas.connection.execute(killed.values(status="failed", error="killed", finished_at=_now()))


def record_failure(
    path: Path, command: str, arguments: Mapping[str, object], device: str, error: BaseException
) -> None:
    """Record a run that failed before it opened its atlas; where there is none yet, none is made."""
    if isinstance(error, AtlasFileError) or not path.is_file() or not path.stat().st_size:
        return
    try:
        with open_atlas(path) as atlas:
            RunRecord(atlas, command, arguments, device).fail(error)
    except AtlasError as other:
        log.warning("that %s failed could not be recorded: %s", command, other)


def storable_run_argument(value: object) -> object:
    """An argument as JSON in UTF-8 holds it: names of files may have bytes that are not."""
    if isinstance(value, str | Path):
        return shown_path(value)
    if isinstance(value, list | tuple):
        return [storable_run_argument(part) for part in value]
    return value


@cache
def package_versions() -> Mapping[str, str]:
    """Versions of Python and of the packages whose behaviour the rows depend on; read once a process."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def _words(error: BaseException) -> str:
    """What the row says of an error; of Ctrl-C and SIGTERM, what was done to it."""
    if stopped_by or not isinstance(error, Exception):
        return (stopped_by or [str(error) or "interrupted"])[0]
    return f"{type(error).__name__}: {error}".rstrip(": ").encode("utf-8", "backslashreplace").decode()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
