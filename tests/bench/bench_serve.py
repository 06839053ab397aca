"""A published atlas of 20 million activation rows over real HTTP: pages, saved queries, readers during publishing.

    python -m tests.bench.bench_serve [--rows N] [--features N] [--readers N]

`atlas serve` runs in a process of its own and every page is asked for over a
socket, each time for another feature. The contrast from raw rows is one
statement, run by DuckDB on the published file and by SQLite on a copy of the
same rows. Readers go round the pages while another process ingests into the
atlas and publishes it twice.
"""

import argparse
import asyncio
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import cycle
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import duckdb
import httpx

from atlas.publish import publish
from atlas.publish.canned import published_queries
from atlas.serve import current_folder
from ingest.contrasts.job import compute_contrast
from queries import saved_queries
from schema import open_atlas
from tests.bench.bench_contrast import fill

ROWS_A_DOCUMENT = 3_050
ASKED = 15
SAE = "planted/hook"
PAGES = {
    "start page": "/",
    "feature page": f"/feature/{SAE}/{{feature}}",
    "contrast page": "/contrast/speed",
    "SAE page": f"/sae/{SAE}",
    "search for a word": "/find?q=w{feature}",
    "table feature": "/atlas/feature",
    "table feature_corpus": "/atlas/feature_corpus",
    "table feature_contrast": "/atlas/feature_contrast",
    "table example": "/atlas/example",
    "table document": "/atlas/document",
    "table activation": "/activations/activation",
    "table activation of a feature": "/activations/activation?feature={feature}",
    "table token": "/activations/token",
    "table feature_document": "/activations/feature_document",
}
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
    """Print medians in milliseconds, ratios and errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--features", type=int, default=24_576)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="where the atlas is kept for another run; none: thrown away")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(exist_ok=True)
        atlas, site = folder / "atlas.duckdb", folder / "site"
        if not atlas.exists():
            fill(atlas, -(-arguments.rows // ROWS_A_DOCUMENT), arguments.features)
            contrast(atlas)
        began = time.perf_counter()
        publish(atlas, site)
        print(f"published in {time.perf_counter() - began:.1f} s")
        raw_rows(current_folder(site) / "activations.duckdb", folder / "raw.db")
        with serving(site) as address:
            with httpx.Client(base_url=address, timeout=60) as client:
                pages(client)
                queries(client)
            errors(asyncio.run(readers(address, arguments.readers, atlas, site)))


def contrast(path: Path) -> None:
    """The contrast that the pages show."""
    with open_atlas(path) as atlas:
        controls = [row[0] for row in atlas.rows("SELECT name FROM corpus WHERE domain <> 'topic'")]
        compute_contrast(atlas, "speed", ["domain=topic"], controls)
        n_rows = atlas.rows("SELECT COUNT(*) FROM activation")[0][0]
        print(f"{n_rows:,} activation rows")


@contextmanager
def serving(site: Path) -> Iterator[str]:
    """`atlas serve` in a process of its own; its address."""
    command = [sys.executable, "-m", "atlas", "serve", str(site), "--port", "0"]
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


def pages(client: httpx.Client) -> None:
    """Print the median of each page, every time for another feature."""
    for what, address in PAGES.items():
        taken = [milliseconds(client, address.format(feature=37 * n + 11)) for n in range(ASKED)]
        print(f"{what:32} {median(taken[1:]):7.0f} ms, first {taken[0]:.0f}, longest after {max(taken[1:]):.0f}")


def queries(client: httpx.Client) -> None:
    """Print the slowest saved queries, each run three times with its defaults and one feature."""
    values = {"feature": 48, "other_feature": 85, "number": 49, "explanation": 0, "word": "w48"}
    published, taken = {query.name for query in published_queries()}, {}
    for query in saved_queries().values():
        database = "atlas" if query.name in published else "activations"
        given = {p.name: values.get(p.name, "") for p in query.parameters if p.required or p.name == "feature"}
        address = f"/{database}/{query.name}.json?{urlencode(given)}"
        taken[query.name] = median(milliseconds(client, address) for _ in range(3))
    for name, each in sorted(taken.items(), key=lambda item: -item[1])[:8]:
        print(f"query {name:26} {each:7.0f} ms")
    print(f"{len(taken)} saved queries, the slowest {max(taken.values()):.0f} ms")


def raw_rows(published: Path, copy: Path) -> None:
    """Print how much faster DuckDB contrasts the raw rows than SQLite does."""
    copy.unlink(missing_ok=True)
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
        ours = []
        for _ in range(3):
            began = time.perf_counter()
            found = source.execute(CONTRAST).fetchall()
            ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        other = target.execute(CONTRAST).fetchall()
        theirs = time.perf_counter() - began
    assert [row[0] for row in found[:10]] == [row[0] for row in other[:10]]
    print(f"contrast from raw rows: {median(ours):.2f} s, from SQLite {theirs:.1f} s: {theirs / median(ours):.0f}x")


async def readers(address: str, number: int, atlas: Path, site: Path) -> Counter[str]:
    """Go round the pages with so many readers until an ingest and two publishes are done; what was answered."""
    answers: Counter[str] = Counter()
    done = asyncio.Event()

    async def read(start: int) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=120, follow_redirects=True) as client:
            for n, page in enumerate(cycle(PAGES.values()), start):
                if done.is_set():
                    return
                try:
                    response = await client.get(page.format(feature=(37 * n) % 900))
                    answers[str(response.status_code)] += 1
                except httpx.HTTPError as error:
                    answers[type(error).__name__] += 1

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


def errors(answers: Counter[str]) -> None:
    """Print what the readers were answered."""
    wrong = sum(count for answer, count in answers.items() if answer != "200")
    total = sum(answers.values())
    print(f"readers during two ingests and two publishes: {total:,} answers, {wrong} errors {dict(answers)}")


if __name__ == "__main__":
    main()
