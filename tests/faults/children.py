"""The `atlas` command in a child of a process that has loaded the model.

A run costs no start-up, and can be killed.
"""

import os
import select
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from atlas.cli import failures

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

CUT = {-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM}
"""How what a signal ended leaves: killed, stopped before it listened, or stopped in an orderly way."""

STUCK = 124  # the exit code of what did not end, as `timeout` gives it
MODULES = (
    *(f"atlas.cli.{name}" for name in ("contrast", "explain", "files", "ingest", "label", "schedule", "web")),
    *(f"atlas.cli.{name}" for name in ("families", "steering")),
    *(f"ingest.jobs.{name}" for name in ("ablate", "cluster", "import_labels", "label", "match", "neighbours")),
    *(f"ingest.jobs.{name}" for name in ("score", "steer")),
    "atlas.publish.snapshot",
    "ingest.jobs.explain",
    "ingest.jobs.contrast",
    "ingest.jobs.ingest",
    "ingest.schedule.loop",
    "ingest.schedule.job_runner",
    "ingest.schedule.upkeep",
    "schema.backup",
    "schema.compaction",
)
TRACE = "Traceback (most recent call last)"
ENDS = ("atlas: ", "terminated; ")  # the one line of a command that did not do its work
LOGGED = ("INFO ", "WARNING ", "ERROR ", "note: ", "skipped ")  # what a command tells on its way
PATIENCE = 300  # seconds; nothing that is run here takes as long


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code, or minus the signal that ended it, and what it said on stderr."""

    code: int
    said: str

    @property
    def cut(self) -> bool:
        """A signal ended it; it did not end by itself."""
        return self.code in CUT

    def fault(self) -> str | None:
        """What is wrong with how it ended: not done, nor refused in one line, nor stopped in an orderly way."""
        lines = [line for line in self.said.splitlines() if not line.startswith(LOGGED)]
        refused = self.code == 1 and len(lines) == 1 and lines[0].startswith("atlas: ")
        if refused or self.code == 0 or (self.cut and self._orderly(lines)):
            return None
        return f"ended with {self.code}: {self.said.strip()[-400:]!r}"

    def _orderly(self, lines: list[str]) -> bool:
        """Whether what it told was cut short by nothing but the one line that says that it was stopped."""
        ends = [line.startswith(ENDS) for line in lines]
        return TRACE not in self.said and not any(ends[:-1]) and (len(lines) <= 1 or ends[-1] or self.code < 0)


class Child:
    """Some work in a forked process; `before` is done there first."""

    def __init__(self, work: Callable[[], int], before: Callable[[], None] = lambda: None) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the child is waited for)
        self._ends, held = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            self._work(work, before)
        os.close(held)  # the child holds the other one, until it goes

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return not self._ends_within(0)

    def wait(self, kill_after: float | None = None, number: int = signal.SIGKILL) -> Ended:
        """Wait for its end, or send it that signal where it has not ended after so many seconds."""
        if kill_after is not None and not self._ends_within(kill_after):
            os.kill(self._process, number)
        ended = self._ends_in_time()
        if not ended:
            os.kill(self._process, signal.SIGKILL)
        os.close(self._ends)
        code = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        with self._said as said:
            said.seek(0)
            return Ended(code if ended else STUCK, said.read().decode(errors="replace"))

    def _ends_within(self, seconds: float) -> bool:
        return bool(select.select([self._ends], [], [], seconds)[0])

    def _ends_in_time(self) -> bool:
        """Whether it ends at all: counted second by second, so that a pause (SIGSTOP) of all of us counts as one."""
        return any(self._ends_within(1) for _ in range(PATIENCE))

    def _work(self, work: Callable[[], int], before: Callable[[], None]) -> None:
        """Never returns."""
        code = 70
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(self._said.fileno(), 2)
            before()
            code = work()
        except BaseException as error:  # the child must not go on as a second parent
            os.write(2, f"{type(error).__name__}: {error}".encode())
            code = (
                128 + received if (received := failures.received_signal()) else code
            )  # before the command itself listens
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def start_atlas(arguments: Sequence[object], before: Callable[[], None] = lambda: None) -> Child:
    """Run `atlas ARGUMENTS` in a child."""
    return Child(lambda: _command(arguments), before)


def run_atlas(
    arguments: Sequence[object],
    *,
    kill_after: float | None = None,
    number: int = signal.SIGKILL,
    before: Callable[[], None] = lambda: None,
) -> Ended:
    """Run `atlas ARGUMENTS` in a child to its end, or send it a signal after so many seconds."""
    return start_atlas(arguments, before).wait(kill_after, number)


def _command(arguments: Sequence[object]) -> int:
    from atlas.cli.main import run

    sys.argv = ["atlas", *map(str, arguments)]
    return run()


def warm_up(sae: str) -> None:
    """Load the model and an SAE once, for this process and its children, and import all that they need.

    Batches are cut small, so that little text makes many transactions. To be called before `ingest` is imported.
    """
    import functools
    import importlib

    import torch

    matching: Any = importlib.import_module("ingest.models.matching")
    remembered = functools.cache(matching.load_together)

    def load(names: Sequence[str], model: str | None = None, *how: str) -> Any:
        return remembered(tuple(names), model, *(how or ("cpu", "float32")))

    matching.load_together = load
    for module in MODULES:
        importlib.import_module(module)
    torch.set_num_threads(1)
    sys.modules["ingest.rows.batches"].BATCH_CHARACTERS = 300  # type: ignore[attr-defined]
    sys.modules["ingest.statistics.sums"].TRANSACTION_ROWS = 10_000  # type: ignore[attr-defined]
    sys.modules["ingest.statistics.sums"].SLICE_ROWS = 5_000  # type: ignore[attr-defined]
    load((sae,))
    _compute_once()


def _compute_once() -> None:
    """What every process computes for itself, once for all children; none of them looks through it for garbage.

    A child that did would copy the memory that it looks at.
    """
    import gc

    from atlas.publish.tables import published_tables, sqlite_tables
    from queries.saved import saved_query_of_sql
    from schema.ddl import schema_script

    schema_script()
    published_tables()
    sqlite_tables()
    saved_query_of_sql("")
    gc.collect()
    gc.freeze()
