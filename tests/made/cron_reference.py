"""Cron lines minute by minute over the wall clock: what `ingest.schedule.cron` is held against.

A minute of the years looked at is due where a clock on the wall shows what the line asks for. Of a minute that is shown
twice, a line with a fixed hour takes the first; for as long as clocks were put forward, what they would show
otherwise counts, too.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from zoneinfo import ZoneInfo

import numpy as np

from ingest.schedule.cron import Cron

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
NEAR = 240  # minutes
LOOK = 720  # minutes
MARGIN = 3 * 1440  # minutes before and after the years, for clocks that are ahead of UTC, or behind
Stretch = tuple[int, int, int]
"""From when to when a clock is read, in minutes of UTC, and by how many it is ahead."""


@dataclass(frozen=True)
class Line:
    """A cron line, and the numbers that each of its fields stands for."""

    text: str
    fields: tuple[frozenset[int], ...]

    @property
    def fixed(self) -> bool:
        """Whether it names its hours."""
        return not self.text.split()[1].startswith("*")


def some_line(chance: random.Random) -> Line:
    """A line of any kind: fixed and repeated minutes and hours, days, months, weekdays, ranges, steps, lists, names."""
    minute = chance.choice((_any, _step, _one, _one, _list, _range))(chance, 0, 59)
    hour = chance.choice((_any, _step, _one, _one, _one, _list, _range))(chance, 0, 23)
    day = chance.choice((_any, _any, _any, _one, _list, _range, _step))(chance, 1, 31)
    month = chance.choice((_any, _any, _any, _list, _range, _step))(chance, 1, 12)
    weekday = chance.choice((_any, _any, _one, _list, _range, _step))(chance, 0, 6)
    parts = [minute, hour, day, month, weekday]
    if chance.random() < 0.3:
        parts[4] = chance.choice((("7", {0}), ("5-7", {5, 6, 0}), ("SUN", {0}), ("mon-fri", {1, 2, 3, 4, 5})))
    if chance.random() < 0.2:
        parts[3] = chance.choice((("mar,oct", {3, 10}), ("MAR", {3}), ("sep-nov/2", {9, 11})))
    return Line(" ".join(text for text, _ in parts), tuple(frozenset(numbers) for _, numbers in parts))


def _any(_: random.Random, low: int, high: int) -> tuple[str, set[int]]:
    return "*", set(range(low, high + 1))


def _one(chance: random.Random, low: int, high: int) -> tuple[str, set[int]]:
    number = min(chance.randint(low, high), chance.randint(low, high))  # clocks change early in the day
    return str(number), {number}


def _list(chance: random.Random, low: int, high: int) -> tuple[str, set[int]]:
    numbers = chance.sample(range(low, high + 1), 3)
    return ",".join(map(str, numbers)), set(numbers)


def _range(chance: random.Random, low: int, high: int) -> tuple[str, set[int]]:
    first, last = sorted(chance.sample(range(low, high + 1), 2))
    return f"{first}-{last}", set(range(first, last + 1))


def _step(chance: random.Random, low: int, high: int) -> tuple[str, set[int]]:
    step = chance.randint(2, 9)
    return f"*/{step}", set(range(low, high + 1, step))


@dataclass(frozen=True)
class Years:
    """Every minute from the beginning of one year to that of another, as a calendar without time zones has them."""

    first: int
    last: int

    @cached_property
    def begins(self) -> datetime:
        """The first minute."""
        return datetime(self.first, 1, 1, tzinfo=UTC)

    @cached_property
    def size(self) -> int:
        """How many minutes there are."""
        return (datetime(self.last, 1, 1, tzinfo=UTC) - self.begins) // MINUTE

    def shown(self, line: Line) -> np.ndarray:
        """Which minutes of the calendar a line asks for, `MARGIN` before the first and after the last among them."""
        minute, hour, day, month, weekday = line.fields
        days = [
            self.begins.date() + timedelta(days=n - MARGIN // 1440) for n in range((self.size + 2 * MARGIN) // 1440)
        ]
        text = line.text.split()
        both = text[2].startswith("*") or text[4].startswith("*")
        chosen = [
            d.month in month
            and (
                (d.day in day and d.isoweekday() % 7 in weekday)
                if both
                else (d.day in day or d.isoweekday() % 7 in weekday)
            )
            for d in days
        ]
        of_day = np.array([h in hour and m in minute for h in range(24) for m in range(60)])
        return np.outer(np.array(chosen), of_day).ravel()

    def stretches(self, zone: ZoneInfo) -> tuple[Stretch, ...]:
        """The clocks of a zone, one after the other."""
        return _stretches(zone, self.begins, self.size)

    def due(self, shown: np.ndarray, stretches: tuple[Stretch, ...], *, fixed: bool) -> np.ndarray:
        """The minutes of UTC in which a line is due that asks for these minutes, counted from the first."""
        due = np.zeros(self.size, bool)
        before = stretches[0][2]
        for begins, ends, ahead in stretches:
            back = max(0, before - ahead) if fixed else 0  # minutes that this clock shows for the second time
            forward = max(0, ahead - before)  # minutes that the one before would have shown
            due[begins + back : ends] |= shown[MARGIN + ahead + begins + back : MARGIN + ahead + ends]
            until = min(begins + forward, self.size)
            due[begins:until] |= shown[MARGIN + before + begins : MARGIN + before + until]
            before = ahead
        return np.flatnonzero(due)


@cache
def _stretches(zone: ZoneInfo, begins: datetime, size: int) -> tuple[Stretch, ...]:
    """Found by looking at the clock twice a day, then every minute between two looks that differ."""
    found, since, ahead = [], 0, _ahead(zone, begins)
    for look in range(LOOK, size + LOOK, LOOK):
        if _ahead(zone, begins + look * MINUTE) == ahead:
            continue
        for minute in range(look - LOOK, min(look + 1, size)):
            now = _ahead(zone, begins + minute * MINUTE)
            if now != ahead:
                found.append((since, minute, ahead))
                since, ahead = minute, now
    return (*found, (since, size, ahead))


def _ahead(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset // MINUTE


def disagreements(
    line: Line, zone: ZoneInfo, years: Years, shown: np.ndarray, chance: random.Random, most: int
) -> Iterator[str | None]:
    """Hold `Cron` against the reference, at so many due times near changes of clocks, and elsewhere; None is right."""
    stretches = years.stretches(zone)
    due = years.due(shown, stretches, fixed=line.fixed)
    try:
        cron = Cron(line.text, zone)
    except ValueError as error:
        yield None if str(error) == "there is no such day" and not len(due) else f"{line.text}: {error}"
        return
    near = [np.arange(*np.searchsorted(due, (begins - NEAR, begins + NEAR))) for begins, _, _ in stretches[1:]]
    places = set(np.concatenate([np.zeros(0, int), *near]).tolist())
    chosen = chance.sample(sorted(places), min(most, len(places))) + chance.sample(range(len(due)), min(9, len(due)))
    for place in chosen:
        if not 0 < place < len(due):
            continue
        before, expected = (years.begins + int(due[at]) * MINUTE for at in (place - 1, place))
        moment = before + chance.randrange((expected - before) // SECOND) * SECOND
        got = cron.after(moment)
        yield None if got == expected else f"{line.text} in {zone} after {moment}: expected {expected}, got {got}"
