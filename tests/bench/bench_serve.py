"""A published atlas of 20 million activation rows over real HTTP: pages, saved queries, readers during publishing.

    python -m tests.bench.bench_serve [--rows N] [--features N] [--readers N] [--folder FOLDER [--build]]

`atlas serve` runs in a process of its own and everything is asked for over a
socket: every page, each time for another feature; the first page of every table
of both databases; every saved query on every database that has it. The contrast
from raw rows is one statement, run by DuckDB on the published file and by SQLite
on a copy of the same rows. Readers go round the pages while other processes
ingest into the atlas and publish it twice. What was asked stands beside each
figure, and MISSED where it is not reached.

Building takes minutes: `--folder FOLDER --build` does that alone, and the same
without `--build` measures what lies there, again and again.
"""

import argparse
import asyncio
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import duckdb
import httpx

from atlas.publish import publish
from atlas.publish.canned_queries import published_queries, published_query_name
from atlas.site.serve import served_snapshot_folder
from schema import open_atlas
from tests.bench.served_atlas import build

PAGE_MS, QUERY_MS, TIMES = 150, 1_000, 20
"""Asked: milliseconds of a feature's page and a table's first page, of a saved query; how much faster than SQLite."""

ASKED = 15
FEW = 5


@dataclass(frozen=True)
class Subject:
    """What a site is asked about: an SAE, a contrast, a word of its text.

    given: what saved queries ask for beside the feature, which is another one each time, as in addresses.
    """

    sae: str
    contrast: str
    word: str
    given: dict[str, object]

    @property
    def pages(self) -> dict[str, str]:
        """Addresses of pages that have a target."""
        return {
            "start page": "/",
            "feature page": f"/feature/{self.sae}/{{feature}}",
            "contrast page": f"/contrast/{self.contrast}",
            "SAE page": f"/sae/{self.sae}",
            "runs": "/runs",
        }

    @property
    def others(self) -> dict[str, str]:
        """Addresses without a target of their own."""
        return {
            "chart of a contrast": f"/chart/contrast/{self.contrast}/means.svg",
            "search for a word": f"/find?q={self.word}",
            "search for a sentence": f"/find?q={self.word}+w2+w3+w40+w500",
            "search all tables": f"/-/search?q={self.word}",
            "search the examples": f"/atlas/example?_search={self.word}",
            "activations of a feature": "/activations/activation?feature={feature}",
            "examples of a feature": "/atlas/example?sae=0&feature={feature}",
            "a document": "/atlas/document/{feature}",
        }


PLANTED = Subject("planted/hook", "speed", "w{feature}", {"other_feature": 85, "explanation": 0, "word": "w48"})

CONTRAST = """
    SELECT
        feature,
        SUM(CASE WHEN domain = 'topic' THEN activation ELSE 0 END)
            - SUM(CASE WHEN domain = 'topic' THEN 0 ELSE activation END) AS difference
    FROM activation
    JOIN context ON context.context = activation.context
    JOIN document ON document.document = context.document
    JOIN corpus ON corpus.corpus = document.corpus
    GROUP BY feature
    ORDER BY difference DESC, feature
    LIMIT 40
"""
RAW_TABLES = {
    "activation": ("feature", "context", "activation"),
    "context": ("context", "document"),
    "document": ("document", "corpus"),
    "corpus": ("corpus", "domain"),
}


