"""The clock of a schedule: the time, waiting for a time, and the wish to stop."""

import threading
from datetime import UTC, datetime
from typing import Protocol

LONGEST_WAIT = 60.0
"""Seconds between two looks at the time: a machine that slept, or a clock that was set, is noticed within them."""


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


class SystemClock:
    """This machine's clock; `stop` may be called by a signal handler, with its number."""

    def __init__(self) -> None:
        self.signal = 0
        self._stop = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def stop(self, number: int = 0) -> None:
        """Ask to stop."""
        self.signal = number
        self._stop.set()

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def wait(self, until: datetime) -> None:
        """Wait, for a minute at most."""
        seconds = (until - self.now()).total_seconds()
        self._stop.wait(min(max(seconds, 0.0), LONGEST_WAIT))


def checkpoint(clock: Clock) -> None:
    """Raise `StoppedError` where somebody asked to stop: called where work can be left, such as between batches."""
    if clock.stopped:
        raise StoppedError
