"""What the README shows of a real atlas: the output of commands, run on the atlas that `make atlas` builds.

Figures differ in the last digits from machine to machine, so `make readme` renews them, and the check that
is part of `make test` leaves them as they are.
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 118


def run(command: str, previous: str) -> str:
    """A command and its output as a fenced block, cut to the width of the page; `previous` unless asked to renew."""
    if not _renewed():
        return previous
    lines = [line[:WIDTH].rstrip() for line in _output(command).splitlines()]
    return "\n".join(["```", f"$ {command}", *lines, "```", ""])


def candidate(word: str) -> int:
    """The best candidate of the atlas that fires on a word; which one that is depends on the embedded model."""
    if not _renewed():
        return 0
    found = json.loads(_output("atlas query atlas.duckdb candidates --format json"))
    return int(next(row["feature"] for row in found if word in row["top_tokens"]))


def _renewed() -> bool:
    return bool(os.environ.get("RENEW_README"))


def _output(command: str) -> str:
    _, *arguments = shlex.split(command)
    environment = {**os.environ, "COLUMNS": str(WIDTH)}
    run_by = [sys.executable, "-m", "atlas"]
    return subprocess.run(
        [*run_by, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout
