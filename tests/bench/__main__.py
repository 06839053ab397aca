"""The benchmarks, one after the other, and what they print in RESULTS.md with the machine named.

    python -m tests.bench [NAME]... [-- OPTION...]

A NAME is that of a module here without its `bench_`, and is given the options; other parts of RESULTS.md stay as they
are. Without a name all run but `big`, which takes hours: it is run by its name.
"""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from schema.memory import machine_memory

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "RESULTS.md"
HEADING = """# What the benchmarks print

`make bench` writes this file; `python -m tests.bench NAME` renews a part. Ratios are taken in one process, in turn, on
one machine; seconds are that machine's, and longer where it has other work to do (its load is given).
"""
PACKAGES = ("duckdb", "numpy", "torch")


BY_NAME = frozenset({"big"})


def names() -> list[str]:
    """The benchmarks there are, in the order in which they run."""
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def machine() -> str:
    """One line on what all this runs on, and how busy it is."""
    model = re.search(r"model name\s*: (.*)", _text("/proc/cpuinfo"))
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {model[1] if model else platform.machine()}, {os.cpu_count()} cores, "
        f"{machine_memory() / 1e9:.0f} GB, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, {packages}"
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def part(name: str, options: Sequence[str]) -> str:
    """Run a benchmark; its part of the file."""
    on = machine()
    command = [sys.executable, "-m", f"tests.bench.bench_{name}", *options]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(run.stdout, flush=True)
    printed = run.stdout.strip()
    shown = printed if printed.count("\n|") else f"```\n{printed}\n```"
    return f"## {name}\n\n{on}\n\n{shown}\n"


def merged(text: str, parts: dict[str, str]) -> str:
    """The file with these parts in the place of the older ones of their names, all in order."""
    older = {found.split("\n", 1)[0]: f"## {found.rstrip()}\n" for found in text.split("\n## ")[1:]}
    return "\n".join([HEADING, *(held for _, held in sorted({**older, **parts}.items()))])


def main(arguments: Sequence[str]) -> None:
    """Run those asked for, or all that take no hours; what each prints is kept before the next begins."""
    asked, options = list(arguments), list[str]()
    if "--" in asked:
        asked, options = asked[: asked.index("--")], asked[asked.index("--") + 1 :]
    unknown = set(asked) - set(names())
    if unknown:
        raise SystemExit(f"there is no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(names())}")
    for name in asked or (name for name in names() if name not in BY_NAME):
        before = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
        RESULTS.write_text(merged(before, {name: part(name, options)}), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
