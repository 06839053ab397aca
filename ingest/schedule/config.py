"""What a schedule says, as records; paths in it begin at the folder that its file lies in."""

import glob
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from ingest.contrasts import SHUFFLES
from ingest.contrasts.scores import Unit
from ingest.jobs.reader import POCKET_READER, Reader

OnError = Literal["stop", "skip"]
Gone = Literal["keep", "drop"]
LONGEST_BACKOFF = timedelta(days=1)

NAMED = ("bundled:", "hf:")
"""Beginnings of sources that are no path."""


class Timing(Protocol):
    """A rule that gives due times."""

    def first(self, started: datetime) -> datetime | None:
        """The first due time of a job that never ran, in a schedule started then."""

    def after(self, moment: datetime) -> datetime | None:
        """The first due time later than a moment."""


@dataclass(frozen=True)
class Interval:
    """Due every so long, at once in a schedule that never ran; clocks put forward or back do not matter."""

    every: timedelta

    def first(self, started: datetime) -> datetime:
        """The start itself, to the second."""
        return started.replace(microsecond=0)

    def after(self, moment: datetime) -> datetime:
        """The moment one interval later."""
        return moment + self.every


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
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contrast:
    """A contrast that jobs refresh, and how many of its best features are explained, on how many windows.

    It asks of two sides; or of a target, a field, in some corpora or all; or of classes.
    """

    name: str
    positive: tuple[str, ...]
    control: tuple[str, ...]
    unit: Unit | None = None
    shuffles: int = SHUFFLES
    best: int = 0
    windows: int | None = None
    target: str | None = None
    corpora: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    @property
    def two_sided(self) -> bool:
        """Whether it asks of two sides."""
        return self.target is None and not self.classes


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
class Schedule:
    """All that the file of a schedule says; every path in it is absolute. `patience` bounds waits for a lock."""

    path: Path
    atlas: Path
    timezone: ZoneInfo
    jobs: tuple[Job, ...]
    contrasts: tuple[Contrast, ...] = ()
    reader: Reader = POCKET_READER
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


@dataclass(frozen=True)
class Places:
    """Makes the paths of a schedule in `folder` absolute."""

    folder: Path

    def file(self, name: str) -> Path:
        """The absolute path of a file or folder."""
        return Path(self._joined(name))

    def source(self, name: str) -> str:
        """A source: a path or pattern is made absolute, all else stays; a data set folder is a path after `hf:`."""
        if name.startswith("hf:"):
            return self._data_set(name)
        if name == "-" or name.startswith(NAMED):
            return name
        joined = self._joined(name)
        if glob.has_magic(name) and not os.path.lexists(joined) and not os.path.isabs(os.path.expanduser(name)):  # noqa: PTH111, PTH117
            return os.path.join(glob.escape(str(self.folder)), name)  # noqa: PTH118 (keeps an ending slash)
        return joined

    def folder_or_name(self, name: str) -> str:
        """An SAE or a model: a folder if there is one of that name, else a name that is known elsewhere."""
        joined = self._joined(name)
        return joined if Path(joined).is_dir() else name

    def command(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """A command: a program that is named with a slash is a path."""
        return (self._joined(words[0]), *words[1:]) if words and "/" in words[0] else words

    def _joined(self, name: str) -> str:
        expanded = os.path.expanduser(name)  # noqa: PTH111 (a Path would raise where there is no such user)
        return os.path.join(self.folder, expanded)  # noqa: PTH118 (a Path would drop an ending slash)

    def _data_set(self, name: str) -> str:
        """A folder that is there, or is spelled as one, or a name of the hub; with the configuration and split."""
        folder, colon, rest = name.removeprefix("hf:").partition(":")
        joined = self._joined(folder)
        local = folder.startswith((".", "/", "~")) or (folder and Path(joined).is_dir())
        return f"hf:{joined}{colon}{rest}" if local else name
