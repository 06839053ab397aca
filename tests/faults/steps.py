"""Ask commands to stop (SIGTERM) at a step of the code that keeps files whole, wherever that is.

A moment drawn from the clock falls into a long statement nearly always. Here each call, and each return from one, of
the package `schema`, of a run's record and of their context managers is as likely as any other: between the two
halves of whatever must not be halved.
"""

import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import ingest.jobs.run_record
import schema
from atlas.cli.failures import end_command_on_signals
from tests.faults.children import run_atlas
from tests.faults.kills import Report, faults_after
from tests.faults.workloads import Workload

WATCHED = (os.path.dirname(schema.__file__), ingest.jobs.run_record.__file__, contextlib.__file__)  # noqa: PTH120


def stepped(workloads: Sequence[Workload], stops: int, seed: int, folder: Path) -> Iterator[Report]:
    """Stop each workload that often, at steps drawn by chance; a report for each."""
    for workload in workloads:
        began, chance = time.monotonic(), random.Random(f"{seed} {workload.name}")
        steps = count_steps(workload, folder / workload.name / "counted")
        drawn = [chance.randint(1, steps) for _ in range(stops)]
        faults = [
            fault
            for number, step in enumerate(drawn)
            for fault in _stop(workload, step, folder / workload.name / str(number))
        ]
        yield {
            "suite": "steps",
            "workload": workload.name,
            "steps": stops,
            "of": steps,
            "seconds": round(time.monotonic() - began, 1),
            "faults": faults,
        }


def count_steps(workload: Workload, place: Path) -> int:
    """How many steps an undisturbed run takes."""
    workload.begin(place)
    with tempfile.NamedTemporaryFile() as counted:
        run_atlas(workload.arguments(place), before=lambda: _watch(0, counted.name))
        shutil.rmtree(place)
        return int(Path(counted.name).stat().st_size)


def _stop(workload: Workload, step: int, place: Path) -> list[str]:
    """Stop it there; what does not hold then, and when it has been run again."""
    workload.begin(place)
    run = run_atlas(workload.arguments(place), before=lambda: _watch(step))
    faults = faults_after(run, workload, place, signal.SIGTERM)
    last = run_atlas(workload.arguments(place))
    faults += [f"{workload.name}: {last.said}"] * (last.code != 0)
    faults += workload.differences(place)
    shutil.rmtree(place)
    return [f"{fault} (stopped at step {step})" for fault in faults]


def _watch(step: int, counted: str | None = None) -> None:
    """In a child: send SIGTERM at that step; or write a byte a step."""
    end_command_on_signals()
    taken, count = 0, open(counted, "ab", buffering=0) if counted else None  # noqa: PTH123, SIM115

    def look(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal taken
        if frame.f_code.co_filename.startswith(WATCHED):
            taken += 1
            if count:
                count.write(b".")
            if taken == step:
                os.kill(os.getpid(), signal.SIGTERM)

    sys.setprofile(look)
