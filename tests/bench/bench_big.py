"""One atlas of pocket's activations as it grows to 10 million tokens, and then every command, page and query on it.

    python -m tests.bench.bench_big [--tokens N] [--stage N] [--memory SIZE] [--narrow] [--folder F [--grow|--show]]

One process with the model loaded once ingests stage after stage into one open atlas. Of each stage: seconds of
processors, of which sums; the most memory it held, that over what it held with the models loaded and DuckDB's share of
the limit, and that less what DuckDB says it holds at the time (what DuckDB has given back and the allocator keeps is
in it); the file. Texts are sentences of the bundled corpora in another order, every third word another one, so that no
two are alike. The commands are processes of their own, as in `bench_memory`; pages and queries are asked for over HTTP,
as in `bench_serve`, and what is slower than asked is named.

With a folder, what is stopped goes on where it was, and what was measured of an atlas of this size is not measured
again; `--grow` ingests, and leaves the rest; `--show` prints what was measured there.
"""

import argparse
import json
import multiprocessing
import random
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx

from ingest.jobs.ingest import IngestRequest, ingest_into
from ingest.jobs.progress import Progress
from ingest.jobs.reader import POCKET_READER, Reader
from ingest.models.names import pocket_folder
from schema import Atlas, open_atlas
from schema.memory import PASSING, limit_process_memory, parse_size, resident_bytes
from tests.bench.bench_memory import used_by
from tests.bench.bench_serve import Subject, serving, time_pages, time_queries, time_tables
from tests.made.narrow_model import save_narrow_model, save_narrow_sae

DOMAINS = ("medical", "control")
WORDS = 400
"""Words of a document."""

EXCHANGED = 3
"""One word in so many is another one."""

TOKENS_PER_WORD = 1.8
SAMPLED_EVERY = 0.05
"""Seconds between two looks at the memory."""

CONTRAST = "sides"
HEADINGS = (
    *("tokens", "activations", "CPU s", "of it sums"),
    *("MB at most", "over models and DuckDB's share", "less what DuckDB holds then", "file MB"),
)


def main() -> None:
    """Grow the atlas, measure what is asked of it, print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=10_000_000)
    parser.add_argument("--stage", type=int, default=1_000_000, help="tokens of a stage")
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--narrow", action="store_true", help="a narrow model in pocket's place: rows like pocket's")
    parser.add_argument("--folder", type=Path, help="where the atlas is kept for another run; none: thrown away")
    parser.add_argument("--grow", action="store_true", help="ingest, and measure nothing else")
    parser.add_argument("--show", action="store_true", help="print what was measured, and measure nothing")
    arguments = parser.parse_args()
    if arguments.show:
        show(arguments.folder, arguments.memory)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(exist_ok=True)
        asked = (folder, arguments.tokens, arguments.stage, arguments.memory, arguments.narrow)
        process = multiprocessing.get_context("spawn").Process(target=grow, args=asked)
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"ingesting ended with {process.exitcode}; the same command goes on from there")
        print(curve(folder, arguments.memory), flush=True)
        if not arguments.grow:
            measure(folder, arguments.memory)
            print(f"\n{table_of_commands(folder)}\n", flush=True)
            serve(folder)


@dataclass(frozen=True)
class Texts:
    """Sentences by domain, and words to exchange for theirs."""

    sentences: dict[str, list[str]]
    words: list[str]

    @classmethod
    def bundled(cls) -> "Texts":
        """Those of the bundled corpora, and the longer words of pocket's tokenizer."""
        from transformers import AutoTokenizer

        corpora = files("ingest").joinpath("corpora")
        sentences = {
            name: [json.loads(line)["text"] for line in corpora.joinpath(f"{name}.jsonl").open(encoding="utf-8")]
            for name in DOMAINS
        }
        vocabulary = AutoTokenizer.from_pretrained(pocket_folder() / "gpt2").get_vocab()
        whole = (word.removeprefix("Ġ") for word in vocabulary if word.startswith("Ġ"))
        return cls(sentences, sorted(word for word in whole if re.fullmatch(r"[a-z]{3,}", word)))

    def write(self, path: Path, tokens: int, seed: int) -> str:
        """Write documents of about so many tokens in all, of each domain in turn; the path's name."""
        draw = random.Random(seed)
        with path.open("w", encoding="utf-8") as file:
            for n in range(max(2, round(tokens / TOKENS_PER_WORD / WORDS))):
                domain = DOMAINS[n % 2]
                file.write(json.dumps({"text": self._document(draw, domain), "domain": domain}) + "\n")
        return str(path)

    def _document(self, draw: random.Random, domain: str) -> str:
        words: list[str] = []
        while len(words) < WORDS:
            words += draw.choice(self.sentences[domain]).split()
        return " ".join(draw.choice(self.words) if draw.randrange(EXCHANGED) == 0 else word for word in words)


@dataclass
class Peak:
    """Bytes at most: what the process holds, and that less what DuckDB says it has in memory."""

    whole: int = 0
    without_duckdb: int = 0


@contextmanager
def watched(atlas: Atlas) -> Iterator[Peak]:
    """Inside, a thread looks at the memory again and again."""
    peak, over = Peak(), Event()
    cursor = atlas.duckdb.cursor()

    def _duckdb() -> int:
        return int(cursor.execute("SELECT SUM(memory_usage_bytes) FROM duckdb_memory()").fetchall()[0][0])

    def _look() -> None:
        while not over.wait(SAMPLED_EVERY):
            before, held, after = _duckdb(), resident_bytes(), _duckdb()
            peak.whole = max(peak.whole, held)
            peak.without_duckdb = max(peak.without_duckdb, held - max(before, after))

    thread = Thread(target=_look)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
        cursor.close()


