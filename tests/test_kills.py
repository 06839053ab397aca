"""An ingest that is killed at any moment leaves a valid file, and the same call finishes the job."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_twenty_kills_leave_a_valid_file_and_the_same_rows(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.killing", str(tmp_path), "--kills", "20", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["kills"] == 20
    assert report["faults"] == []
