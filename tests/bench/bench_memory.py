"""Time and memory against size: each command on atlases of more and more tokens, within one limit.

    python -m tests.bench.bench_memory [--tokens N]... [--memory SIZE] [--pocket]

Each command is a process of its own: seconds are those of its processors, which other programs do not lengthen, and
memory is the most that it held. Texts are random words; the model is a narrow one with an SAE of pocket's width, so
that what is measured is everything but the model, or pocket itself with --pocket. What the program and its models hold
at least is `loaded`, an ingest of one document.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import torch

from ingest.models.names import POCKET, pocket_folder
from tests.made.narrow_model import save_narrow_model, save_narrow_sae

SIZES = (10_000, 100_000, 1_000_000)
WORDS = 400
"""Words of a document."""

TOKENS_PER_WORD = 2.1


@dataclass(frozen=True)
class Used:
    """What a process took: seconds of processors, and megabytes at most."""

    seconds: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.seconds:,.0f} s, {self.megabytes:,.0f} MB"


LAUNCH = """
import os, sys
child = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "atlas", *sys.argv[1:]])
_, status, usage = os.wait4(child, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Starts a command from a small process: of one that a large process starts, the system counts what that one held."""


def used_by(arguments: Sequence[str]) -> Used:
    """Run an `atlas` command to its end."""
    launched = subprocess.run([sys.executable, "-c", LAUNCH, *arguments], capture_output=True, text=True, check=False)
    if launched.returncode:
        raise SystemExit(f"failed: atlas {' '.join(arguments)}: {launched.stderr}")
    seconds, megabytes = launched.stderr.splitlines()[-1].split()
    return Used(float(seconds), float(megabytes))


def write_documents(path: Path, words: Sequence[str], tokens: int, seed: int) -> str:
    """Write random words as documents, a line each, of about so many tokens in all; the path's name."""
    generator = torch.Generator().manual_seed(seed)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(max(1, round(tokens / TOKENS_PER_WORD / WORDS))):
            drawn = torch.randint(len(words), (WORDS,), generator=generator).tolist()
            file.write(" ".join(words[i] for i in drawn) + "\n")
    return str(path)


def commands(folder: Path, reader: Sequence[str], words: Sequence[str], tokens: int) -> Iterator[tuple[str, list[str]]]:
    """Each command of the table, in order."""
    atlas, half = str(folder / "atlas.duckdb"), len(words) * 2 // 3
    for number, name in enumerate(("left", "right")):
        drawn = words[:half] if number == 0 else words[-half:]
        write_documents(folder / f"{name}.txt", drawn, tokens // 2, number)
    yield "ingest", ["ingest", atlas, str(folder / "left.txt"), str(folder / "right.txt"), *reader]
    yield "contrast", ["contrast", atlas, "sides", "--positive", "left", "--control", "right"]
    yield "verify", ["verify", atlas]
    yield "publish", ["publish", atlas, str(folder / "site")]
    yield "backup", ["backup", atlas, str(folder / "copy.duckdb")]


def measure(folder: Path, reader: Sequence[str], words: Sequence[str], tokens: int, limit: str) -> str:
    """The row of one size."""
    folder.mkdir()
    cells = [str(used_by(["--memory", limit, *command])) for _, command in commands(folder, reader, words, tokens)]
    path = folder / "atlas.duckdb"
    with duckdb.connect(str(path), read_only=True) as file:
        held = [file.execute(f"SELECT COUNT(*) FROM {name}").fetchall()[0][0] for name in ("token", "activation")]
    return f"| {held[0]:,} | {held[1]:,} | {' | '.join(cells)} | {path.stat().st_size / 1e6:,.0f} MB |"


def main() -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, action="append")
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--pocket", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reader = ["--sae", POCKET] if arguments.pocket else _narrow(folder)
        run(folder, reader, arguments.tokens or SIZES, arguments.memory)


def _narrow(folder: Path) -> list[str]:
    model = save_narrow_model(folder / "model")
    return ["--sae", save_narrow_sae(folder / "sae", model), "--model", model]


def run(folder: Path, reader: Sequence[str], sizes: Sequence[int], limit: str) -> None:
    """Measure every size within a limit."""
    from transformers import AutoTokenizer

    vocabulary = AutoTokenizer.from_pretrained(pocket_folder() / "gpt2").get_vocab()
    words = sorted(word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 3)
    loaded = used_by(["ingest", str(folder / "one.duckdb"), write_documents(folder / "one.txt", words, 1, 0), *reader])
    print(f"loaded: {loaded.megabytes:,.0f} MB; limit: {limit}\n")
    print("| tokens | activations | ingest | contrast | verify | publish | backup | file |")
    print("| ---: " * 8 + "|")
    for tokens in sizes:
        print(measure(folder / str(tokens), reader, words, tokens, limit), flush=True)


if __name__ == "__main__":
    main()
