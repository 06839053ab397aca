"""The file of a schedule, read into a `Schedule`; all that is wrong with it is said at once."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo, available_timezones

from ingest.contrasts import SHUFFLES
from ingest.contrasts.scores import Unit
from ingest.jobs.reader import Reader
from ingest.models.names import Precision
from ingest.schedule.checks import schedule_disagreements
from ingest.schedule.config import (
    Contrast,
    Gone,
    Interval,
    Job,
    Notify,
    OnError,
    Places,
    Retry,
    Schedule,
    Site,
    Timing,
    When,
)
from ingest.schedule.cron import Cron
from ingest.schedule.fields import Fields, hint_near_schedule_fields
from ingest.schedule.plan import shortest_gap
from ingest.sources.streams import binary_kind
from schema.errors import ScheduleError

CRON = "write five fields, minute hour day month weekday, such as '30 2 * * *'"
SHORTEST = timedelta(minutes=1)


def read_schedule(path: Path) -> Schedule:
    """The schedule that a TOML file describes.

    Raises:
        ScheduleError: the file cannot be read or is no TOML, or a line for every mistake: file, key, what to do.
    """
    try:
        values = tomllib.loads(_text(path))
    except OSError as error:
        raise ScheduleError(f"{path} cannot be read: {error.strerror}; give the file of a schedule") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScheduleError(f"{path} is no TOML: {error}; mend that line") from error
    mistakes: list[str] = []
    schedule = _schedule(path.resolve(), Fields("", values, mistakes))
    mistakes += schedule_disagreements(schedule)
    if not schedule.jobs and not any(mistake.startswith("corpus") for mistake in mistakes):
        mistakes.append("corpus: there is none; describe one in a table [corpus.NAME]")
    if mistakes:
        raise ScheduleError("\n".join(f"{path}: {mistake}" for mistake in dict.fromkeys(mistakes)))
    return schedule


def _text(path: Path) -> str:
    """The text of a file in UTF-8, without the mark that Notepad begins it with.

    Raises:
        OSError: it cannot be read.
        ScheduleError: it is in another encoding.
    """
    data = path.read_bytes()
    kind = binary_kind(data)
    if kind:
        raise ScheduleError(f"{path} is {kind}; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScheduleError(
            f"{path} is not UTF-8 (byte 0x{data[error.start]:02x} in line {line}); save it as UTF-8"
        ) from error


def _schedule(path: Path, top: Fields) -> Schedule:
    places = Places(path.parent)
    zone = top.checked("timezone", _zone, "write a name such as 'Europe/Berlin' or 'UTC'") or ZoneInfo("UTC")
    defaults = top.table("defaults")
    _job("", defaults, zone, places)
    for key in ("sources", "domain"):
        if defaults.has(key):
            defaults.wrong(key, "each corpus has its own; move it to [corpus.NAME]")
    jobs = [_job(name, table, zone, places) for name, table in top.tables("corpus", defaults.values).items()]
    schedule = Schedule(
        path=path,
        atlas=places.file(top.needed("atlas", '"atlas.duckdb"')),
        timezone=zone,
        jobs=tuple(jobs),
        contrasts=tuple(_contrast(name, table) for name, table in top.tables("contrast").items()),
        reader=_reader(top, places),
        site=_site(top, places),
        notify=_notify(top, places),
        patience=top.duration("patience", Schedule.patience),
    )
    top.end()
    return schedule


def _job(name: str, table: Fields, zone: ZoneInfo, places: Places) -> Job:
    """One job; without a name, the defaults of all."""
    sources = table.texts("sources")
    if name and not table.has("sources"):
        table.wrong("sources", 'it is missing; write sources = ["texts/*.jsonl"]')
    job = Job(
        name=name,
        sources=tuple(map(places.source, sources)),
        when=_when(table, zone),
        domain=table.text("domain"),
        limit=table.number("limit", None),
        on_error=table.choice("on_error", get_args(OnError)) or "stop",
        gone=table.choice("gone", get_args(Gone)) or "keep",
        fields=table.texts("fields"),
        contrasts=table.texts("contrasts"),
        publish=table.flag("publish", otherwise=False),
        retry=Retry(
            table.number("retries", Retry.times, least=0), table.duration("backoff", Retry.backoff, least=SHORTEST)
        ),
    )
    table.end()
    return job


def _when(table: Fields, zone: ZoneInfo) -> When:
    """A job's own cron line or interval stands instead of a default of either kind."""
    own = [key for key in ("cron", "every") if table.has(key)]
    if len(own) == 2:
        table.wrong("every", "cron says when already; keep one of the two")
    timing: Timing | None = table.checked("cron", lambda line: Cron(line, zone), CRON)
    every = table.duration("every", None, least=SHORTEST)
    if every is not None and (timing is None or own == ["every"]):
        timing = Interval(every)
    jitter = table.duration("jitter", timedelta(0))
    if timing is not None and jitter:
        _check_jitter(table, timing, jitter)
    return When(timing, jitter, table.duration("grace", None))


def _check_jitter(table: Fields, timing: Timing, jitter: timedelta) -> None:
    gap = shortest_gap(timing, datetime.now(UTC))
    if gap is not None and jitter >= gap:
        table.wrong("jitter", f"it is no shorter than the {gap} between two runs; choose less")


def _contrast(name: str, table: Fields) -> Contrast:
    sides = not table.has("target") and not table.has("classes")
    for key in ("positive", "control"):
        if sides and not table.has(key):
            table.wrong(key, f'it is missing; write {key} = ["CORPUS"], ["domain=D"] or ["term=T"]')
    explain = table.table("explain")
    contrast = Contrast(
        name=name,
        positive=table.texts("positive"),
        control=table.texts("control"),
        unit=table.choice("unit", get_args(Unit)),
        shuffles=table.number("null", SHUFFLES, least=0),
        best=explain.number("best", 5) if table.has("explain") else 0,
        windows=explain.number("windows", None),
        target=table.text("target"),
        corpora=table.texts("corpora"),
        classes=table.texts("classes"),
    )
    explain.end()
    table.end()
    return contrast


def _reader(top: Fields, places: Places) -> Reader:
    model = top.text("model")
    return Reader(
        tuple(map(places.folder_or_name, top.texts("saes", Reader.saes))),
        None if model is None else places.folder_or_name(model),
        top.text("device"),
        top.choice("precision", get_args(Precision), Reader.precision) or Reader.precision,
    )


def _site(top: Fields, places: Places) -> Site | None:
    table = top.table("publish")
    if not top.has("publish"):
        return None
    site = Site(places.file(table.needed("site", '"site"')), table.number("keep", None))
    table.end()
    return site


def _notify(top: Fields, places: Places) -> Notify | None:
    table = top.table("notify")
    if not top.has("notify"):
        return None
    command = table.texts("command")
    if not table.has("command"):
        table.wrong("command", 'it is missing; write command = ["program", "argument"]')
    timeout = table.duration("timeout", Notify.timeout, least=timedelta(seconds=1), most=timedelta(days=1))
    attempts: Any = table.choice("attempts", ("every", "last"))
    table.end()
    return Notify(places.command(command), timeout, attempts or Notify.attempts)


def _zone(name: str) -> ZoneInfo:
    if name not in available_timezones():
        raise ValueError(
            f"there is no such time zone; {hint_near_schedule_fields(name, sorted(available_timezones()))}"
        )
    return ZoneInfo(name)
