"""What the tests of the schedule share: a clock that is moved by hand, and a reader that loads in no time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine

from ingest.jobs.progress import Report
from ingest.jobs.reader import KeptReader, Reader
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.schedule.config import Job, Schedule
from ingest.schedule.job_runner import Runner
from ingest.schedule.schedule_file import read_schedule
from ingest.schedule.upkeep import Fill, Upkeep
from schema import open_atlas
from tests.made.tiny_models import loaded, tiny_sae

Event = tuple[datetime, Callable[[], object]]
HOOK_NAME = "blocks.2.hook_resid_pre"


def utc(text: str) -> datetime:
    """A moment, spelled `2026-10-25 00:30`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class MovedClock:
    """A clock that stands still but for waits; at its end it asks to stop. What is to happen, happens on the way."""

    machine: time_machine.Traveller
    end: datetime
    events: list[Event] = field(default_factory=list)
    halted: bool = False

    @property
    def stopped(self) -> bool:
        """Whether the end has come."""
        return self.halted or self.now() >= self.end

    def now(self) -> datetime:
        """The time, as every other part of the program sees it."""
        return datetime.now(UTC)

    def wait(self, until: datetime) -> None:
        """Move on, event by event."""
        while self.events and self.events[0][0] <= until:
            moment, act = self.events.pop(0)
            self.machine.move_to(max(moment, self.now()))
            act()
        self.machine.move_to(max(min(until, self.end), self.now()))


@dataclass(frozen=True)
class Slow:
    """The work of a schedule, and the time it takes by the clock."""

    filler: Upkeep
    clock: MovedClock
    takes: Callable[[Job], timedelta]

    def begin(self, job: Job, report: Report) -> Fill:
        """The work itself, then the time."""
        fill = self.filler.begin(job, report)

        def slowly(atlas: Any) -> Any:
            done = fill(atlas)
            self.clock.wait(self.clock.now() + self.takes(job))
            return done

        return slowly


def tiny_reader(pocket: tuple[LanguageModel, Sequence[SAE]]) -> KeptReader:
    """The embedded model under a tiny SAE with random weights."""
    model, _ = pocket
    sae = loaded(tiny_sae("standard", d_in=model.config.d_model, hook_name=HOOK_NAME), context_size=64)
    return KeptReader(Reader(), lambda *_: (model, [sae]))


def schedule_of(folder: Path, text: str) -> Schedule:
    """The schedule that a file in the folder describes."""
    path = folder / "schedule.toml"
    path.write_text('atlas = "atlas.duckdb"\n' + text, encoding="utf-8")
    return read_schedule(path)


def runner_of(
    schedule: Schedule, reader: KeptReader, clock: Any, publish: Callable[[Job], None] = lambda job: None
) -> Runner:
    """A runner that does the work of the schedule."""
    return Runner(schedule, Upkeep(schedule, reader), publish, clock)


def select(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of an atlas."""
    with open_atlas(path, read_only=True) as atlas:
        return atlas.rows(sql)
