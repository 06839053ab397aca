"""Running one due job from beginning to end: its row, its work, its publishing, and word of its failure."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar, cast

from ingest.jobs.progress import Progress, Report
from ingest.schedule.config import Job, Schedule
from ingest.schedule.history import (
    PUBLISHING,
    Run,
    close_killed_scheduled_runs,
    notify_of_failure,
    read_job_histories,
    store_runs,
)
from ingest.schedule.plan import Attempt, Due, Past, Status, overlapped_due_time, retry_at
from ingest.schedule.upkeep import Fill
from schema.errors import AtlasError, AtlasLockedError
from schema.store import Atlas, open_atlas

log = logging.getLogger(__name__)

T = TypeVar("T")
LOCK_POLL = timedelta(seconds=2)
STOPPED = "asked to stop; what was stored stays, and the next run goes on from there"

Publish = Callable[[Job], None]
"""Publishes after a job; the atlas is closed meanwhile."""


class StoppedError(Exception):
    """Somebody asked the schedule to stop while a job was running."""


class Clock(Protocol):
    """Tells the time, in UTC, and waits."""

    @property
    def stopped(self) -> bool:
        """Whether somebody asked to stop."""

    def now(self) -> datetime:
        """The time."""

    def wait(self, until: datetime) -> None:
        """Come back at that time, or earlier, and at once where somebody asks to stop."""


class Work(Protocol):
    """What jobs do to an atlas."""

    def begin(self, job: Job, report: Report) -> Fill:
        """All that can be done with the atlas closed; gives the part that writes. `report` raises to leave the work."""


@dataclass
class Runner:
    """Runs jobs, one at a time, and keeps what came of them.

    The atlas is open only while a job writes to it, so that readers and other writers fit between. Rows that could
    not be written, as where another process held the atlas, are written with the next ones, or by `finish`.
    """

    schedule: Schedule
    work: Work
    publish: Publish
    clock: Clock
    pasts: dict[str, Past] = field(default_factory=dict)
    unwritten: list[Run] = field(default_factory=list)

    def recall(self) -> bool:
        """Read from the atlas what came of earlier runs; there may be none yet. False where it was stopped over it.

        Raises:
            AtlasFileError: it cannot be opened; another writer is waited for within the schedule's patience.
        """
        names = [job.name for job in self.schedule.jobs]
        self.pasts = {name: Past() for name in names}
        try:
            if self.schedule.atlas.exists():
                with self._open() as atlas:
                    close_killed_scheduled_runs(atlas, names, self.clock.now())
                    self.pasts = read_job_histories(atlas, names, self.clock.now())
        except StoppedError:
            return False
        return True

    def run(self, due: Due) -> bool:
        """Run a job, or pass over it where it is too late; false where it failed or was stopped."""
        job = self.schedule.job(due.job)
        if due.too_late is not None:
            reason = f"missed by {due.too_late}, more than its grace of {job.when.grace}"
            log.warning("%s: skipped: %s", job.name, reason)
            self._end(job, [Run(job.name, due.planned_at, "skipped", missed=due.missed, reason=reason)])
            return True
        log.info("%s: begins (due %s, attempt %d)", job.name, self._local(due.planned_at), due.attempt)
        started = Run(job.name, due.planned_at, "running", due.attempt, due.missed, self.clock.now())
        ended = self._attempt(job, started)
        self._report(job, ended)
        self._end(job, [ended, *self._overlapped(job, ended)])
        return ended.status == "done"

    def finish(self) -> None:
        """Write the rows that could not be written before; those that still cannot be are logged, and lost."""
        if not self.unwritten:
            return
        try:
            with open_atlas(self.schedule.atlas, create=True) as atlas:
                self._write(atlas, [])
        except Exception as error:
            for run in self.unwritten:
                ending = f"{run.status}, {run.reason}" if run.reason else run.status
                due = self._local(run.planned_at)
                log.warning("%s: no row says how its run of %s ended (%s): %s", run.job, due, ending, error)

    def _attempt(self, job: Job, run: Run) -> Run:
        """Do the work; whatever goes wrong is written down, for a schedule goes on."""
        try:
            fill = self.work.begin(job, self._check)
            with self._open() as atlas:
                (run,) = self._write(atlas, [run])
                done = fill(atlas)
                undone = [*done.undone, PUBLISHING] if job.publish else done.undone
                ended = replace(run, status="done", reason="; ".join(undone) or None, ingest_run=done.ingest_run)
                # Closed before it publishes, so that the snapshot does not show it as running.
                (run,) = self._write(atlas, [replace(ended, finished_at=self.clock.now())])
            if job.publish:
                self._check()
                self._patiently(lambda: self.publish(job))
                run = replace(run, reason="; ".join(done.undone) or None)
        except StoppedError:
            return self._cut(run, "stopped", STOPPED)
        except AtlasError as error:
            return self._cut(run, "failed", str(error))
        except Exception as error:
            log.debug("%s failed", job.name, exc_info=True)
            words = (str(error).splitlines() or [""])[0]
            return self._cut(run, "failed", f"{type(error).__name__}: {words}".rstrip(": "))
        return run

    def _cut(self, run: Run, status: str, reason: str) -> Run:
        return replace(run, status=status, reason=reason, finished_at=self.clock.now())

    def _overlapped(self, job: Job, ended: Run) -> list[Run]:
        """The row of due times that came while the run was under way; those of an earlier attempt have theirs."""
        until = self.pasts.get(job.name, Past()).until or ended.planned_at
        found = overlapped_due_time(job, max(ended.planned_at, until), self.clock.now())
        if found is None or ended.status == "stopped":
            return []
        reason = f"the run that was due at {self._local(ended.planned_at)} was still under way"
        log.warning("%s: skipped (due %s): %s", job.name, self._local(found[0]), reason)
        return [Run(job.name, found[0], "skipped", missed=found[1], reason=reason)]

    def _end(self, job: Job, runs: list[Run]) -> None:
        """Take in how runs ended; what is not written yet (done is, but for its publishing) is written now or later.

        Nobody is waited for: where another process holds the atlas, the attempt has waited already.
        """
        past = self.pasts.get(job.name, Past())
        for run in runs:
            until = max(filter(None, (past.until, run.planned_at)))
            past = Past(until, past.last if run.status == "skipped" else _attempt_of(run))
        self.pasts[job.name] = past
        runs = [run for run in runs if run.status != "done" or job.publish]
        try:
            if runs:
                with open_atlas(self.schedule.atlas, create=True) as atlas:
                    self._write(atlas, runs)
        except Exception as error:
            self.unwritten += runs
            why = (str(error).splitlines() or [type(error).__name__])[0]
            log.warning("%s: its row cannot be written now, and is kept for later: %s", job.name, why)

    def _write(self, atlas: Atlas, runs: list[Run]) -> list[Run]:
        stored = store_runs(atlas, [*self.unwritten, *runs])
        self.unwritten.clear()
        return stored[len(stored) - len(runs) :]

    def _report(self, job: Job, run: Run) -> None:
        if run.status == "stopped":
            log.warning("%s: %s", job.name, run.reason)
        elif run.status == "done":
            log.info("%s: done%s", job.name, f"; {run.reason}" if run.reason else "")
        else:
            following = retry_at(job, _attempt_of(run))
            again = f"tried again at {self._local(following)}" if following else "not tried again before its next time"
            log.error("%s: failed, %s: %s", job.name, again, run.reason)
            notify_of_failure(self.schedule, run, following)

    def _open(self) -> Atlas:
        """Open the atlas, making it where there is none."""
        return self._patiently(lambda: open_atlas(self.schedule.atlas, create=True))

    def _patiently(self, act: Callable[[], T]) -> T:
        """Do what needs the atlas; another process that holds it is waited for, but not for ever."""
        begun = self.clock.now()
        while True:
            try:
                return act()
            except AtlasLockedError as error:
                if self.clock.now() - begun >= self.schedule.patience:
                    raise AtlasLockedError(f"waited {self.schedule.patience}: {error}") from error
                self._check()
            self.clock.wait(self.clock.now() + LOCK_POLL)

    def _check(self, progress: Progress | None = None) -> None:
        """The report of the jobs that it runs: called where work can be left, such as between batches."""
        if self.clock.stopped:
            raise StoppedError

    def _local(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.schedule.timezone):%Y-%m-%d %H:%M:%S %Z}"


def _attempt_of(run: Run) -> Attempt:
    status = cast(Status, run.status)
    return Attempt(run.planned_at, run.attempt, status, run.finished_at or run.planned_at)
