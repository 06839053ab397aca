"""Telling somebody of a failure: a command that is given the failure as JSON on its stdin."""

import json
import logging
import subprocess
from datetime import datetime

from ingest.schedule.config import Notify, Schedule
from ingest.schedule.history import Run

log = logging.getLogger(__name__)


def notify_of(schedule: Schedule, run: Run, retry_at: datetime | None) -> None:
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
    tell(notify, json.dumps(failure))


def tell(notify: Notify, message: str) -> bool:
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
