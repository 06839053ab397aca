"""Faults from outside, a few of those that `make faults` makes: kills, too little room or memory, bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
FEW = """
    --kills 8 --stops 4 --steps 1 --disks 2 --memory 2 --inputs 300 --copies 0 --lines 0 --halves 0 --discoveries 0
    --kill ingest contrast schedule publish --squeeze ingest --seed 2
"""


@pytest.fixture(scope="module")
def done() -> subprocess.CompletedProcess[str]:
    """A run of the suites: one process for all, since it loads the model once."""
    command = [sys.executable, "-m", "tests.faults", *FEW.split()]
    env = os.environ | {"OMP_NUM_THREADS": "2"}  # as `make faults` on two cores: with less, less memory is too little
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=3600)


@pytest.fixture(scope="module")
def reports(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """What the suites say."""
    assert done.stdout, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def of_suite(reports: list[dict[str, Any]], suite: str) -> list[dict[str, Any]]:
    return [report for report in reports if report["suite"] == suite]


def faults(reports: list[dict[str, Any]]) -> list[str]:
    return [fault for report in reports for fault in report["faults"]]


def test_kills_leave_valid_files_and_the_same_rows(reports: list[dict[str, Any]]) -> None:
    kills = of_suite(reports, "kills")
    assert [report["workload"] for report in kills] == ["ingest", "contrast", "schedule", "publish"]
    assert sum(report["kills"] for report in kills) == 8
    assert faults(kills) == []


def test_a_stop_leaves_valid_files_and_no_open_run(reports: list[dict[str, Any]]) -> None:
    stops, steps = of_suite(reports, "stops"), of_suite(reports, "steps")
    assert [report["stops"] for report in stops] == [1, 1, 1, 1]
    assert [report["steps"] for report in steps] == [1, 1, 1, 1]
    assert all(report["of"] > 1000 for report in steps)
    assert faults(stops) + faults(steps) == []


def test_a_full_disk_is_refused_in_a_line_and_finished_with_room(reports: list[dict[str, Any]]) -> None:
    disks = of_suite(reports, "full disk")
    assert sum(report["refused"] for report in disks) >= 1
    assert faults(disks) == []


def test_memory_that_runs_out_is_told_in_a_line_and_the_next_run_finishes(reports: list[dict[str, Any]]) -> None:
    limits = of_suite(reports, "little memory")
    assert sum(report["refused"] for report in limits) >= 1
    assert faults(limits) == []


def test_a_folder_that_cannot_be_written_to_is_refused_in_a_line(reports: list[dict[str, Any]]) -> None:
    folders = of_suite(reports, "read-only")
    assert folders
    assert faults(folders) == []
    if "skipped" in folders[0]:
        pytest.skip(folders[0]["skipped"])


def test_bad_inputs_are_named_and_harm_nothing(reports: list[dict[str, Any]]) -> None:
    inputs = of_suite(reports, "bad inputs")
    assert sum(report["cases"] for report in inputs) == 300
    assert all(sum(report[outcome] for report in inputs) for outcome in ("read", "skipped", "refused", "ingested"))
    assert faults(inputs) == []


def test_one_line_says_what_was_tried(done: subprocess.CompletedProcess[str], reports: list[dict[str, Any]]) -> None:
    folders = sum("folders" in report for report in reports)
    assert done.stderr.splitlines()[-1] == (
        f"8 kills, 4 stops, 4 stops at a step, 2 full disks, {folders} read-only folders, 2 memory limits, "
        "300 bad inputs, 0 live backups, 0 due times, 0 relabellings: 0 faults"
    )
    assert done.returncode == 0
