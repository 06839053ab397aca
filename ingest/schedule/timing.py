"""When a job is due: rules that give due times, and what follows from them. Every moment is in UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import pairwise
from typing import Protocol

MOST_FOLDED = 10_000
"""Missed due times that are counted one by one; more count as many."""

INSTANT = timedelta(microseconds=1)
LONGEST = timedelta(days=36_525)
"""A hundred years: no date that follows from it is beyond the calendar."""

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


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
        """One interval later."""
        return moment + self.every


def fold(timing: Timing, first: datetime | None, until: datetime) -> tuple[datetime, int] | None:
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


def spread(seed: str, job: str, due: datetime, jitter: timedelta) -> timedelta:
    """How much later than due a job begins: anywhere within the jitter, the same for the same seed, job and time."""
    digest = blake2b(f"{seed}\n{job}\n{due.astimezone(UTC).isoformat()}".encode(), digest_size=8).digest()
    return timedelta(seconds=int(jitter.total_seconds() * int.from_bytes(digest, "big") / 2**64))


def parse_duration(text: str) -> timedelta:
    """What `90s`, `15m`, `1h30m`, `2d` or `1w` mean.

    Raises: ValueError for anything else, and for more than a hundred years.
    """
    parts = re.findall(r"([0-9]{1,6})([smhdw])", text)
    if not parts or "".join(map("".join, parts)) != text:
        raise ValueError(f"'{text}' is no length of time")
    seconds = sum(int(number) * UNITS[unit] for number, unit in parts)
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"'{text}' is longer than a hundred years")
    return timedelta(seconds=seconds)
