"""The clock of a schedule: the time, waiting for a time, and the wish to stop."""

import time
from datetime import UTC, datetime
from typing import Protocol

LONGEST_WAIT = 60.0
"""Seconds between two looks at the time: a machine that slept, or a clock that was set, is noticed within them."""

LONGEST_SLEEP = 0.5
"""Seconds between two looks at the wish to stop."""


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


def checkpoint(clock: Clock) -> None:
    """Raise `StoppedError` where somebody asked to stop: called where work can be left, such as between batches."""
    if clock.stopped:
        raise StoppedError
