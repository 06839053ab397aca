"""A signal that a schedule takes over ends nothing by itself; the one after it does."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.made.empty_atlas import write_empty_atlas
from tests.made.patience import PATIENCE_SECONDS

PROGRAM = """
import os, signal, sys, threading
import duckdb
from atlas.cli.schedule import _stoppable
from atlas.cli.failures import Terminated, end_command_on_signals
from schema import open_atlas

LONG = "SELECT SUM(hash(a.range + b.range)) FROM range(12_000) AS a, range(12_000) AS b"
end_command_on_signals()
with open_atlas(sys.argv[1]) as atlas, _stoppable() as clock:
    os.kill(os.getpid(), signal.SIGTERM)
    assert clock.stopped
    if sys.argv[2] == "again":
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    atlas.rows("SET threads = 1")
    atlas.rows("SET enable_progress_bar = false")
    try:
        atlas.rows(LONG)
        print("whole")
    except (duckdb.Error, RuntimeError, Terminated):
        print("cut")
os._exit(0)
"""


@pytest.mark.parametrize(("signals", "ending"), [("once", "whole"), ("again", "cut")])
def test_a_statement_is_interrupted_by_the_second_signal_alone(signals: str, ending: str, tmp_path: Path) -> None:
    write_empty_atlas(tmp_path / "atlas.duckdb")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "atlas.duckdb"), signals]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.stdout.split() == [ending], done.stderr
