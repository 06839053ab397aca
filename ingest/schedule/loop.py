"""A schedule that runs: in the foreground until somebody stops it, or once."""

import fcntl
import logging
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ingest.schedule.config import Job, Schedule
from ingest.schedule.planning import Due, Past, Situation, due_now, next_due, run_at_once
from ingest.schedule.running import Runner
from schema.errors import ScheduleError
from schema.locking import take

log = logging.getLogger(__name__)


@contextmanager
def only_one(path: Path) -> Iterator[bool]:
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
        return take(path.with_name(f".{path.name}.lock")).release
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
            due = replace(due, too_late=None) if due else run_at_once(job, situation.now)
        if due is None or runner.clock.stopped:
            continue
        ran += due.too_late is None
        failed += not runner.run(due)
    runner.finish()
    return ran, failed


def next_times(job: Job, past: Past, now: datetime, count: int) -> list[datetime]:
    """The next due times of a job, jitter left out; a run that is missed, or to be tried again, comes first."""
    due = next_due(job, past, Situation(now, now))
    times: list[datetime] = []
    while due is not None and len(times) < count:
        times.append(max(due.begins_at, now) if due.attempt > 1 else max(due.planned_at, now))
        timing = job.when.timing
        following = timing.after(max(due.planned_at, times[-1])) if timing else None
        due = Due(job.name, following, following) if following else None
    return times


def _earliest(runner: Runner, situation: Situation) -> Due | None:
    """The run that begins first; of two, that of the job named first."""
    found = (next_due(job, runner.pasts[job.name], situation) for job in runner.schedule.jobs)
    return min((due for due in found if due is not None), key=lambda due: due.begins_at, default=None)


def _announce(schedule: Schedule, due: Due, announced: Due | None) -> Due:
    if due != announced:
        begins = due.begins_at.astimezone(schedule.timezone)
        log.info("next: %s at %s", due.job, f"{begins:%Y-%m-%d %H:%M:%S %Z}")
    return due
