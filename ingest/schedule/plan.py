"""Which job is due when: pure decisions from the schedule, what came of earlier runs, and the time.

One job runs at a time, since an atlas has one writer: a job that is due while another runs waits for it.
Due times that passed while a job waited, or while nothing ran, are folded into the latest of them. Due
times that come while the job itself is running are skipped. A failed run is tried again until the next
due time takes its place; a run that a signal stopped is taken up again at once.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import pairwise
from typing import Literal

from ingest.schedule.config import Interval, Job, Timing
from ingest.schedule.cron import INSTANT

MOST_FOLDED = 10_000
"""Missed due times that are counted one by one; more count as many."""

Status = Literal["done", "failed", "stopped"]


@dataclass(frozen=True)
class Attempt:
    """One run of a job that has ended."""

    planned_at: datetime
    attempt: int
    status: Status
    finished_at: datetime


@dataclass(frozen=True)
class Past:
    """What is known of a job: the latest due time that was seen to, run or skipped, and its last attempt."""

    until: datetime | None = None
    last: Attempt | None = None


@dataclass(frozen=True)
class Due:
    """A run to come: when it was due, when it begins, and how many earlier due times it makes up for.

    too_late: by how much its time was missed, where that is more than the job allows: it is not run.
    """

    job: str
    planned_at: datetime
    begins_at: datetime
    attempt: int = 1
    missed: int = 0
    too_late: timedelta | None = None


@dataclass(frozen=True)
class Situation:
    """The time, when the schedule was started, and what jitter depends on."""

    now: datetime
    started: datetime
    seed: str = ""


def next_due(job: Job, past: Past, situation: Situation) -> Due | None:
    """The next run of a job; it is due now where `begins_at` is not later than now. None: never by itself."""
    regular, again = _regular(job, past, situation), _again(job, past)
    if regular is None or again is None:
        return regular or again
    taken_over = regular.begins_at <= max(situation.now, again.begins_at)
    return regular if taken_over else again


def due_now(job: Job, past: Past, situation: Situation) -> Due | None:
    """The run of a job that is due now, jitter left out; a job that never ran, or has no times, is due."""
    at_once = due_at_once(job, situation.now)
    if past.until is None:
        return at_once
    regular, again = _regular(job, past, situation), _again(job, past)
    if regular is not None and regular.planned_at <= situation.now:
        return regular
    if again is not None and again.begins_at <= situation.now:
        return again
    return at_once if job.when.timing is None else None


def due_at_once(job: Job, now: datetime) -> Due:
    """A run that is due this second, whatever the job's times."""
    return Due(job.name, now.replace(microsecond=0), now)


def overlapped_due_time(job: Job, planned_at: datetime, finished_at: datetime) -> tuple[datetime, int] | None:
    """The latest due time that came while a run was under way, and how many others came before it."""
    timing = job.when.timing
    return None if timing is None else fold_missed_runs(timing, timing.after(planned_at), finished_at - INSTANT)


def retry_at(job: Job, last: Attempt) -> datetime | None:
    """When an attempt that did not end well is followed by another; None if it is not."""
    if last.status == "stopped":
        return last.finished_at
    if last.status == "failed" and last.attempt <= job.retry.times:
        return last.finished_at + job.retry.delay(last.attempt)
    return None


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


def fold_missed_runs(timing: Timing, first: datetime | None, until: datetime) -> tuple[datetime, int] | None:
    """The latest due time from `first` on that is not later than `until`, and how many earlier ones it makes up for."""
    if isinstance(timing, Interval) and first is not None and first <= until:
        missed = (until - first) // timing.every
        return first + missed * timing.every, min(missed, MOST_FOLDED)
    found, missed = None, -1
    while first is not None and first <= until:
        found, missed = first, missed + 1
        first = timing.after(first)
        if missed == MOST_FOLDED and first is not None:
            first = max(first, timing.after(until - timedelta(days=1)) or first)
    return None if found is None else (found, min(missed, MOST_FOLDED))


def shortest_gap(timing: Timing, started: datetime) -> timedelta | None:
    """The shortest time between the next ten due times; None where there is only one."""
    times: list[datetime] = []
    following = timing.after(started)
    while following is not None and len(times) < 10:
        times.append(following)
        following = timing.after(following)
    return min((after - before for before, after in pairwise(times)), default=None)


def jitter_delay(seed: str, job: str, due: datetime, jitter: timedelta) -> timedelta:
    """How much later than due a job begins: anywhere within the jitter, the same for the same seed, job and time."""
    digest = blake2b(f"{seed}\n{job}\n{due.astimezone(UTC).isoformat()}".encode(), digest_size=8).digest()
    return timedelta(seconds=int(jitter.total_seconds() * int.from_bytes(digest, "big") / 2**64))


def _again(job: Job, past: Past) -> Due | None:
    if past.last is None or (begins_at := retry_at(job, past.last)) is None:
        return None
    attempt = past.last.attempt + (past.last.status == "failed")
    return Due(job.name, past.last.planned_at, begins_at, attempt)


def _regular(job: Job, past: Past, situation: Situation) -> Due | None:
    timing = job.when.timing
    if timing is None:
        return None
    first = timing.first(situation.started) if past.until is None else timing.after(past.until)
    if first is None:
        return None
    planned_at, missed = fold_missed_runs(timing, first, situation.now) or (first, 0)
    begins_at = planned_at + jitter_delay(situation.seed, job.name, planned_at, job.when.jitter)
    late = situation.now - planned_at
    too_late = late if job.when.grace is not None and late > max(job.when.grace, job.when.jitter) else None
    return Due(job.name, planned_at, begins_at, missed=missed, too_late=too_late)
