"""Kill commands at random moments, look at what is left, and let them finish.

A command is run in a child, killed at a random moment and run again on the same files until it ends by
itself. After each kill everything must hold; at the end everything must be as without a kill.
"""

import random
import shutil
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from tests.faults.children import run_atlas
from tests.faults.workloads import Workload

Report = dict[str, object]


def killed(workloads: Sequence[Workload], kills: int, seed: int, folder: Path) -> Iterator[Report]:
    """Kill so many times, the workloads in turn; a report for each workload."""
    shares = [kills // len(workloads) + (place < kills % len(workloads)) for place in range(len(workloads))]
    for workload, share in zip(workloads, shares, strict=True):
        chance = random.Random(f"{seed} {workload.name}")
        began = time.monotonic()
        finished, faults = _kill(workload, share, chance, folder / workload.name)
        yield {
            "suite": "kills",
            "workload": workload.name,
            "kills": share,
            "finished": finished,
            "undisturbed_seconds": round(workload.seconds, 2),
            "seconds": round(time.monotonic() - began, 1),
            "faults": faults,
        }


def _kill(workload: Workload, kills: int, chance: random.Random, folder: Path) -> tuple[int, list[str]]:
    """Kill a workload so many times; how often it was let finish, and what did not hold."""
    folder.mkdir(parents=True)
    faults: list[str] = []
    for round_ in count():
        place = folder / str(round_)
        workload.begin(place)
        ended = False
        while not ended and kills:
            run = run_atlas(workload.arguments(place), kill_after=chance.uniform(0, workload.seconds))
            ended = not run.killed
            kills -= run.killed
            faults += workload.faults(place)
            if run.fault() or (ended and run.code):
                faults.append(f"{workload.name}: {run.fault() or run.said}")
        if not ended:
            last = run_atlas(workload.arguments(place))
            faults += [f"{workload.name}: {last.said}"] * (last.code != 0)
        faults += workload.differences(place)
        shutil.rmtree(place)
        if not kills:
            return round_ + 1, faults
    raise AssertionError