def main() -> None:
    """Print medians in milliseconds, ratios and errors, each beside what was asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--features", type=int, default=24_576)
    parser.add_argument("--readers", type=int, default=50, help="at once during the publishes; 0: leave that out")
    parser.add_argument("--folder", type=Path, help="where the atlas is kept for another run; none: thrown away")
    parser.add_argument("--build", action="store_true", help="build, publish, and measure nothing but that")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(exist_ok=True)
        prepare(folder, arguments.rows, arguments.features)
        if not arguments.build:
            measure(folder, arguments.readers)


def prepare(folder: Path, rows: int, features: int) -> None:
    """Build and publish what is not there yet."""
    atlas, site = folder / "atlas.duckdb", folder / "site"
    if not atlas.exists():
        build(atlas, rows, features)
    began = time.perf_counter()
    outcome = publish(atlas, site)
    taken = time.perf_counter() - began
    if outcome.changed:
        print(f"published in {taken:.1f} s")
    if not (folder / "raw.db").exists():
        raw_rows(outcome.folder / "activations.duckdb", folder / "raw.db")


def measure(folder: Path, n_readers: int) -> None:
    """Print every figure."""
    atlas, site = folder / "atlas.duckdb", folder / "site"
    with open_atlas(atlas, read_only=True) as opened:
        print(f"{opened.rows('SELECT COUNT(*) FROM activation')[0][0]:,} activation rows")
    for path in sorted(served_snapshot_folder(site).glob("a*.d*b")):
        print(f"{path.name:32} {path.stat().st_size / 1e6:7,.0f} MB")
    missed = compare_contrasts(served_snapshot_folder(site) / "activations.duckdb", folder / "raw.db")
    with serving(site) as address:
        with httpx.Client(base_url=address, timeout=60) as client:
            missed += time_pages(client, PLANTED)
            missed += time_tables(client)
            missed += time_queries(client, PLANTED)
        if n_readers:
            missed += read_meanwhile(address, n_readers, folder)
    print(f"missed: {', '.join(missed)}" if missed else "every figure is as asked")


@contextmanager
def serving(site: Path, *options: str) -> Iterator[str]:
    """`atlas serve` in a process of its own; its address."""
    command = [sys.executable, "-m", "atlas", "serve", str(site), "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield next(word for word in process.stdout.readline().split() if word.startswith("http"))
    finally:
        process.terminate()
        process.wait()


def milliseconds(client: httpx.Client, address: str) -> float:
    """How long an answer takes; one that is refused, for its time or whatever else, is infinitely long."""
    began = time.perf_counter()
    answer = client.get(address, follow_redirects=True)
    return 1000 * (time.perf_counter() - began) if answer.status_code == 200 else float("inf")


def timed(client: httpx.Client, address: str, times: int) -> list[float]:
    """Milliseconds of an address, every time for another feature; the first, and the others in order."""
    first, *others = [milliseconds(client, address.format(feature=37 * n + 11)) for n in range(times)]
    return [first, *sorted(others)]


def report(what: str, taken: list[float], asked: int | None) -> list[str]:
    """Print a line; return what is missed."""
    first, *others = taken
    slow = asked is not None and median(others) >= asked
    beside = f"  asked: under {asked:,} ms" if asked else ""
    mark = "  MISSED" if slow else ""
    print(f"{what:40} {median(others):7.0f} ms, first {first:.0f}, longest after {others[-1]:.0f}{beside}{mark}")
    return [what] if slow else []


def time_pages(client: httpx.Client, subject: Subject) -> list[str]:
    """Print the median of each page; return those that are missed."""
    missed = []
    for what, address in subject.pages.items():
        missed += report(what, timed(client, address, ASKED), PAGE_MS)
    for what, address in subject.others.items():
        report(what, timed(client, address, ASKED), None)
    return missed


def time_tables(client: httpx.Client) -> list[str]:
    """Print the median of every table's first page; return those that are missed."""
    addresses = [
        f"/{database}/{table['name']}"
        for database in ("atlas", "activations")
        for table in client.get(f"/{database}.json").json()["tables"]
        if "_fts" not in table["name"]
    ]
    return report_all({f"table {address}": timed(client, address, FEW) for address in addresses}, PAGE_MS)


def time_queries(client: httpx.Client, subject: Subject) -> list[str]:
    """Print the median of every saved query on every database that has it; return those that are missed."""
    taken = {}
    for database in ("atlas", "activations"):
        for query in published_queries(database):
            given = {p.name: subject.given[p.name] for p in query.parameters if p.name in subject.given}
            numbered = "".join(f"&{p.name}={{feature}}" for p in query.parameters if p.name in ("feature", "number"))
            address = f"/{database}/{published_query_name(query)}"
            taken[f"query {address}"] = timed(client, f"{address}?{urlencode(given)}{numbered}", FEW)
    return report_all(taken, QUERY_MS)


