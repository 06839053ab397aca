"""A month of four corpora by a controlled clock: the tables of runs are as predicted, row by row.

October 2026 in Berlin, where clocks go back on the 25th. The news are read every other night at 02:30,
the papers on Mondays, the forum every five days, the archive on Wednesdays and Sundays at noon. A run takes ten
minutes; that of the archive on Wednesday the 14th takes four days and a half.
"""

import json
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import time_machine

from ingest.schedule.config import Job
from ingest.schedule.job_runner import Runner
from ingest.schedule.loop import run_forever
from ingest.schedule.upkeep import Upkeep
from schema import open_atlas
from schema.verify import verify
from tests.made.scheduling import MovedClock, Slow, schedule_of, select, tiny_reader, utc

SCHEDULE = """
timezone = "Europe/Berlin"

[contrast.illness]
positive = ["papers"]
control = ["news"]

[corpus.news]
sources = ["news/"]
domain = "news"
cron = "30 2 1-31/2 * *"

[corpus.papers]
sources = ["papers.jsonl"]
domain = "medicine"
cron = "0 4 * * 1"
contrasts = ["illness"]

[corpus.forum]
sources = ["forum.txt"]
domain = "talk"
every = "5d"
retries = 3
backoff = "1h"

[corpus.archive]
sources = ["archive.txt"]
domain = "history"
cron = "0 12 * * 0,3"
"""

TEN_MINUTES = timedelta(minutes=10)
LONG = timedelta(days=4, hours=12)
LONG_BEGINS = "2026-10-14 10:00"
START, END = utc("2026-09-30 22:00"), utc("2026-10-31 23:00")


def excerpt(name: str, first: int, last: int) -> list[dict[str, Any]]:
    """Some records of a bundled corpus."""
    lines = files("ingest").joinpath("corpora", f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[first:last]]


