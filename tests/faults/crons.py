"""Cron lines of every kind, in every time zone, over twenty years, against a reference that looks at every minute."""

import random
import time
from collections.abc import Iterator
from zoneinfo import ZoneInfo, available_timezones

from tests.made.cron_reference import Line, Stretch, Years, disagreements, some_line

Report = dict[str, object]
YEARS = Years(2007, 2027)
KINDS = tuple(
    Line(text, tuple(map(frozenset, fields)))
    for text, fields in (
        ("* * * * *", (range(60), range(24), range(1, 32), range(1, 13), range(7))),
        ("0 0 * * *", ([0], [0], range(1, 32), range(1, 13), range(7))),
        ("30 2 * * *", ([30], [2], range(1, 32), range(1, 13), range(7))),
        ("*/15 2 * * *", (range(0, 60, 15), [2], range(1, 32), range(1, 13), range(7))),
        ("0 0 * * 0", ([0], [0], range(1, 32), range(1, 13), [0])),
        ("0 0 1 * *", ([0], [0], [1], range(1, 13), range(7))),
        ("0 0 13 * 5", ([0], [0], [13], range(1, 13), [5])),
        ("59 23 29 2 *", ([59], [23], [29], [2], range(7))),
    )
)


def cron_lines(lines: int, seed: int) -> Report:
    """So many lines, the usual ones first, each in every zone whose clocks differ in these years."""
    began, chance = time.monotonic(), random.Random(seed)
    zones: dict[tuple[Stretch, ...], ZoneInfo] = {}
    for name in sorted(available_timezones()):
        zones.setdefault(YEARS.stretches(ZoneInfo(name)), ZoneInfo(name))
    outcomes = [outcome for line in _lines(lines, chance) for outcome in _in_all(line, list(zones.values()), chance)]
    return {
        "suite": "cron lines",
        "what": f"{lines} lines in {len(available_timezones())} zones, of {len(zones)} kinds",
        "due times": len(outcomes),
        "seconds": round(time.monotonic() - began, 1),
        "faults": [outcome for outcome in outcomes if outcome][:50],
    }


def _lines(count: int, chance: random.Random) -> Iterator[Line]:
    yield from KINDS[:count]
    for _ in range(count - len(KINDS)):
        yield some_line(chance)


def _in_all(line: Line, zones: list[ZoneInfo], chance: random.Random) -> Iterator[str | None]:
    shown = YEARS.shown(line)
    for zone in zones:
        yield from disagreements(line, zone, YEARS, shown, chance, most=40)
