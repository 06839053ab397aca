"""Kill commands at random moments, or ask them to stop, look at what is left, and let them finish.

A command is run in a child, ended by a signal at a random moment and run again on the same files until it
ends by itself. After each signal everything must hold; at the end everything must be as without one.
SIGKILL leaves no time for anything; after SIGTERM the command leaves with its own exit code, and no run is open.
"""

import random
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from atlas.cli.failures import end_command_on_signals
from tests.faults.children import Ended, run_atlas
from tests.faults.rows import open_runs
from tests.faults.workloads import ATLAS, Workload

Report = dict[str, object]


def killed(workloads: Sequence[Workload], kills: int, seed: int, folder: Path) -> Iterator[Report]:
    """Kill so many times, the workloads in turn; a report for each workload."""
    return _signalled("kills", signal.SIGKILL, workloads, kills, (seed, folder))


def stopped(workloads: Sequence[Workload], stops: int, seed: int, folder: Path) -> Iterator[Report]:
    """Ask so many times to stop (SIGTERM), the workloads in turn; a report for each workload."""
    return _signalled("stops", signal.SIGTERM, workloads, stops, (seed, folder))


def _signalled(
    suite: str, number: int, workloads: Sequence[Workload], signals: int, where: tuple[int, Path]
) -> Iterator[Report]:
    seed, folder = where
    shares = [signals // len(workloads) + (place < signals % len(workloads)) for place in range(len(workloads))]
    for workload, share in zip(workloads, shares, strict=True):
        chance = random.Random(f"{seed} {workload.name}")
        began = time.monotonic()
        finished, faults = _signal(workload, share, chance, folder / workload.name, number)
        yield {
            "suite": suite,
            "workload": workload.name,
            suite: share,
            "finished": finished,
            "undisturbed_seconds": round(workload.seconds, 2),
            "seconds": round(time.monotonic() - began, 1),
            "faults": faults,
        }


def _signal(
    workload: Workload, signals: int, chance: random.Random, folder: Path, number: int
) -> tuple[int, list[str]]:
    """Send a workload so many signals; how often it was let finish, and what did not hold.

    The moments are drawn from the shortest whole run there was: another process may have held up the first one.
    """
    folder.mkdir(parents=True)
    faults: list[str] = []
    seconds = workload.seconds
    for round_ in count():
        place = folder / str(round_)
        workload.begin(place)
        ended, whole = False, True
        while not ended and signals:
            after, began = chance.uniform(0, seconds), time.monotonic()
            run = run_atlas(workload.arguments(place), kill_after=after, number=number, before=end_command_on_signals)
            ended = not run.cut
            if ended and whole and not run.code:
                seconds = min(seconds, time.monotonic() - began)
            whole = False
            signals -= run.cut
            faults += faults_after(run, workload, place, number)
            if ended and run.code and not run.fault():
                faults.append(f"{workload.name}: {run.said}")
        if not ended:
            last = run_atlas(workload.arguments(place))
            faults += [f"{workload.name}: {last.said}"] * (last.code != 0)
        faults += workload.differences(place)
        shutil.rmtree(place)
        if not signals:
            return round_ + 1, faults
    raise AssertionError


def faults_after(run: Ended, workload: Workload, place: Path, number: int) -> list[str]:
    """What does not hold after a run that may have been sent that signal."""
    found = [f"{workload.name}: {fault}" for fault in [run.fault()] if fault]
    if run.code == 128 + number:
        found += [f"{workload.name}: {fault}" for fault in open_runs(place / ATLAS)]
    return workload.faults(place) + found
