"""Memory that runs out: each command gets less of it than it takes, at whatever moment that hits it."""

import random
import resource
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.disks import squeeze
from tests.faults.workloads import Workload

Report = dict[str, object]
MOST = 64 << 20
"""Bytes that a process may take beyond what it has when it begins; with as many every command here ends well."""


def little_memory(workloads: Sequence[Workload], sizes: int, seed: int, folder: Path) -> Iterator[Report]:
    """Run each workload with so many amounts of memory that may be too little, then with enough."""
    for workload in workloads:
        chance = random.Random(f"{seed} memory {workload.name}")
        began, faults, refused = time.monotonic(), list[str](), 0
        for number in range(sizes):
            room = int(MOST * chance.random() ** 2)
            place = folder / f"{workload.name}-{number}"
            workload.begin(place)
            found, was_refused = squeeze(workload, place, lambda room=room: _allow(room), lambda: None)  # type: ignore[misc]
            refused += was_refused
            faults += found
        yield {
            "suite": "little memory",
            "workload": workload.name,
            "limits": sizes,
            "refused": refused,
            "seconds": round(time.monotonic() - began, 1),
            "faults": faults,
        }


def _allow(room: int) -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + room
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
