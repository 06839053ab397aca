"""Cron lines, on the clocks of a time zone. Every moment is in UTC.

A line speaks of what a clock on the wall shows, so its times are found on a calendar that knows no zones
(`Pattern`), and placed by the clocks that are read one after the other, each from the change that set it to
the next. A clock that is put forward is read on for as long as it was put forward: what it would have shown
is due just after. Where one is put back, a line with a fixed hour is not due again before the new clock shows
more than the old one did.

The libraries at hand differ in just this. cronsim 2.8, as Debian's cron, is due at once for all that is left
out, never in spring and twice in autumn for `*/15 2 * * *`, and loses times after changes of half an hour;
APScheduler 3 looks for the next day where it already stands at midnight, and so loses that day.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

INSTANT = timedelta(microseconds=1)
NOTHING, SECOND, MINUTE, DAY = timedelta(0), timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
LONGEST_CHANGE = DAY
"""By how much a clock is put forward or back at most: Samoa left out a whole day."""

HORIZON = 41 * 366
"""Days within which a day that there is comes: after 40 years at most, as a Monday that is a 29 February."""

NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


@dataclass(frozen=True)
class Unit:
    """What a field counts: from where to where, the names of its numbers, and how many stand for the first again."""

    name: str
    least: int
    most: int
    names: Sequence[str] = ()
    again: int = 0

    def numbers(self, field: str) -> tuple[int, ...]:
        """The numbers that a field stands for, sorted.

        Raises: ValueError where it stands for none.
        """
        size = self.most - self.least + 1
        found = {number for part in field.split(",") for number in self._part(part)}
        return tuple(sorted({self.least + (number - self.least) % size for number in found}))

    def _part(self, part: str) -> range:
        span, slash, step = part.partition("/")
        low, dash, high = span.partition("-")
        if slash and not re.fullmatch("0*[1-9][0-9]{0,3}", step):
            raise ValueError(f"'{part}' has no step: write a number from 1 on behind the slash")
        if span == "*":
            return range(self.least, self.most + 1, int(step or 1))
        first = self._number(low)
        last = self._number(high) if dash else first
        if last < first:
            raise ValueError(f"'{part}' is no range of {self.name}s")
        return range(first, (last if dash or not slash else self.most) + 1, int(step or 1))

    def _number(self, text: str) -> int:
        if text in self.names:
            return self.least + self.names.index(text)
        most = self.most + self.again
        if re.fullmatch("[0-9]{1,4}", text) and self.least <= int(text) <= most:
            return int(text)
        names = f", or {self.names[0]} to {self.names[-1]}" if self.names else ""
        raise ValueError(f"'{text}' is no {self.name}: they are {self.least} to {most}{names}")


UNITS = (
    Unit("minute", 0, 59),
    Unit("hour", 0, 23),
    Unit("day", 1, 31),
    Unit("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    Unit("weekday", 0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"), again=1),
)


@dataclass(frozen=True)
class Pattern:
    """A line, read: what it asks of a time. `weekdays` count from Sunday."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    either: bool
    """A day of the month and a weekday are both named: one of them will do."""
    hourly: bool
    """The hour begins with `*`: an hour that a clock shows twice counts twice."""

    def after(self, shown: datetime) -> datetime | None:
        """The first time later than one that a clock shows; None if there is none."""
        start = shown.replace(second=0, microsecond=0) + MINUTE
        if self._has(start.date()):
            hour = bisect_left(self.hours, start.hour)
            if self.hours[hour : hour + 1] == (start.hour,) and start.minute <= self.minutes[-1]:
                return start.replace(minute=self.minutes[bisect_left(self.minutes, start.minute)])
            hour = bisect_left(self.hours, start.hour + 1)
            if hour < len(self.hours):
                return start.replace(hour=self.hours[hour], minute=self.minutes[0])
        day = self._day_after(start.date())
        return None if day is None else datetime.combine(day, time(self.hours[0], self.minutes[0]))

    def _day_after(self, day: date) -> date | None:
        first = day.toordinal() + 1
        for ordinal in range(first, min(first + HORIZON, date.max.toordinal())):
            if self._has(found := date.fromordinal(ordinal)):
                return found
        return None

    def _has(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        chosen = (day.day in self.days, day.isoweekday() % 7 in self.weekdays)
        return any(chosen) if self.either else all(chosen)


@cache
def read_cron_line(line: str) -> Pattern:
    """What a cron line asks for.

    Raises: ValueError where it is none.
    """
    spelled = line.strip().lower()
    if spelled.startswith("@") and spelled not in NICKNAMES:
        raise ValueError(f"there is no '{spelled}'; there are {', '.join(NICKNAMES)}")
    fields = NICKNAMES.get(spelled, spelled).split()
    if len(fields) != len(UNITS):
        raise ValueError(f"it has {len(fields)} field{'s' * (len(fields) != 1)}, not five")
    minutes, hours, days, months, weekdays = (unit.numbers(field) for unit, field in zip(UNITS, fields, strict=True))
    _, hour, day, _, weekday = fields
    either = not day.startswith("*") and not weekday.startswith("*")
    return Pattern(minutes, hours, days, months, weekdays, either, hour.startswith("*"))


@dataclass(frozen=True)
class Cron:
    """Due when a cron line says so, on the clocks of a time zone.

    Raises: ValueError where the line is none, or where its time never comes.
    """

    line: str
    timezone: ZoneInfo

    def __post_init__(self) -> None:
        if read_cron_line(self.line).after(datetime(2000, 1, 1)) is None:
            raise ValueError("there is no such day")

    def first(self, started: datetime) -> datetime | None:
        """The next time that the line gives."""
        return self.after(started)

    def after(self, moment: datetime) -> datetime | None:
        """The first due time later than a moment; None if there is none."""
        pattern = read_cron_line(self.line)
        since = moment.replace(microsecond=0) - LONGEST_CHANGE  # a clock set then may be read on until now
        read_from, found = moment, None
        while found is None or since < found:
            offset = self._offset(since)
            shown = pattern.after((max(moment, read_from) + offset).replace(tzinfo=None))
            if shown is None:
                return found
            due = shown.replace(tzinfo=UTC) - offset
            first = due if found is None else min(due, found)
            changed = self._change(since, first)
            if changed is None:
                return first
            forward = self._offset(changed) - offset
            if due < changed + max(forward, NOTHING):
                found = first
            since = changed
            read_from = changed - INSTANT + (NOTHING if pattern.hourly else max(-forward, NOTHING))
        return found

    def _change(self, since: datetime, until: datetime) -> datetime | None:
        """When clocks are next put forward or back, to the second; None where that is later than a moment."""
        offset = self._offset(since)
        while since < until:
            later = min(since + DAY, until)
            if self._offset(later) != offset:
                while later - since > SECOND:
                    middle = since + (later - since) // SECOND // 2 * SECOND
                    since, later = (middle, later) if self._offset(middle) == offset else (since, middle)
                return later
            since = later
        return None

    def _offset(self, moment: datetime) -> timedelta:
        offset = moment.astimezone(self.timezone).utcoffset()
        assert offset is not None
        return offset
