"""What a schedule says: records, nothing read from disk here."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from ingest.contrasts import SHUFFLES
from ingest.contrasts.scores import Unit
from ingest.schedule.timing import Timing

OnError = Literal["stop", "skip"]
Gone = Literal["keep", "drop"]
LONGEST_BACKOFF = timedelta(days=1)


@dataclass(frozen=True)
class When:
    """When a job is due (None: under --once alone), how much later it may begin, and how late is too late."""

    timing: Timing | None
    jitter: timedelta = timedelta(0)
    grace: timedelta | None = None


@dataclass(frozen=True)
class Retry:
    """How often a failed run is tried again, and after how long; each further time after twice as long."""

    times: int = 3
    backoff: timedelta = timedelta(minutes=5)

    def delay(self, attempt: int) -> timedelta:
        """How long after the end of a failed attempt the next one begins; at most a day."""
        doublings = min(attempt - 1, 32)
        return min(self.backoff * (1 << doublings), LONGEST_BACKOFF)


@dataclass(frozen=True)
class Job:
    """What keeps one corpus up to date; without a domain, each domain of its documents is a corpus NAME/DOMAIN."""

    name: str
    sources: tuple[str, ...]
    when: When
    domain: str | None = None
    limit: int | None = None
    on_error: OnError = "stop"
    gone: Gone = "keep"
    contrasts: tuple[str, ...] = ()
    publish: bool = False
    retry: Retry = Retry()


@dataclass(frozen=True)
class Contrast:
    """A contrast that jobs refresh, and how many of its best features are explained, on how many windows."""

    name: str
    positive: tuple[str, ...]
    control: tuple[str, ...]
    unit: Unit | None = None
    shuffles: int = SHUFFLES
    best: int = 0
    windows: int | None = None


@dataclass(frozen=True)
class Site:
    """Where snapshots are published to, and how many are kept (None: as many as `atlas publish` keeps)."""

    folder: Path
    keep: int | None = None


@dataclass(frozen=True)
class Notify:
    """A command that is told of failures: every one, or the last attempt's alone."""

    command: tuple[str, ...]
    timeout: timedelta = timedelta(seconds=30)
    attempts: Literal["every", "last"] = "every"


@dataclass(frozen=True)
class Reader:
    """The SAEs that read the documents, their model if they do not name it, and where it runs."""

    saes: tuple[str, ...] = ("pocket",)
    model: str | None = None
    device: str | None = None


@dataclass(frozen=True)
class Schedule:
    """All that the file of a schedule says; every path in it is absolute. `patience` bounds waits for a lock."""

    path: Path
    atlas: Path
    timezone: ZoneInfo
    jobs: tuple[Job, ...]
    contrasts: tuple[Contrast, ...] = ()
    reader: Reader = Reader()
    site: Site | None = None
    notify: Notify | None = None
    patience: timedelta = timedelta(minutes=10)

    def job(self, name: str) -> Job:
        """The job of that name."""
        return next(job for job in self.jobs if job.name == name)

    def contrasts_of(self, job: Job) -> list[Contrast]:
        """The contrasts that a job refreshes, in its order."""
        named = {contrast.name: contrast for contrast in self.contrasts}
        return [named[name] for name in job.contrasts]
