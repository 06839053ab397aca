"""Cron lines, on the clocks of a time zone. Every moment is in UTC.

The arithmetic of cron lines and of daylight saving is APScheduler's. Where it and cron differ, cron is
followed: weekdays count from Sunday, a day of the month and a weekday that are both named are
alternatives, and a line with a fixed hour is due once in the hour that a clock put back shows twice. In
the hour that a clock put forward leaves out, it is due just as long after midnight, on the new clock.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from ingest.schedule.timing import INSTANT

HOUR = timedelta(hours=1)
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
WEEKDAY_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")


@dataclass(frozen=True)
class Cron:
    """Due when a cron line says so, on the clocks of a time zone.

    Raises: ValueError where the line is none, or where its time never comes.
    """

    line: str
    timezone: ZoneInfo

    def __post_init__(self) -> None:
        if self.after(datetime(2000, 1, 1, tzinfo=UTC)) is None:
            raise ValueError("there is no such day")

    def first(self, started: datetime) -> datetime | None:
        """The next time that the line gives."""
        return self.after(started)

    def after(self, moment: datetime) -> datetime | None:
        """The first due time later than a moment; None if there is none."""
        found = [self._after(trigger, moment) for trigger in _triggers(self.line, self.timezone)]
        found += [self._left_out(trigger, moment) for trigger in _triggers(self.line, UTC)]
        return min((time for time in found if time is not None), default=None)

    def _after(self, trigger: CronTrigger, moment: datetime) -> datetime | None:
        while True:
            local = trigger.get_next_fire_time(None, (moment + INSTANT).astimezone(self.timezone))
            if local is None:
                return None
            moment = local.astimezone(UTC)
            shown_before = moment.astimezone(self.timezone).fold == 1
            if not shown_before or _fields(self.line)[1].startswith("*"):
                return moment

    def _left_out(self, trigger: CronTrigger, moment: datetime) -> datetime | None:
        """The first due time later than a moment, where it is one that clocks leave out; `trigger` knows of none."""
        before = (moment - HOUR).astimezone(self.timezone).utcoffset()
        assert before is not None
        shown = trigger.get_next_fire_time(None, moment + before + INSTANT)  # by a clock that is not put forward yet
        due = None if shown is None else shown.replace(tzinfo=self.timezone).astimezone(UTC)
        left_out = due and due.astimezone(self.timezone).replace(tzinfo=UTC) != shown
        return due if left_out else None


def _fields(line: str) -> list[str]:
    return NICKNAMES.get(line.strip().lower(), line).split()


@cache
def _triggers(line: str, timezone: tzinfo) -> list[CronTrigger]:
    """One trigger; two where a day of the month and a weekday are both named: either will do."""
    fields = _fields(line)
    if len(fields) != 5:
        raise ValueError(f"it has {len(fields)} field{'s' * (len(fields) != 1)}, not five")
    minute, hour, day, month, weekday = fields
    weekday = _weekdays(weekday)
    days = [(day, weekday)]
    if not day.startswith("*") and not fields[4].startswith("*"):
        days = [(day, "*"), ("*", weekday)]
    return [
        CronTrigger(minute=minute, hour=hour, day=one, month=month, day_of_week=other, timezone=timezone)
        for one, other in days
    ]


def _weekdays(field: str) -> str:
    """Cron's weekdays by name: a number means another day to APScheduler."""
    if field == "*":
        return field
    days: set[int] = set()
    for part in field.lower().split(","):
        match = WEEKDAY_PART.fullmatch(part)
        if match is None:
            raise ValueError(f"'{part}' is no weekday")
        low, high, step = match.groups()
        first = 0 if low is None else _weekday(low)
        last = _weekday(high) if high else (first if low is not None and step is None else 6)
        if last < first or (step is not None and int(step) == 0):
            raise ValueError(f"'{part}' is no range of weekdays")
        days.update(day % 7 for day in range(first, last + 1, int(step or 1)))
    return ",".join(WEEKDAYS[day] for day in sorted(days))


def _weekday(text: str) -> int:
    if text in WEEKDAYS:
        return WEEKDAYS.index(text)
    if text.isdecimal() and int(text) <= 7:
        return int(text)
    raise ValueError(f"'{text}' is no weekday: they are 0 to 7 (0 and 7 are Sunday) or sun to sat")
