"""When jobs are due: cron lines, time zones, daylight saving, folding, jitter, back-off, all by arithmetic."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.schedule.config import LONGEST_BACKOFF, Interval, Job, Retry, Timing, When
from ingest.schedule.cron import Cron
from ingest.schedule.fields import parse_duration
from ingest.schedule.plan import (
    MOST_FOLDED,
    Attempt,
    Due,
    Past,
    Situation,
    due_now,
    fold_missed_runs,
    jitter_delay,
    next_due,
    overlapped_due_time,
    retry_at,
    shortest_gap,
)
from tests.made.cron_reference import Line, Years, disagreements, some_line
from tests.made.scheduling import utc

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
ODD_ZONES = {
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Havana",
    "America/New_York",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
}
"""Where clocks change by half an hour, two hours or a day, at midnight, or several times a year."""
HOUR = timedelta(hours=1)
NIGHTLY = Cron("30 2 * * *", BERLIN)


def times(timing: Timing, start: str, count: int) -> list[str]:
    """The next due times in UTC, the year left out."""
    found, moment = [], utc(start)
    for _ in range(count):
        following = timing.after(moment)
        assert following is not None
        moment = following
        found.append(f"{moment:%m-%d %H:%M}")
    return found


def test_a_nightly_line_is_due_once_when_clocks_go_back() -> None:
    assert times(NIGHTLY, "2026-10-23 12:00", 4) == ["10-24 00:30", "10-25 00:30", "10-26 01:30", "10-27 01:30"]
    late = Cron("15 1 * * *", NEW_YORK)
    assert times(late, "2026-10-31 00:00", 3) == ["10-31 05:15", "11-01 05:15", "11-02 06:15"]


def test_a_nightly_line_is_due_once_when_clocks_go_forward_although_its_time_is_left_out() -> None:
    assert times(NIGHTLY, "2027-03-26 12:00", 4) == ["03-27 01:30", "03-28 01:30", "03-29 00:30", "03-30 00:30"]


def test_every_time_that_is_left_out_is_due_at_its_distance_from_midnight() -> None:
    quarterly = Cron("*/15 2 * * *", BERLIN)
    left_out = ["03-29 01:00", "03-29 01:15", "03-29 01:30", "03-29 01:45"]
    assert times(quarterly, "2026-03-28 02:00", 5) == [*left_out, "03-30 00:00"]
    for minute in range(59, 150):
        moment = utc("2026-03-29 00:00") + timedelta(minutes=minute)
        assert NIGHTLY.after(moment) == utc("2026-03-29 01:30" if minute < 90 else "2026-03-30 00:30"), moment
    assert times(Cron("30 2,3 * * *", BERLIN), "2026-03-28 03:00", 2) == ["03-29 01:30", "03-30 00:30"]


def test_a_time_of_midnight_that_is_left_out_is_due_as_any_other() -> None:
    assert times(Cron("30 0 * * *", ZoneInfo("America/Havana")), "2026-03-07 12:00", 2) == [
        "03-08 05:30",
        "03-09 04:30",
    ]


def test_a_line_for_every_hour_goes_on_through_both_changes() -> None:
    half_hourly = Cron("*/30 * * * *", BERLIN)
    assert times(half_hourly, "2026-10-25 00:15", 4) == ["10-25 00:30", "10-25 01:00", "10-25 01:30", "10-25 02:00"]
    assert times(half_hourly, "2027-03-28 00:15", 4) == ["03-28 00:30", "03-28 01:00", "03-28 01:30", "03-28 02:00"]


@pytest.mark.parametrize("start", ["2026-10-24 00:00", "2027-03-27 00:00"])
@pytest.mark.parametrize("line", ["30 2 * * *", "0,30 2-3 * * *", "*/7 * * * *", "59 1 * * *", "0 0-4/2 * * *"])
def test_due_times_rise_and_none_comes_twice(line: str, start: str) -> None:
    timing, moment = Cron(line, BERLIN), utc(start)
    for _ in range(500):
        following = timing.after(moment)
        assert following is not None
        assert following > moment
        moment = following


def test_weekdays_count_from_sunday_as_in_cron() -> None:
    for line in ("0 12 * * 0", "0 12 * * 7", "0 12 * * sun", "0 12 * * SUN"):
        assert times(Cron(line, BERLIN), "2026-10-05 00:00", 2) == ["10-11 10:00", "10-18 10:00"], line
    workdays = ["10-05", "10-06", "10-07", "10-08", "10-09", "10-12"]
    assert [time[:5] for time in times(Cron("0 12 * * 1-5", BERLIN), "2026-10-04 12:00", 6)] == workdays
    assert [time[:5] for time in times(Cron("0 12 * * 5-7", BERLIN), "2026-10-05 00:00", 4)] == [
        "10-09",
        "10-10",
        "10-11",
        "10-16",
    ]


def test_a_day_and_a_weekday_are_alternatives_as_in_cron() -> None:
    assert times(Cron("0 12 13 * 5", ZoneInfo("UTC")), "2026-10-01 00:00", 4) == [
        "10-02 12:00",
        "10-09 12:00",
        "10-13 12:00",
        "10-16 12:00",
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("30 2 * *", "it has 4 fields, not five"),
        ("61 2 * * *", "'61' is no minute: they are 0 to 59"),
        ("a 2 * * *", "'a' is no minute: they are 0 to 59"),
        ("0 0 last * *", "'last' is no day: they are 1 to 31"),
        ("0 0 * 13 *", "'13' is no month: they are 1 to 12, or jan to dec"),
        ("0 0 * * sun-7-1", "'7-1' is no weekday: they are 0 to 7, or sun to sat"),
        ("0,,5 0 * * *", "'' is no minute"),
        ("0 9-5 * * *", "'9-5' is no range of hours"),
        ("@reboot", "there is no '@reboot'; there are @hourly, @daily"),
        ("0 0 * * 8", "'8' is no weekday"),
        ("0 0 * * 5-1", "no range of weekdays"),
        ("0 0 30 2 *", "there is no such day"),
        ("0 0 31 2,4,6,9,11 *", "there is no such day"),
        ("*/0 * * * *", "'\\*/0' has no step"),
        ("*/ * * * *", "'\\*/' has no step"),
        ("", "it has 0 fields"),
    ],
)
def test_a_line_that_is_none_says_why(line: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Cron(line, BERLIN)


def test_nicknames() -> None:
    assert times(Cron("@daily", BERLIN), "2026-10-23 12:00", 3) == ["10-23 22:00", "10-24 22:00", "10-25 23:00"]
    assert times(Cron(" @Hourly", BERLIN), "2026-03-29 00:00", 2) == ["03-29 01:00", "03-29 02:00"]


@pytest.mark.parametrize(
    ("zone", "line", "start", "expected"),
    [
        ("Europe/Berlin", "@monthly", "2026-02-28 23:00", ["03-31 22:00", "04-30 22:00"]),
        ("Europe/Berlin", "@weekly", "2026-03-28 23:00", ["04-04 22:00", "04-11 22:00"]),
        ("America/New_York", "30 0 * * *", "2026-03-08 05:30", ["03-09 04:30", "03-10 04:30"]),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03 00:00", ["10-03 15:45", "10-04 15:15"]),
        ("Australia/Lord_Howe", "0 * * * *", "2027-04-03 13:59", ["04-03 14:00", "04-03 15:30", "04-03 16:30"]),
        ("Antarctica/Troll", "30 2 * * *", "2026-03-28 12:00", ["03-29 02:30", "03-30 00:30"]),
        ("Antarctica/Troll", "*/30 2 * * *", "2026-10-24 12:00", ["10-25 00:00", "10-25 00:30", "10-26 02:00"]),
        ("Pacific/Apia", "0 12 * * *", "2011-12-29 22:00", ["12-30 22:00", "12-31 22:00"]),
        ("Pacific/Apia", "0 12 30 * *", "2011-12-01 00:00", ["12-30 22:00", "01-29 22:00"]),
        ("Pacific/Kwajalein", "0 12 21 * *", "1993-08-01 00:00", ["08-22 00:00", "09-21 00:00"]),
    ],
)
def test_clocks_that_change_by_any_length_lose_no_time(zone: str, line: str, start: str, expected: list[str]) -> None:
    assert times(Cron(line, ZoneInfo(zone)), start, len(expected)) == expected


def test_lines_agree_with_a_reference_that_looks_at_every_minute() -> None:
    chance, years = random.Random(5), Years(2010, 2014)
    zones = [ZoneInfo(name) for name in sorted(available_timezones()) if name in ODD_ZONES]
    outcomes: list[str | None] = []
    for _ in range(40):
        line = some_line(chance)
        shown = years.shown(line)
        for zone in chance.sample(zones, 3):
            outcomes += disagreements(line, zone, years, shown, chance, most=20)
    assert len(outcomes) > 1_500
    assert [outcome for outcome in outcomes if outcome] == []


def test_the_reference_itself_knows_what_is_written_here() -> None:
    line, years = (
        Line("30 2 * * *", tuple(map(frozenset, ([30], [2], range(1, 32), range(1, 13), range(7))))),
        Years(2026, 2027),
    )
    due = years.due(years.shown(line), years.stretches(BERLIN), fixed=True)
    moments = [years.begins + timedelta(minutes=int(minute)) for minute in due]
    assert len(moments) == 365
    assert {utc("2026-03-29 01:30"), utc("2026-10-25 00:30")} <= set(moments)
    assert not {utc("2026-03-29 00:30"), utc("2026-10-25 01:30")} & set(moments)


def test_an_interval_does_not_mind_the_clocks() -> None:
    daily = Interval(timedelta(days=1))
    assert times(daily, "2026-10-24 00:30", 2) == ["10-25 00:30", "10-26 00:30"]
    assert daily.first(utc("2026-10-24 00:30").replace(microsecond=5)) == utc("2026-10-24 00:30")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h30m", 5400), ("2d", 172800), ("1w", 604800), ("36525d", 3155760000)],
)
def test_lengths_of_time(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5min", "1.5h", "5m!", "\u0665m"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="no length of time"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36526d", "999999w", "999999w" * 200])
def test_more_than_a_hundred_years_is_too_long(text: str) -> None:
    with pytest.raises(ValueError, match="longer than a hundred years"):
        parse_duration(text)


def test_missed_times_are_folded_into_the_latest() -> None:
    first, now = utc("2026-10-01 00:30"), utc("2026-10-04 12:00")
    assert fold_missed_runs(NIGHTLY, first, now) == (utc("2026-10-04 00:30"), 3)
    assert fold_missed_runs(NIGHTLY, first, first) == (first, 0)
    assert fold_missed_runs(NIGHTLY, first, first - HOUR) is None
    assert fold_missed_runs(NIGHTLY, None, now) is None


def test_folding_years_of_minutes_is_quick_and_ends_at_the_latest() -> None:
    every_minute = Cron("* * * * *", BERLIN)
    assert fold_missed_runs(every_minute, utc("2020-01-01 00:00"), utc("2026-10-04 12:00")) == (
        utc("2026-10-04 12:00"),
        MOST_FOLDED,
    )


def test_an_interval_keeps_its_step_however_many_times_were_missed() -> None:
    first, every = utc("2020-01-01 00:00"), timedelta(minutes=7)
    found = fold_missed_runs(Interval(every), first, utc("2026-10-04 12:34") + timedelta(seconds=11))
    assert found is not None
    assert (found[0] - first) % every == timedelta(0)
    assert utc("2026-10-04 12:27") < found[0] <= utc("2026-10-04 12:34")
    assert found[1] == MOST_FOLDED
    assert fold_missed_runs(Interval(every), first, first + 2 * every) == (first + 2 * every, 2)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 600),
    st.text(max_size=8),
)
def test_jitter_stays_inside_and_is_the_same_again(due: datetime, seconds: int, job: str) -> None:
    jitter = timedelta(seconds=seconds)
    late = jitter_delay("host", job, due, jitter)
    assert timedelta(0) <= late <= jitter
    assert late == jitter_delay("host", job, due, jitter)


def test_jitter_differs_between_times_jobs_and_machines() -> None:
    due, jitter = utc("2026-10-01 00:30"), timedelta(hours=1)
    found = [jitter_delay("host", "news", due + n * HOUR, jitter).total_seconds() for n in range(200)]
    assert len(set(found)) > 150
    assert 1500 < sum(found) / len(found) < 2100
    assert jitter_delay("host", "news", due, jitter) != jitter_delay("other", "news", due, jitter)
    assert jitter_delay("host", "news", due, jitter) != jitter_delay("host", "forum", due, jitter)


def test_the_shortest_gap() -> None:
    assert shortest_gap(Cron("0 1,2 * * *", BERLIN), utc("2026-01-01 00:00")) == HOUR
    assert shortest_gap(Interval(HOUR), utc("2026-01-01 00:00")) == HOUR


def job(timing: Timing | None = NIGHTLY, **when: timedelta) -> Job:
    """A job with these times."""
    return Job("news", ("news.txt",), When(timing, **when), retry=Retry(2, HOUR))


def at(text: str) -> Situation:
    """The situation at some time, the schedule having started at noon of the first of October."""
    return Situation(utc(text), utc("2026-10-01 12:00"))


def past(planned_at: str, status: str, finished_at: str, attempt: int = 1) -> Past:
    """What is known after one attempt."""
    return Past(utc(planned_at), Attempt(utc(planned_at), attempt, status, utc(finished_at)))  # type: ignore[arg-type]


DONE = past("2026-10-02 00:30", "done", "2026-10-02 00:40")
FAILED = past("2026-10-02 00:30", "failed", "2026-10-02 00:40")


def due(planned_at: str, begins_at: str | None = None, **rest: Any) -> Due:
    """What should come next."""
    return Due("news", utc(planned_at), utc(begins_at or planned_at), **rest)


@pytest.mark.parametrize(
    ("known", "now", "expected"),
    [
        (Past(), "2026-10-01 12:00", due("2026-10-02 00:30")),
        (DONE, "2026-10-02 00:40", due("2026-10-03 00:30")),
        (DONE, "2026-10-03 00:30", due("2026-10-03 00:30")),
        (DONE, "2026-10-05 12:00", due("2026-10-05 00:30", missed=2)),
        (FAILED, "2026-10-02 00:40", due("2026-10-02 00:30", "2026-10-02 01:40", attempt=2)),
        (FAILED, "2026-10-02 08:00", due("2026-10-02 00:30", "2026-10-02 01:40", attempt=2)),
        (FAILED, "2026-10-03 08:00", due("2026-10-03 00:30")),
        (replace(FAILED, last=replace(FAILED.last, attempt=3)), "2026-10-02 01:00", due("2026-10-03 00:30")),  # type: ignore[type-var]
        (
            past("2026-10-02 00:30", "stopped", "2026-10-02 00:35"),
            "2026-10-02 06:00",
            due("2026-10-02 00:30", "2026-10-02 00:35"),
        ),
        (replace(DONE, until=utc("2026-10-05 00:30")), "2026-10-04 00:00", due("2026-10-06 00:30")),
    ],
)
def test_what_comes_next(known: Past, now: str, expected: Due) -> None:
    assert next_due(job(), known, at(now)) == expected


def test_a_clock_that_is_set_back_runs_nothing_twice() -> None:
    known = past("2026-10-05 00:30", "done", "2026-10-05 00:40")
    assert next_due(job(), known, at("2026-10-03 12:00")) == due("2026-10-06 00:30")


def test_back_off_doubles_up_to_a_day() -> None:
    many = replace(job(), retry=Retry(40, HOUR))
    ended = utc("2026-10-02 00:40")
    found = [retry_at(many, Attempt(ended, n, "failed", ended)) for n in (1, 2, 3, 6, 40)]
    assert found == [ended + HOUR, ended + 2 * HOUR, ended + 4 * HOUR, ended + LONGEST_BACKOFF, ended + LONGEST_BACKOFF]
    assert retry_at(many, Attempt(ended, 41, "failed", ended)) is None
    assert retry_at(many, Attempt(ended, 1, "done", ended)) is None


def test_what_is_missed_by_more_than_the_grace_is_not_run() -> None:
    careful = job(grace=2 * HOUR)
    in_time = next_due(careful, DONE, at("2026-10-03 02:30"))
    too_late = next_due(careful, DONE, at("2026-10-03 02:31"))
    assert in_time == due("2026-10-03 00:30")
    assert too_late == replace(due("2026-10-03 00:30"), too_late=timedelta(hours=2, minutes=1))


def test_jitter_moves_the_beginning_alone() -> None:
    jittered = job(jitter=HOUR)
    found = next_due(jittered, DONE, at("2026-10-02 12:00"))
    assert found is not None
    assert found.planned_at == utc("2026-10-03 00:30")
    assert found.begins_at == found.planned_at + jitter_delay("", "news", found.planned_at, HOUR)
    assert found.begins_at > found.planned_at


def test_once_runs_what_is_due_without_jitter() -> None:
    jittered = job(jitter=HOUR)
    assert due_now(jittered, DONE, at("2026-10-03 00:29")) is None
    found = due_now(jittered, DONE, at("2026-10-03 00:30"))
    assert found is not None
    assert found.planned_at == utc("2026-10-03 00:30")
    assert due_now(job(), FAILED, at("2026-10-02 01:39")) is None
    assert due_now(job(), FAILED, at("2026-10-02 01:40")) == due("2026-10-02 00:30", "2026-10-02 01:40", attempt=2)


def test_once_runs_what_never_ran_and_what_has_no_times() -> None:
    assert due_now(job(), Past(), at("2026-10-01 12:00")) == due("2026-10-01 12:00")
    assert due_now(job(None), DONE, at("2026-10-03 12:00")) == due("2026-10-03 12:00")
    assert due_now(job(None), FAILED, at("2026-10-02 00:41")) == due("2026-10-02 00:41")
    assert due_now(job(None), FAILED, at("2026-10-02 01:40")) == due("2026-10-02 00:30", "2026-10-02 01:40", attempt=2)
    assert next_due(job(None), DONE, at("2026-10-03 12:00")) is None


def test_times_that_come_while_the_job_runs_overlap() -> None:
    began = utc("2026-10-02 00:30")
    assert overlapped_due_time(job(), began, utc("2026-10-03 00:30")) is None
    assert overlapped_due_time(job(), began, utc("2026-10-03 00:31")) == (utc("2026-10-03 00:30"), 0)
    assert overlapped_due_time(job(), began, utc("2026-10-05 12:00")) == (utc("2026-10-05 00:30"), 2)
    assert overlapped_due_time(job(None), began, utc("2026-10-05 12:00")) is None
