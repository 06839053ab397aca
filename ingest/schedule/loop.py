"""A schedule that runs, by this machine's clock and alone: in the foreground until somebody stops it, or once."""

import fcntl
import logging
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ingest.schedule.config import Schedule
from ingest.schedule.job_runner import Runner
from ingest.schedule.plan import Due, Situation, due_at_once, due_now, next_due
from schema.errors import ScheduleError
from schema.locking import take_lock

log = logging.getLogger(__name__)

LONGEST_WAIT = 60.0
"""Seconds between two looks at the time: a machine that slept, or a clock that was set, is noticed within them."""

LONGEST_SLEEP = 0.5
"""Seconds between two looks at the wish to stop."""


class SystemClock:
    """This machine's clock; `stop` may be called by a signal handler, with its number.

    A handler interrupts the waiting itself, so the two share no lock, as that of an event: a plain
    value is looked at again and again.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def stop(self, number: int = 0) -> None:
        """Ask to stop."""
        self.signal = number
        self._stopped = True

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def wait(self, until: datetime) -> None:
        """Wait, for a minute at most."""
        seconds = (until - self.now()).total_seconds()
        end = time.monotonic() + min(max(seconds, 0.0), LONGEST_WAIT)
        while not self._stopped and (remaining := end - time.monotonic()) > 0:
            time.sleep(min(remaining, LONGEST_SLEEP))


@contextmanager
def only_schedule_loop(path: Path) -> Iterator[bool]:
    """Inside, this process alone runs the schedule of that file; false where another one does.

    Raises:
        ScheduleError: the file cannot be opened any more.
    """
    try:
        release = _lock(path.resolve())
    except BlockingIOError:
        yield False
        return
    except OSError as error:
        raise ScheduleError(f"{path} cannot be locked: {error.strerror}; see to it and its folder") from error
    try:
        yield True
    finally:
        release()


def _lock(path: Path) -> Callable[[], None]:
    """Lock a file beside the schedule: an editor that saves it puts another file in its place.

    Where the folder takes no lock file, the schedule itself is locked. What is given back ends the lock.
    """
    try:
        return take_lock(path.with_name(f".{path.name}.lock")).release
    except BlockingIOError:
        raise
    except OSError:
        file = path.open("rb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            file.close()
            raise
        return file.close


def run_forever(runner: Runner, seed: str | None = None) -> bool:
    """Run every job when it is due, until the clock is stopped; false where a job was cut short by that.

    `seed` is what jitter depends on, beside job and time; the name of this machine by default.
    """
    if not runner.recall():
        log.info("stopped while waiting for the atlas")
        return True
    started, whole = runner.clock.now(), True
    seed = platform.node() if seed is None else seed
    log.info(
        "started: jobs %s of %s, into %s",
        ", ".join(job.name for job in runner.schedule.jobs),
        runner.schedule.path,
        runner.schedule.atlas,
    )
    announced = None
    while not runner.clock.stopped:
        situation = Situation(runner.clock.now(), started, seed)
        due = _earliest(runner, situation)
        if due is None:
            log.info("no job has a time of its own: run them with --once")
            break
        if due.begins_at > situation.now:
            announced = _announce(runner.schedule, due, announced)
            runner.clock.wait(due.begins_at)
            continue
        whole = runner.run(due) or not runner.clock.stopped
    else:
        log.info("stopped")
    runner.finish()
    return whole


def run_once(runner: Runner, names: Sequence[str] = ()) -> tuple[int, int]:
    """Run what is due now, each job once and in the order of the file; how many ran, and how many of them failed.

    Jobs that are named are run whether due or not, however late, and no other.
    """
    ran = failed = 0
    for job in runner.schedule.jobs if runner.recall() else ():
        if names and job.name not in names:
            continue
        situation = Situation(runner.clock.now(), runner.clock.now())
        due = due_now(job, runner.pasts[job.name], situation)
        if names:
            due = replace(due, too_late=None) if due else due_at_once(job, situation.now)
        if due is None or runner.clock.stopped:
            continue
        ran += due.too_late is None
        failed += not runner.run(due)
    runner.finish()
    return ran, failed


def _earliest(runner: Runner, situation: Situation) -> Due | None:
    """The run that begins first; of two, that of the job named first."""
    found = (next_due(job, runner.pasts[job.name], situation) for job in runner.schedule.jobs)
    return min((due for due in found if due is not None), key=lambda due: due.begins_at, default=None)


def _announce(schedule: Schedule, due: Due, announced: Due | None) -> Due:
    if due != announced:
        begins = due.begins_at.astimezone(schedule.timezone)
        log.info("next: %s at %s", due.job, f"{begins:%Y-%m-%d %H:%M:%S %Z}")
    return due