def write_json(path: Path, records: list[dict[str, Any]]) -> None:
    """Records as a .jsonl file."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def write_text(path: Path, records: list[dict[str, Any]]) -> None:
    """Texts, one a line."""
    path.write_text("".join(record["text"] + "\n" for record in records), encoding="utf-8")


def night(day: int) -> datetime:
    """02:30 in Berlin: on the 25th, the first of two."""
    return utc(f"2026-10-{day:02} {'00' if day <= 25 else '01'}:30")


def row(job: str, planned_at: datetime | str, status: str = "done", **rest: Any) -> tuple[Any, ...]:
    """A predicted row; where nothing is said, it began when it was due and took ten minutes."""
    planned = utc(planned_at) if isinstance(planned_at, str) else planned_at
    started = None if status == "skipped" else rest.get("started", planned)
    finished = None if started is None else started + rest.get("took", TEN_MINUTES if status == "done" else timedelta())
    return (job, planned, started, finished, rest.get("attempt", 1), rest.get("missed", 0), status)


def predicted() -> list[tuple[Any, ...]]:
    """Every row of `scheduled_run`, by the hand that wrote the schedule."""
    back = utc("2026-10-18 22:00")  # the archive is done at last; what waited longest since its due time comes first
    rows = [row("news", night(day)) for day in (*range(1, 15, 2), *range(19, 32, 2))]
    rows += [row("news", night(17), started=back + TEN_MINUTES, missed=1)]
    rows += [
        row("papers", f"2026-10-{day:02} {hour}:00") for day, hour in ((5, "02"), (12, "02"), (19, "02"), (26, "03"))
    ]
    rows += [row("forum", "2026-09-30 22:00"), row("forum", "2026-10-05 22:00")]
    failing = utc("2026-10-10 22:00")
    rows += [
        row("forum", failing, "failed"),
        row("forum", failing, "failed", attempt=2, started=failing + timedelta(hours=1)),
        row("forum", failing, attempt=3, started=failing + timedelta(hours=3)),
        row("forum", "2026-10-15 22:00", started=back),
        row("forum", "2026-10-20 22:00"),
        row("forum", "2026-10-25 22:00"),
        row("forum", "2026-10-30 22:00"),
    ]
    rows += [row("archive", f"2026-10-{day:02} 10:00") for day in (4, 7, 11, 21)]
    rows += [row("archive", f"2026-10-{day:02} 11:00") for day in (25, 28)]
    rows += [row("archive", LONG_BEGINS, took=LONG), row("archive", "2026-10-18 10:00", "skipped")]
    return sorted(rows, key=lambda found: (found[1], found[0], found[4]))


def test_a_month_goes_as_predicted(tmp_path: Path, pocket: Any) -> None:
    forum, hidden = tmp_path / "forum.txt", tmp_path / "forum.gone"
    papers = excerpt("medical", 0, 4)
    write_json(tmp_path / "news" / "1.jsonl", excerpt("control", 0, 3))
    write_json(tmp_path / "papers.jsonl", papers)
    write_text(forum, excerpt("control", 10, 13))
    write_text(tmp_path / "archive.txt", excerpt("control", 20, 23))
    changed = [papers[0] | {"text": "Gout swells the joints of the foot.", "term": None}, *papers[1:]]
    for key in ("term", "term_start", "term_end"):
        changed[0].pop(key, None)
    with time_machine.travel(START, tick=False) as machine:
        clock = MovedClock(machine, END)
        clock.events = [
            (utc("2026-10-03 12:00"), lambda: write_json(tmp_path / "news" / "2.jsonl", excerpt("control", 3, 5))),
            (utc("2026-10-08 12:00"), lambda: write_json(tmp_path / "papers.jsonl", changed)),
            (utc("2026-10-09 12:00"), lambda: forum.rename(hidden)),
            (utc("2026-10-11 00:30"), lambda: hidden.rename(forum)),
            (utc("2026-10-20 12:00"), lambda: (tmp_path / "news" / "1.jsonl").rename(tmp_path / "news" / "3.jsonl")),
        ]

        def takes(job: Job) -> timedelta:
            return LONG if job.name == "archive" and clock.now() == utc(LONG_BEGINS) else TEN_MINUTES

        schedule = schedule_of(tmp_path, SCHEDULE)
        work = Slow(Upkeep(schedule, tiny_reader(pocket)), clock, takes)
        assert run_forever(Runner(schedule, work, lambda job: None, clock))
    path = schedule.atlas
    columns = "job, planned_at, started_at, finished_at, attempt, missed, status"
    found = select(path, f"SELECT {columns} FROM scheduled_run ORDER BY planned_at, job, attempt")
    assert found == [tuple(v.replace(tzinfo=None) if isinstance(v, datetime) else v for v in r) for r in predicted()]
    assert select(path, "SELECT job, reason FROM scheduled_run WHERE reason IS NOT NULL ORDER BY scheduled_run") == [
        *[("forum", f"{forum}: there is no such file; check the path")] * 2,
        ("archive", "the run that was due at 2026-10-14 12:00:00 CEST was still under way"),
    ]
    # Every run that is done has an ingest run, and it encodes what is new since the last one: mostly nothing.
    new = {"2026-09-30 22:00": 3, "2026-10-01 00:30": 3, "2026-10-05 00:30": 2, "2026-10-04 10:00": 3}
    new |= {"2026-10-05 02:00": 4, "2026-10-12 02:00": 1}
    ran = sorted((found[2], found[0]) for found in predicted() if found[6] == "done")
    joined = "scheduled_run JOIN ingest_run USING (ingest_run)"
    encoded = f"SELECT ingest_run.started_at, job, documents, ingest_run.status FROM {joined} ORDER BY ALL"
    assert select(path, encoded) == [
        (began.replace(tzinfo=None), job, new.get(f"{began:%Y-%m-%d %H:%M}", 0), "done") for began, job in ran
    ]
    others = "SELECT command, started_at FROM ingest_run ANTI JOIN scheduled_run USING (ingest_run) ORDER BY ALL"
    assert select(path, others) == [("contrast", datetime(2026, 10, 5, 2)), ("contrast", datetime(2026, 10, 12, 2))]
    assert select(path, "SELECT COUNT(*) FROM document WHERE text = 'Gout swells the joints of the foot.'") == [(1,)]
    with open_atlas(path, read_only=True) as atlas:
        assert not [finding.invariant for finding in verify(atlas) if finding.violations]
