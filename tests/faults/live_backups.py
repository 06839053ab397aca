"""Back an atlas up again and again while another process ingests into it and is killed at random moments."""

import random
import shutil
import time
from pathlib import Path

from schema import open_atlas
from tests.faults.children import run_atlas, start_atlas
from tests.faults.rows import broken, contents
from tests.faults.workloads import ATLAS, Workload

Report = dict[str, object]


def backed_up_while_ingesting(ingest: Workload, copies: int, seed: int, folder: Path) -> Report:
    """Take so many copies of atlases that grow meanwhile; then use each copy as the atlas and finish it."""
    chance = random.Random(seed)
    began, faults, states = time.monotonic(), list[str](), list[int]()
    taken = files = 0
    while taken < copies:
        place = folder / str(files)
        ingest.begin(place)
        files += 1
        found = _copies(ingest, place, copies - taken, chance, faults)
        states += found
        taken += len(found)
        shutil.rmtree(place)
    return {
        "suite": "backups while ingesting",
        "copies": taken,
        "atlases": files,
        "documents_in_copies": states,
        "seconds": round(time.monotonic() - began, 1),
        "faults": faults,
    }


def _copies(ingest: Workload, place: Path, most: int, chance: random.Random, faults: list[str]) -> list[int]:
    """Copy one atlas while it grows from nothing to its end; the documents in each copy."""
    states: list[int] = []
    writer = start_atlas(ingest.arguments(place))
    ending = time.monotonic() + chance.uniform(0.3, 1.2) * ingest.seconds
    while len(states) < most:
        done = not writer.running
        if not done and time.monotonic() > ending:
            writer.wait(kill_after=0)
            writer = start_atlas(ingest.arguments(place))
            ending = time.monotonic() + chance.uniform(0.3, 2.0) * ingest.seconds
        if (place / ATLAS).exists():
            copy = place / f"copy-{len(states)}" / ATLAS
            copy.parent.mkdir()
            ended = run_atlas(("backup", place / ATLAS, copy))
            if ended.code == 0:
                states.append(_documents(copy))
                faults += broken(copy) + _restored(ingest, copy.parent)
                faults += ["a copy holds less than one before it"] * (states != sorted(states))
            elif "is empty" not in ended.said:  # before its first tables
                faults.append(f"no copy: {ended.said}")
            shutil.rmtree(copy.parent)
        if done:
            break
    writer.wait()
    faults += ingest.differences(place) if not start_atlas(ingest.arguments(place)).wait().code else ["not finished"]
    return states


def _documents(copy: Path) -> int:
    with open_atlas(copy, read_only=True) as atlas:
        return int(atlas.rows("SELECT COUNT(*) FROM document")[0][0])


def _restored(ingest: Workload, folder: Path) -> list[str]:
    """The same command goes on from a copy and ends with the same rows."""
    ended = run_atlas(ingest.arguments(folder))
    if ended.code:
        return [f"the copy cannot be used: {ended.said}"]
    return ["restored rows differ"] * (contents(folder / ATLAS) != ingest.expected.atlas)
