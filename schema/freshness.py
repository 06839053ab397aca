"""How long ago an atlas was last brought up to date: what monitoring asks, again and again."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from schema.errors import AtlasLockedError, SelectionError
from schema.locking import age_text, read_writer
from schema.store import Atlas, open_atlas

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(rf"(\d{{1,6}})([{''.join(UNITS)}])")


def parse_age(text: str) -> timedelta:
    """Read an age such as 90m, 24h or 7d.

    Raises:
        ValueError: it is none.
    """
    found = _AGE.fullmatch(text.strip().lower())
    if not found or not int(found[1]):
        raise ValueError(f"{text!r} is no age; give a number and a unit of {', '.join(UNITS)}, such as 24h")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def check_fresh(path: Path, age: timedelta, job: str | None = None) -> str:
    """Say when the last ingest of an atlas succeeded, or that a writer is at work now.

    A run that found nothing new counts, one that failed does not. With `job` it is the last run of that job of
    the schedule that counts.

    Raises:
        SelectionError: it was longer ago than `age`, or never.
        AtlasFileError: the atlas cannot be opened; for a writer, only one that has been at it for longer than `age`.
    """
    try:
        with open_atlas(path, read_only=True) as atlas:
            last, jobs = _last_done(atlas, job), _jobs(atlas)
    except AtlasLockedError as error:
        writer = read_writer(path)
        if writer is None or f"process {writer.pid} " not in str(error) or writer.seconds > age.total_seconds():
            raise
        return f"{path} is being written to by {writer}"
    what = f"run of job {job}" if job else "ingest"
    more = f"see: atlas query {path} {'scheduled_runs' if jobs else 'ingest_runs'}"
    if job is not None and job not in jobs:
        known = f"it knows: {', '.join(jobs)}" if jobs else "no schedule has run on it"
        raise SelectionError(f"{path} has no run of a job '{job}'; {known}")
    if last is None:
        raise SelectionError(f"{path} is stale: no {what} has ever succeeded; {more}")
    ago = (datetime.now(UTC).replace(tzinfo=None) - last).total_seconds()
    said = f"the last successful {what} ended {age_text(max(ago, 0.0))} ago ({last:%Y-%m-%d %H:%M:%S} UTC)"
    if ago > age.total_seconds():
        raise SelectionError(f"{path} is stale: {said}; {more}")
    return f"{path} is fresh: {said}"


def _last_done(atlas: Atlas, job: str | None) -> datetime | None:
    """When the newest run that succeeded ended (UTC)."""
    of_runs = "SELECT MAX(finished_at) FROM ingest_run WHERE command = 'ingest' AND status = 'done'"
    of_job = "SELECT MAX(finished_at) FROM scheduled_run WHERE job = ? AND status = 'done'"
    ((last,),) = atlas.rows(of_job, [job]) if job else atlas.rows(of_runs)
    found: datetime | None = last
    return found


def _jobs(atlas: Atlas) -> list[str]:
    """The jobs of schedules that ran on it; a run of theirs may fail before an ingest begins."""
    return [job for (job,) in atlas.rows("SELECT DISTINCT job FROM scheduled_run ORDER BY job")]