def grow(folder: Path, tokens: int, stage: int, limit: str, narrow: bool) -> None:
    """Ingest stage after stage until the atlas holds so many tokens; a line of `grown.jsonl` for each."""
    texts = Texts.bundled()
    with limit_process_memory(parse_size(limit)):
        reader = _narrow(folder) if narrow else POCKET_READER
        loaded, held = reader.load(), resident_bytes()
        path = folder / "atlas.duckdb"
        with open_atlas(path, create=True) as atlas:
            for number in count(len(_lines(folder / "grown.jsonl"))):
                reached = _count(atlas, "token")
                if reached >= tokens:
                    break
                source = texts.write(folder / f"stage-{number}.jsonl", min(stage, tokens), number)
                request = IngestRequest(path, (source,), stem="big", reader=reader)
                _add_line(folder / "grown.jsonl", _stage(atlas, request, loaded) | {"loaded": held / 1e6})
                Path(source).unlink()


def _narrow(folder: Path) -> Reader:
    model = save_narrow_model(folder / "model")
    return Reader((save_narrow_sae(folder / "sae", model),), model)


def _stage(atlas: Atlas, request: IngestRequest, loaded: Any) -> dict[str, float]:
    """Ingest, watched; the figures of it."""
    summing: list[float] = []

    def _report(told: Progress) -> None:
        if told.stage == "summing":
            summing.append(time.process_time())

    began = time.process_time()
    with watched(atlas) as peak:
        ingest_into(atlas, request, loaded, _report)
    ended = time.process_time()
    return {
        "tokens": _count(atlas, "token"),
        "activations": _count(atlas, "activation"),
        "seconds": ended - began,
        "sums": ended - summing[-1],
        "whole": peak.whole / 1e6,
        "without_duckdb": peak.without_duckdb / 1e6,
        "file": request.atlas.stat().st_size / 1e6,
    }


def _count(atlas: Atlas, table: str) -> int:
    return int(atlas.rows(f"SELECT COUNT(*) FROM {table}")[0][0])


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _add_line(path: Path, line: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def curve(folder: Path, limit: str) -> str:
    """The table of stages."""
    stages = _lines(folder / "grown.jsonl")
    rows = [
        (
            *(each[name] for name in ("tokens", "activations", "seconds", "sums", "whole")),
            each["whole"] - (parse_size(limit) - PASSING) / 1e6,  # the share is what models and passing leave of it
            *(each[name] for name in ("without_duckdb", "file")),
        )
        for each in stages
    ]
    model = "a narrow model, rows like pocket's" if (folder / "model").exists() else "pocket"
    told = f"ingest by {model}: {stages[0]['loaded']:,.0f} MB with the models loaded; limit: {limit}\n\n"
    return told + "\n".join([_row(HEADINGS), "| ---: " * len(HEADINGS) + "|", *map(_row, rows)])


def _row(cells: Any) -> str:
    return f"| {' | '.join(cell if isinstance(cell, str) else f'{cell:,.0f}' for cell in cells)} |"


def measure(folder: Path, limit: str) -> None:
    """Run each command on the atlas as it is now, but those that were measured; a line of `commands.jsonl` for each."""
    path = str(folder / "atlas.duckdb")
    asked = {
        "contrast": ["contrast", path, CONTRAST, "--positive", "big/medical", "--control", "big/control"],
        "publish": ["publish", path, str(folder / "site")],
        "verify": ["verify", path],
        "neighbours": ["neighbours", path],
        "backup": ["backup", path, str(folder / "copy.duckdb")],
    }
    measured = {line["command"] for line in _measured(folder)}
    for name in (name for name in asked if name not in measured):
        used = used_by(["--memory", limit, *asked[name]])
        taken = {"seconds": used.seconds, "megabytes": used.megabytes}
        _add_line(folder / "commands.jsonl", {"command": name, "tokens": _tokens(folder)} | taken)
    (folder / "copy.duckdb").unlink(missing_ok=True)


def _tokens(folder: Path) -> int:
    return int(_lines(folder / "grown.jsonl")[-1]["tokens"])


def _measured(folder: Path) -> list[dict[str, Any]]:
    """The commands that were run on the atlas as it is now."""
    return [line for line in _lines(folder / "commands.jsonl") if line["tokens"] == _tokens(folder)]


def table_of_commands(folder: Path) -> str:
    """The table of commands."""
    rows = [(each["command"], each["seconds"], each["megabytes"]) for each in _measured(folder)]
    return "\n".join([_row(("command", "CPU s", "MB at most")), "| :--- | ---: | ---: |", *map(_row, rows)])


def show(folder: Path, limit: str) -> None:
    """Print what was measured."""
    print(f"{curve(folder, limit)}\n\n{table_of_commands(folder)}")


def serve(folder: Path) -> None:
    """Print how long pages, tables and saved queries take, the slowest first."""
    with open_atlas(folder / "atlas.duckdb", read_only=True) as atlas:
        ((release, sae_id),) = atlas.rows("SELECT release, sae_id FROM sae")
    subject = Subject(f"{release}/{sae_id}", CONTRAST, "asthma", {"other_feature": 85, "word": "asthma"})
    with serving(folder / "site") as address, httpx.Client(base_url=address, timeout=60) as client:
        print("```")
        missed = [*time_pages(client, subject), *time_tables(client), *time_queries(client, subject)]
    print(f"missed: {', '.join(missed)}" if missed else "every page and query is as fast as asked")
    print("```")


if __name__ == "__main__":
    main()
