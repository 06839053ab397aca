"""Run the fault suites and print what came of each, a line of JSON each; on stderr, one line of all of it.

python -m tests.faults                      all of it: make faults
python -m tests.faults --kills 20 --stops 4 --steps 4 --disks 1 --memory 1 --inputs 300 --copies 0
    --halves 2 --discoveries 50    a few
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Report = dict[str, Any]
COUNTED = {
    "kills": "kills",
    "stops": "stops",
    "steps": "stops at a step",
    "disks": "full disks",
    "folders": "read-only folders",
    "limits": "memory limits",
    "cases": "bad inputs",
    "copies": "live backups",
    "due times": "due times",
    "relabellings": "relabellings",
}
"""What a report may count, in the words of the summary."""


def main() -> None:
    """Run what is asked for; exit code 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--stops", type=int, default=80, help="stops in an orderly way, by SIGTERM")
    parser.add_argument("--steps", type=int, default=20, help="stops of each command where it keeps files whole")
    parser.add_argument("--disks", type=int, default=10, help="disks too small for each command")
    parser.add_argument("--memory", type=int, default=10, help="amounts of memory, most too small, for each command")
    parser.add_argument("--copies", type=int, default=40, help="backups taken while an ingest runs and is killed")
    parser.add_argument("--inputs", type=int, default=10_000, help="bad inputs")
    parser.add_argument("--lines", type=int, default=40, help="cron lines, each in all time zones over twenty years")
    parser.add_argument("--halves", type=int, default=60, help="relabellings of each kind of documents, cut in halves")
    parser.add_argument("--discoveries", type=int, default=2000, help="relabellings of each size of the two sides")
    parser.add_argument("--kill", nargs="+", help="commands to kill and stop, instead of all")
    parser.add_argument("--squeeze", nargs="+", help="commands to run without room, instead of all")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    reports = []
    with tempfile.TemporaryDirectory() as folder:
        for report in _reports(arguments, Path(folder)):
            print(json.dumps(report), flush=True)
            reports.append(report)
    print(summary(reports), file=sys.stderr, flush=True)
    os._exit(any(report["faults"] for report in reports))  # without DuckDB's complaints about its teardown


def summary(reports: Sequence[Report]) -> str:
    """One line: how much of each kind was tried, and how many faults were found."""
    tried = [f"{sum(report.get(key, 0) for report in reports):,} {what}" for key, what in COUNTED.items()]
    faults = sum(len(report["faults"]) for report in reports)
    return f"{', '.join(tried)}: {faults} fault{'s' * (faults != 1)}"


def _reports(arguments: argparse.Namespace, folder: Path) -> Iterator[Report]:
    from tests.faults.crons import cron_lines
    from tests.faults.discoveries import discoveries
    from tests.faults.disks import full, read_only
    from tests.faults.halves import halves
    from tests.faults.inputs import bad_inputs
    from tests.faults.kills import killed, stopped
    from tests.faults.live_backups import backed_up_while_ingesting
    from tests.faults.memory import little_memory
    from tests.faults.steps import stepped
    from tests.faults.workloads import NAMES, Bench

    bench, seed = Bench(folder), arguments.seed
    if arguments.kills:
        yield from killed(bench.workloads(arguments.kill or NAMES), arguments.kills, seed, folder / "killed")
    if arguments.stops:
        yield from stopped(bench.workloads(arguments.kill or NAMES), arguments.stops, seed, folder / "stopped")
    if arguments.steps:
        yield from stepped(bench.workloads(arguments.kill or NAMES), arguments.steps, seed, folder / "stepped")
    if arguments.disks:
        workloads = bench.workloads(arguments.squeeze or NAMES)
        yield from full(workloads, arguments.disks, seed, folder / "full")
        yield from read_only(workloads, folder / "read-only")
    if arguments.memory:
        workloads = bench.workloads(arguments.squeeze or NAMES)
        yield from little_memory(workloads, arguments.memory, seed, folder / "memory")
    if arguments.inputs:
        yield from bad_inputs(arguments.inputs, seed, folder / "inputs", bench.workload("ingest"))
    if arguments.copies:
        yield backed_up_while_ingesting(bench.workload("growing"), arguments.copies, seed, folder / "live")
    if arguments.lines:
        yield cron_lines(arguments.lines, seed)
    if arguments.halves:
        yield from halves(arguments.halves, seed)
    if arguments.discoveries:
        yield from discoveries(arguments.discoveries, seed)


if __name__ == "__main__":
    main()
