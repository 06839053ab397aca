"""The runs of a schedule: rows of `scheduled_run`, written as they happen, and word of those that failed."""

import json
import logging
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, insert, or_, update

from ingest.schedule.config import Notify, Schedule
from ingest.schedule.plan import Attempt, Past
from schema import tables
from schema.store import Atlas

log = logging.getLogger(__name__)

COLUMNS = [column.name for column in tables.scheduled_run.columns if not column.primary_key]
KILLED = "killed; what it had stored stays, and the next run goes on from there"
PUBLISHING = "its publishing is under way"
"""The end of the reason of a run that has done all else: its row is closed already, so that the snapshot shows it."""


@dataclass(frozen=True)
class Run:
    """A row of `scheduled_run`; `key` is None until it is stored."""

    job: str
    planned_at: datetime
    status: str
    attempt: int = 1
    missed: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    reason: str | None = None
    ingest_run: int | None = None
    key: int | None = None


def read_job_histories(atlas: Atlas, jobs: Iterable[str], now: datetime) -> dict[str, Past]:
    """What the atlas knows of each job; a run that is still open, or publishing, was killed, and counts as failed."""
    return {job: _past(atlas, job, now) for job in jobs}


def store_runs(atlas: Atlas, runs: Iterable[Run]) -> list[Run]:
    """Insert the runs that are not stored yet and bring up the others, in one transaction; the same with their keys."""
    with atlas.transaction():
        return [_store(atlas, run) for run in runs]


def close_killed_scheduled_runs(atlas: Atlas, jobs: Sequence[str], now: datetime) -> None:
    """Close the rows that are open or publishing: one process at a time runs these jobs, and it is not running them."""
    row = tables.scheduled_run
    unfinished = or_(row.c.status == "running", and_(row.c.status == "done", row.c.reason.endswith(PUBLISHING)))
    killed = update(row).where(unfinished, row.c.job.in_(list(jobs)))
    with atlas.transaction():
        atlas.connection.execute(killed.values(status="failed", reason=KILLED, finished_at=_stored(now)))


def _store(atlas: Atlas, run: Run) -> Run:
    row = tables.scheduled_run
    values = {name: _stored(getattr(run, name)) for name in COLUMNS}
    if run.key is not None:
        atlas.connection.execute(update(row).where(row.c.scheduled_run == run.key).values(**values))
        return run
    key = atlas.next_key(row)
    atlas.connection.execute(insert(row), {"scheduled_run": key, **values})
    return replace(run, key=key)


def _past(atlas: Atlas, job: str, now: datetime) -> Past:
    rows = atlas.rows(
        """
        SELECT
            planned_at,
            attempt,
            IF(status = 'running' OR (status = 'done' AND reason LIKE '%' || $publishing), 'failed', status),
            COALESCE(finished_at, $now)
        FROM scheduled_run
        WHERE job = $job
          AND status <> 'skipped'
        ORDER BY scheduled_run DESC
        LIMIT 1
        """,
        {"job": job, "now": _stored(now), "publishing": PUBLISHING},
    )
    ((until,),) = atlas.rows("SELECT MAX(planned_at) FROM scheduled_run WHERE job = ?", [job])
    return Past(_read(until) if until else None, _attempt(*rows[0]) if rows else None)


def _attempt(planned_at: datetime, attempt: int, status: Any, finished_at: datetime) -> Attempt:
    return Attempt(_read(planned_at), attempt, status, _read(finished_at))


def _stored(value: Any) -> Any:
    """Moments are stored in UTC, without saying so."""
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _read(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def notify_of_failure(schedule: Schedule, run: Run, retry_at: datetime | None) -> None:
    """Tell of a failed run, as the schedule says."""
    notify = schedule.notify
    if notify is None or (notify.attempts == "last" and retry_at is not None):
        return
    failure = {
        "schedule": str(schedule.path),
        "atlas": str(schedule.atlas),
        "job": run.job,
        "planned_at": run.planned_at.isoformat(),
        "attempt": run.attempt,
        "error": run.reason,
        "retry_at": retry_at.isoformat() if retry_at else None,
    }
    run_notify_command(notify, json.dumps(failure))


def run_notify_command(notify: Notify, message: str) -> bool:
    """Run the command, without a shell; whether it succeeded. That it did not is logged, and harms nothing."""
    try:
        subprocess.run(
            notify.command,
            input=message + "\n",
            text=True,
            encoding="utf-8",
            errors="replace",
            capture_output=True,
            timeout=notify.timeout.total_seconds(),
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or "").strip().splitlines()
        code = f"exit code {error.returncode}"
        log.warning("nobody could be told: %s left with %s", notify.command[0], ": ".join([code, *said[-1:]]))
    except subprocess.TimeoutExpired:
        log.warning("nobody could be told: %s took longer than %s", notify.command[0], notify.timeout)
    except OSError as error:
        log.warning("nobody could be told: %s cannot be run: %s", notify.command[0], error.strerror)
    else:
        return True
    return False
