"""Kill an ingest at random moments and see what is left.

    python -m tests.killing --kills 20 --seed 1 FOLDER

One process loads the model and forks a child for each attempt, so that a kill
costs no start-up. A child ingests into a file; it is killed at a random moment
and the file is checked; attempts go on with the same file until one ends by
itself; then the rows are compared with those of an undisturbed run, and a new
file begins.
"""

import argparse
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from sqlalchemy import Table

import ingest.batches
import ingest.statistics.sums
from ingest.job import IngestRequest, ingest_with
from ingest.models.matching import load_together
from schema import Atlas, open_atlas, tables
from schema.verify import verify

APART = {"ingest_run", "migration"}
"""Tables that hold times."""


def in_child(work: Callable[[], None]) -> int:
    """Fork a process that does some work and leaves; its id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, sorted; sums rounded to nine digits."""
    with open_atlas(path, read_only=True) as atlas:
        return {table.name: rows_of(atlas, table) for table in tables.metadata.sorted_tables if table.name not in APART}


def rows_of(atlas: Atlas, table: Table) -> list[tuple[object, ...]]:
    """The rows of a table, sorted, without the run that wrote them."""
    columns = ", ".join(column.name for column in table.columns if column.name != "ingest_run")
    rows = atlas.rows(f"SELECT {columns} FROM {table.name} ORDER BY ALL")
    return [tuple(float(f"{v:.9e}") if isinstance(v, float) else v for v in row) for row in rows]


def broken(path: Path) -> list[str]:
    """The invariants that a file violates; none if there is no file yet."""
    if not path.exists():
        return []
    with open_atlas(path) as atlas:
        return [finding.invariant for finding in verify(atlas) if finding.violations]


def main() -> None:
    """Run the kills and print what came of them as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ingest.batches.BATCH_CHARACTERS = 1_500
    ingest.statistics.sums.SUM_TOKENS = 1_500
    model, saes = load_together(["pocket"])

    def run(path: Path) -> None:
        ingest_with(IngestRequest(path, ("bundled:medical", "bundled:control"), limit=150), model, saes)

    def attempt(path: Path, after: float | None) -> bool:
        """Ingest in a child, killed after so many seconds; whether it ended by itself."""
        child = in_child(lambda: run(path))
        if after is not None:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0

    undisturbed = arguments.folder / "undisturbed.duckdb"
    began = time.monotonic()
    assert attempt(undisturbed, None)
    duration = time.monotonic() - began
    expected = contents(undisturbed)
    chance = random.Random(arguments.seed)
    kills, files, faults = 0, 0, list[str]()
    while kills < arguments.kills:
        path = arguments.folder / f"killed-{files}.duckdb"
        ended = False
        while not ended and kills < arguments.kills:
            ended = attempt(path, chance.uniform(0, 0.6 * duration))
            kills += not ended
            faults += broken(path)
        if not ended:
            assert attempt(path, None)
        found = contents(path)
        faults += [f"{name} differs" for name in expected if found[name] != expected[name]]
        files += 1
    print(json.dumps({"kills": kills, "files": files, "seconds": round(duration, 2), "faults": faults}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
