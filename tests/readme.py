"""What the README shows of a real atlas: the output of commands, run on the atlas that `make atlas` builds.

Figures differ in the last digits from machine to machine, so `make readme` renews them, and the check that
is part of `make test` leaves them as they are.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 118


def run(command: str, previous: str) -> str:
    """A command and its output as a fenced block, cut to the width of the page; `previous` unless asked to renew."""
    if not os.environ.get("RENEW_README"):
        return previous
    _, *arguments = shlex.split(command)
    environment = {**os.environ, "COLUMNS": str(WIDTH)}
    done = subprocess.run(
        [sys.executable, "-m", "atlas", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line[:WIDTH].rstrip() for line in done.stdout.splitlines()]
    return "\n".join(["```", f"$ {command}", *lines, "```", ""])
