"""Back an atlas up again and again while another process ingests into it and is killed at random moments."""

import random
import shutil
import time
from functools import partial
from pathlib import Path

from schema import open_atlas
from schema.locking import lock_path
from tests.faults.children import run_atlas, start_atlas
from tests.faults.rows import broken, contents
from tests.faults.workloads import ATLAS, Workload

Report = dict[str, object]


def backed_up_while_ingesting(ingest: Workload, copies: int, seed: int, folder: Path) -> Report:
    """Take so many copies of atlases that grow meanwhile; then use each copy as the atlas and finish it.

    The copies go to a slow disk: each takes as long as several batches. A copier that nobody waits for finds the
    files changed each time that it has read them, and gives up, or has its copy when all is over.
    """
    chance = random.Random(seed)
    began, faults, states = time.monotonic(), list[str](), list[int]()
    atlases = 0
    while len(states) < copies and atlases < copies:
        place = folder / str(atlases)
        ingest.begin(place)
        atlases += 1
        states += _copies(ingest, place, copies - len(states), chance, faults)
        shutil.rmtree(place)
    faults += [f"{len(states)} of {copies} copies were had while the atlas grew"] * (len(states) < copies)
    return {
        "suite": "backups while ingesting",
        "copies": len(states),
        "atlases": atlases,
        "documents_in_copies": states,
        "seconds": round(time.monotonic() - began, 1),
        "faults": faults,
    }


def _copies(ingest: Workload, place: Path, most: int, chance: random.Random, faults: list[str]) -> list[int]:
    """Copy one atlas while it grows, and look at the copies when it has; the documents in each copy."""
    writer = start_atlas(ingest.arguments(place))
    ending = time.monotonic() + chance.uniform(0.3, 1.2) * ingest.seconds
    copies: list[Path] = []
    while writer.running:
        if time.monotonic() > ending:
            writer.wait(kill_after=0)
            writer = start_atlas(ingest.arguments(place))
            ending = time.monotonic() + chance.uniform(0.3, 2.0) * ingest.seconds
        if len(copies) < most and lock_path(place / ATLAS).exists():
            copy = place / f"copy-{len(copies)}" / ATLAS
            copy.parent.mkdir(exist_ok=True)
            slow = partial(_slow_disk, ingest.seconds / 20)
            ended = run_atlas(("backup", place / ATLAS, copy, "--force"), before=slow)
            faults += [f"no copy: {ended.said}"] * (ended.code != 0)
            if ended.code == 0 and writer.running:
                copies.append(copy)
    writer.wait()
    faults += ingest.differences(place) if not run_atlas(ingest.arguments(place)).code else ["not finished"]
    states = [_documents(copy) for copy in copies]
    faults += ["a copy holds less than one before it"] * (states != sorted(states))
    for copy in copies:
        faults += broken(copy) + _restored(ingest, copy.parent)
    return states


def _slow_disk(seconds: float) -> None:
    """From now on in this process, a file takes so long to be copied, half of it before and half after the wait."""

    def copy(source: Path, target: Path) -> None:
        with source.open("rb") as old, target.open("wb") as new:
            new.write(old.read(source.stat().st_size // 2))
            time.sleep(seconds)
            shutil.copyfileobj(old, new)

    shutil.copy = copy  # type: ignore[assignment]


def _documents(copy: Path) -> int:
    with open_atlas(copy, read_only=True) as atlas:
        return int(atlas.rows("SELECT COUNT(*) FROM document")[0][0])


def _restored(ingest: Workload, folder: Path) -> list[str]:
    """The same command goes on from a copy and ends with the same rows."""
    ended = run_atlas(ingest.arguments(folder))
    if ended.code:
        return [f"the copy cannot be used: {ended.said}"]
    return ["restored rows differ"] * (contents(folder / ATLAS) != ingest.expected.atlas)