def report_all(taken: dict[str, list[float]], asked: int) -> list[str]:
    """Print them all, the slowest first; return those that are missed."""
    missed = []
    for what, each in sorted(taken.items(), key=lambda item: -median(item[1][1:])):
        missed += report(what, each, asked)
    return missed


def raw_rows(published: Path, copy: Path) -> None:
    """Write the raw rows to a SQLite file, with the keys that the contrast joins by."""
    with duckdb.connect(str(published), read_only=True) as source, closing(sqlite3.connect(copy)) as target:
        for table, columns in RAW_TABLES.items():
            target.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
            read = source.execute(f"SELECT {', '.join(columns)} FROM {table}")
            marks = ", ".join("?" * len(columns))
            while rows := read.fetchmany(200_000):
                target.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        for table in ("context", "document", "corpus"):
            target.execute(f"CREATE UNIQUE INDEX {table}_key ON {table} ({table})")
        target.execute("ANALYZE")
        target.commit()


def compare_contrasts(published: Path, copy: Path) -> list[str]:
    """Print how much faster DuckDB contrasts the raw rows than SQLite does."""
    with duckdb.connect(str(published), read_only=True) as ours, closing(sqlite3.connect(copy)) as theirs:
        runs = [seconds_and_best(ours) for _ in range(3)]
        other, expected = seconds_and_best(theirs)
    assert all(best == expected for _, best in runs)
    own = median(seconds for seconds, _ in runs)
    mark = "  MISSED" if other / own < TIMES else ""
    print(f"contrast from raw rows: {own:.2f} s, SQLite {other:.1f} s: {other / own:.0f}x  asked: {TIMES}x{mark}")
    return ["contrast from raw rows"] if mark else []


def seconds_and_best(database: duckdb.DuckDBPyConnection | sqlite3.Connection) -> tuple[float, list[int]]:
    """How long the contrast takes, and the ten features that it puts first."""
    began = time.perf_counter()
    rows = database.execute(CONTRAST).fetchall()
    return time.perf_counter() - began, [row[0] for row in rows[:10]]


def read_meanwhile(address: str, number: int, folder: Path) -> list[str]:
    """Print what readers are answered while a copy of the atlas grows and is published."""
    copy = Path(shutil.copy(folder / "atlas.duckdb", folder / "growing.duckdb"))
    answers = asyncio.run(readers(address, number, copy, folder / "site"))
    copy.unlink()
    wrong = {answer: count for answer, count in answers.items() if answer != "200"}
    mark = "  MISSED" if wrong or not answers else ""
    what = f"{number} readers during two ingests and two publishes"
    print(f"{what}: {answers.total():,} answers, {sum(wrong.values())} errors {wrong or ''}  asked: no error{mark}")
    return [f"{number} readers"] if mark else []


async def readers(address: str, number: int, atlas: Path, site: Path) -> Counter[str]:
    """Go round the pages with so many readers until an ingest and two publishes are done; what was answered."""
    answers: Counter[str] = Counter()
    done = asyncio.Event()
    addresses = [
        *PLANTED.pages.values(),
        *PLANTED.others.values(),
        "/atlas/feature",
        "/atlas/example",
        "/activations/activation",
    ]

    async def read(start: int) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=120, follow_redirects=True) as client:
            for n, page in enumerate(cycle(addresses[start % 7 :] + addresses[: start % 7]), start):
                if done.is_set():
                    return
                try:
                    response = await client.get(page.format(feature=(37 * n) % 900))
                    answers["200" if response.status_code == 200 else f"{response.status_code} {page}"] += 1
                except httpx.HTTPError as error:
                    answers[f"{type(error).__name__} {page}"] += 1

    async def write() -> None:
        for arguments in (
            ("ingest", str(atlas), "bundled:medical"),
            ("publish", str(atlas), str(site)),
            ("ingest", str(atlas), "bundled:control"),
            ("publish", str(atlas), str(site)),
        ):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "atlas", *arguments, stdout=asyncio.subprocess.DEVNULL
            )
            assert await process.wait() == 0
        await asyncio.sleep(2)
        done.set()

    await asyncio.gather(write(), *(read(n) for n in range(number)))
    return answers


if __name__ == "__main__":
    main()
