"""`atlas schedule`: keep corpora up to date, unattended."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ingest.schedule.config import Job, Schedule
    from ingest.schedule.job_runner import Runner
    from ingest.schedule.loop import SystemClock

TIMES_SHOWN = 3


@click.command(short_help="Keep corpora up to date, unattended")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--once", is_flag=True, help="Run what is due now, once, and leave: for cron and CI.")
@click.option("--check", is_flag=True, help="Check CONFIG and what it names, print the next runs, and leave.")
@click.option(
    "--job", "names", multiple=True, metavar="NAME", help="With --once: run this corpus, due or not; repeatable."
)
def command(config: Path, once: bool, check: bool, names: tuple[str, ...]) -> int:
    """Run the jobs that the TOML file CONFIG describes, each when it is due, until stopped.

    A job takes in what is new in the sources of a corpus, renews contrasts and
    explanations, and publishes. With --once the exit code is 1 if a job failed.
    """
    from ingest.schedule.schedule_file import read_schedule

    if once and check:
        raise click.UsageError("--once and --check: give one")
    if names and not once:
        raise click.UsageError("--job goes with --once")
    schedule = read_schedule(config)
    _check_names(schedule, names)
    if check:
        return _check(schedule)
    return _run(schedule, names, once=once)


def _check_names(schedule: "Schedule", names: tuple[str, ...]) -> None:
    from ingest.schedule.fields import hint_near_schedule_fields

    known = [job.name for job in schedule.jobs]
    for name in names:
        if name not in known:
            raise click.UsageError(f"{schedule.path} has no corpus '{name}'; {hint_near_schedule_fields(name, known)}")


def _check(schedule: "Schedule") -> int:
    """Print the next runs; fail where something that is named is not there."""
    from ingest.schedule.checks import schedule_absences
    from schema import ScheduleError

    _print_times(schedule)
    absent = list(schedule_absences(schedule))
    if absent:
        raise ScheduleError("\n".join(f"{schedule.path}: {line}" for line in absent))
    click.echo(f"{schedule.path} holds: {len(schedule.jobs)} corpora, {len(schedule.contrasts)} contrasts", err=True)
    return 0


def _print_times(schedule: "Schedule") -> None:
    from datetime import UTC, datetime

    from ingest.schedule.history import read_job_histories
    from ingest.schedule.plan import Past, next_times
    from schema import AtlasError, open_atlas

    now, names = datetime.now(UTC), [job.name for job in schedule.jobs]
    pasts = {name: Past() for name in names}
    if schedule.atlas.exists():
        try:
            with open_atlas(schedule.atlas, read_only=True) as atlas:
                pasts = read_job_histories(atlas, names, now)
        except AtlasError as error:
            click.echo(f"earlier runs are not known: {error}", err=True)
    rows = [("job", str(schedule.timezone), "UTC")]
    for job in schedule.jobs:
        times = next_times(job, pasts[job.name], now, TIMES_SHOWN)
        local = [f"{time.astimezone(schedule.timezone):%a %Y-%m-%d %H:%M %Z}" for time in times]
        rows += [(job.name, *pair) for pair in zip(local, [f"{time:%Y-%m-%d %H:%M}" for time in times], strict=True)]
        if not times:
            rows.append((job.name, "under --once alone", ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _run(schedule: "Schedule", names: tuple[str, ...], *, once: bool) -> int:
    """Run the schedule; the exit code: 128 and the signal's number where a job was cut short by one."""
    from ingest.schedule.checks import schedule_absences
    from ingest.schedule.loop import only_schedule_loop, run_forever, run_once
    from schema import ScheduleError
    from schema.locking import declare_writer

    for logger in ("ingest.schedule", "ingest.jobs.reader"):
        logging.getLogger(logger).setLevel(logging.INFO)
    for line in schedule_absences(schedule):
        logging.getLogger("ingest.schedule").warning("%s: %s", schedule.path, line)
    # The schedule itself waits for other writers, and can be stopped while it does.
    with only_schedule_loop(schedule.path) as alone, declare_writer("atlas schedule", 0), _stoppable() as clock:
        if not alone and once:
            click.echo(f"another process runs {schedule.path} now: nothing to do for this one", err=True)
            return 0
        if not alone:
            raise ScheduleError(f"another process runs {schedule.path} already; stop that one first")
        runner = _runner(schedule, clock)
        if not once:
            whole = run_forever(runner)
        else:
            ran, failed = run_once(runner, names)
            whole = not clock.stopped
            if failed and whole:
                raise ScheduleError(f"{failed} of {ran} jobs of {schedule.path} failed; what was stored stays")
            if ran:
                click.echo(f"{schedule.atlas}: {ran} job{'s' * (ran != 1)} run")
            elif whole:
                click.echo(f"{schedule.path}: nothing is due")
    return 0 if whole else 128 + clock.signal


def _runner(schedule: "Schedule", clock: "SystemClock") -> "Runner":
    from ingest.jobs.reader import KeptReader
    from ingest.schedule.job_runner import Runner
    from ingest.schedule.upkeep import Upkeep

    def publish(job: "Job") -> None:
        from atlas.publish import publish
        from atlas.publish.current import KEPT_SNAPSHOTS

        if schedule.site is not None:
            outcome = publish(schedule.atlas, schedule.site.folder, schedule.site.keep or KEPT_SNAPSHOTS)
            if outcome.changed:
                logging.getLogger("ingest.schedule").info("%s: published %s", job.name, outcome.folder)

    return Runner(schedule, Upkeep(schedule, KeptReader(schedule.reader)), publish, clock)


@contextmanager
def _stoppable() -> Iterator["SystemClock"]:
    """A clock that the first SIGTERM or SIGINT stops; the second one has its usual effect."""
    from atlas.cli.failures import end_command_by_its_signal
    from ingest.schedule.loop import SystemClock

    clock = SystemClock()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}  # as nohup has it

    def stop(number: int, frame: FrameType | None) -> None:
        end_command_by_its_signal(number)
        signal.signal(number, before[signal.Signals(number)])
        clock.stop(number)

    for number in before:
        signal.signal(number, stop)
    try:
        yield clock
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
