"""The record of a run: one row of `ingest_run`, written with the first change it makes."""

import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Self

from sqlalchemy import insert, update

from schema import tables
from schema.store import Atlas

PACKAGES = ("feature-atlas", "duckdb", "sae-lens", "sqlalchemy", "torch", "transformer-lens", "transformers")


@dataclass(frozen=True)
class Counts:
    """How far a run is. documents and tokens are newly encoded; known ones were there before."""

    documents: int = 0
    known: int = 0
    tokens: int = 0
    activations: int = 0
    skipped: int = 0


class RunRecord:
    """A run's row: absent until `start`, kept with every batch, closed with the outcome.

    As a context manager it records done, or failed with the error, and lets the error pass.
    """

    def __init__(self, atlas: Atlas, command: str, arguments: Mapping[str, object], device: str) -> None:
        self.atlas = atlas
        self.command = command
        self.arguments = dict(arguments)
        self.device = device
        self.counts = Counts()
        self.key: int | None = None
        self.began = time.perf_counter()
        self.started_at = _now()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.key is None:
            return
        with self.atlas.transaction():
            if error is None:
                self._update(status="done", finished_at=_now())
            else:
                self._update(status="failed", finished_at=_now(), error=f"{type(error).__name__}: {error}".rstrip(": "))

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
                "versions": versions(),
                "device": self.device,
            }
            self.atlas.connection.execute(insert(tables.ingest_run), row)
        return self.key

    def add(self, documents: int = 0, known: int = 0, tokens: int = 0, activations: int = 0, skipped: int = 0) -> None:
        """Add to the counts (`skipped` is the total so far), and to the row if there is one."""
        before = self.counts
        self.counts = Counts(
            before.documents + documents,
            before.known + known,
            before.tokens + tokens,
            before.activations + activations,
            skipped,
        )
        if self.key is not None and documents:
            self._update()

    def _update(self, **changes: object) -> None:
        seconds = time.perf_counter() - self.began
        values = asdict(self.counts) | {"seconds": seconds, "tokens_per_second": self.counts.tokens / seconds}
        values["documents_known"] = values.pop("known")
        values["documents_skipped"] = values.pop("skipped")
        row = tables.ingest_run
        self.atlas.connection.execute(update(row).where(row.c.ingest_run == self.key).values(**values, **changes))

    def _close_killed_runs(self) -> None:
        """A row still running was killed: this process holds the only writable connection."""
        row = tables.ingest_run
        killed = update(row).where(row.c.status == "running")
        self.atlas.connection.execute(killed.values(status="failed", error="killed", finished_at=_now()))


def versions() -> dict[str, str]:
    """Versions of Python and of the packages whose behaviour the rows depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
