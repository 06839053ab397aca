"""A server that shows what is published while it runs: no failed request, no half snapshot, nothing left behind."""

import asyncio
import json
import logging
import os
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable, Coroutine
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from atlas.publish import publish
from atlas.publish.lock import hold_snapshot, release_snapshot
from atlas.site.serve import Front, datasette_of, served_snapshot_folder
from atlas.site.serve.dispatch import FIRST_PAUSE_SECONDS, PATIENCE_SECONDS
from schema import AtlasError, open_atlas
from tests.made.patience import PATIENCE_SECONDS as WAIT_SECONDS
from tests.made.patience import busyness
from tests.made.serving import running


@pytest.fixture
def atlas(tiny_copy: Path) -> Path:
    return tiny_copy


@pytest.fixture
def site(site_copy: Path) -> Path:
    return site_copy


def change(atlas: Path, number: int) -> str:
    """Add a corpus, which a page can be looked at for; its name."""
    with open_atlas(atlas) as opened, opened.transaction():
        opened.duckdb.execute("INSERT INTO corpus VALUES (?, ?, 'other')", [100 + number, f"another/{number}"])
    return f"another/{number}"


def snapshots(site: Path) -> list[str]:
    return sorted(path.name for path in (site / "snapshots").iterdir())


@dataclass
class Answer:
    """What an application sent, and a gate that holds it back after its first piece."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0
    body: bytes = b""

    async def send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")
        if message["type"] == "http.response.body":
            self.begun.set()
            await self.gate.wait()


async def ask(front: Front, address: str, answer: Answer) -> Answer:
    path, _, query = address.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [],
        "scheme": "http",
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    await front(scope, receive, answer.send)
    return answer


async def text(front: Front, address: str) -> str:
    answer = Answer()
    answer.gate.set()
    await ask(front, address, answer)
    assert answer.status == 200, answer.body
    return answer.body.decode()


class Clock:
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def in_front(
    site: Path, visit: Callable[[Front], Coroutine[Any, Any, None]], clock: Callable[[], float] = time.monotonic
) -> None:
    """Open a site's front, visit it and close it."""

    async def visiting() -> None:
        front = Front(site, clock=clock)
        await front.open()
        try:
            await visit(front)
        finally:
            await front.close()

    asyncio.run(visiting())


def fetch(address: str) -> str:
    with urllib.request.urlopen(address, timeout=WAIT_SECONDS) as answer:
        assert answer.status == 200
        body: str = answer.read().decode()
    return body


def seconds_until(shown: str, address: str) -> float:
    began = time.monotonic()
    while shown not in fetch(address):
        assert time.monotonic() - began < WAIT_SECONDS, f"{shown} never appeared"
        time.sleep(0.02)
    return time.monotonic() - began


def test_what_is_published_elsewhere_appears_without_a_failed_request(atlas: Path, site: Path) -> None:
    stop, failures, answers = threading.Event(), list[str](), list[int]()

    def read(address: str) -> None:
        while not stop.wait(0.05):
            try:
                answers.append(len(fetch(address)))
            except Exception as error:
                failures.append(f"{address}: {error!r}")

    with running(Front(site)) as address:
        pages = ("", "atlas/corpus", "atlas/candidates.json", "atlas/example.csv?_stream=1&_size=10")
        readers = [threading.Thread(target=read, args=(address + page,)) for page in pages]
        for reader in readers:
            reader.start()
        delays = []
        try:
            for number in range(3):
                name = change(atlas, number)
                publish(atlas, site, keep=1)
                busy = busyness()
                delays.append(seconds_until(name, f"{address}atlas/corpus.csv") / max(busy, busyness()))
        finally:
            stop.set()
            for reader in readers:
                reader.join()
    assert failures == []
    assert len(answers) > len(pages) * 3
    assert min(delays) < 2, delays


def test_an_answer_under_way_is_finished_by_the_snapshot_that_began_it(atlas: Path, site: Path) -> None:
    async def visit(front: Front) -> None:
        whole = await text(front, "/atlas/example.csv?_size=max")
        before = snapshots(site)
        answer = Answer()
        request = asyncio.create_task(ask(front, "/atlas/example.csv?_stream=1", answer))
        await answer.begun.wait()
        name = change(atlas, 0)
        publish(atlas, site, keep=1)
        await front.look()
        assert name in await text(front, "/atlas/corpus.csv")
        assert not request.done()
        assert set(before) < set(snapshots(site))
        answer.gate.set()
        await request
        assert answer.status == 200
        assert answer.body.decode() == whole
        while open_files(site, before[0]):
            await asyncio.sleep(0.01)
        publish(atlas, site, keep=1)
        assert len(snapshots(site)) == 1

    in_front(site, visit)


def open_files(site: Path, name: str) -> list[Path]:
    """This process's open files in a snapshot."""
    opened = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            opened.append(descriptor.readlink())
    return [path for path in opened if path.is_relative_to(site / "snapshots" / name)]


def answering_threads() -> set[str]:
    """The pools of threads that snapshots have of their own: other tests leave Datasette's writers, tqdm a monitor."""
    left = ("_execute_writes", "TMonitor")
    return {thread.name.rpartition("_")[0] for thread in threading.enumerate() if not thread.name.endswith(left)}


def test_nothing_of_an_old_snapshot_stays(atlas: Path, site: Path) -> None:
    async def visit(front: Front) -> None:
        await text(front, "/atlas/corpus")
        threads = answering_threads()
        for number in range(2):
            change(atlas, number)
            publish(atlas, site)
            await front.look()
            await text(front, "/atlas/corpus")
        old = snapshots(site)[:-1]
        deadline = time.monotonic() + WAIT_SECONDS
        while any(open_files(site, name) for name in old) or len(answering_threads()) > len(threads):
            assert time.monotonic() < deadline, threading.enumerate()
            await asyncio.sleep(0.01)

    in_front(site, visit)
    assert not any(open_files(site, name) for name in snapshots(site))


def test_a_snapshot_that_cannot_be_opened_changes_nothing(
    atlas: Path, site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shown = served_snapshot_folder(site)

    async def visit(front: Front) -> None:
        change(atlas, 0)
        broken = publish(atlas, site).folder
        (broken / "atlas.db").write_bytes(b"no database" * 1000)
        with caplog.at_level(logging.ERROR, "atlas.site.serve.dispatch"):
            await front.look()
            await front.look()
        lines = [record.getMessage() for record in caplog.records if record.name == "atlas.site.serve.dispatch"]
        assert len(lines) == 1
        assert lines[0].startswith(f"{broken} cannot be served: ")
        assert lines[0].endswith(f"{shown.name} stays, and it is tried again")
        assert "\n" not in lines[0]
        assert "another/0" not in await text(front, "/atlas/corpus.csv")
        name = change(atlas, 1)
        publish(atlas, site)
        await front.look()
        assert name in await text(front, "/atlas/corpus.csv")

    in_front(site, visit)


def test_a_snapshot_that_could_not_be_opened_once_is_tried_again(atlas: Path, site: Path) -> None:
    clock = Clock()

    async def visit(front: Front) -> None:
        name = change(atlas, 0)
        database = publish(atlas, site).folder / "atlas.db"
        database.rename(database.with_suffix(".away"))
        await front.look()
        database.with_suffix(".away").rename(database)
        await front.look()
        assert name not in await text(front, "/atlas/corpus.csv")
        clock.ahead = FIRST_PAUSE_SECONDS
        await front.look()
        assert name in await text(front, "/atlas/corpus.csv")

    in_front(site, visit, clock)


@pytest.mark.parametrize("content", [None, "", "{", json.dumps({"snapshot": "gone"}), "[]"])
def test_while_the_site_names_no_snapshot_the_old_one_stays(content: str | None, site: Path) -> None:
    async def visit(front: Front) -> None:
        current = site / "current.json"
        current.unlink() if content is None else current.write_text(content)
        await front.look()
        assert "medicine" in await text(front, "/atlas/corpus.csv")

    in_front(site, visit)


def test_a_damaged_site_is_not_opened(site: Path, tmp_path: Path) -> None:
    (served_snapshot_folder(site) / "metadata.json").write_text("{")
    with pytest.raises(AtlasError, match=r"cannot be served: .*; publish again"):
        asyncio.run(Front(site).open())
    with pytest.raises(AtlasError, match="nothing is published"):
        asyncio.run(Front(tmp_path / "nowhere").open())


def slow_down(folder: Path) -> None:
    """Give a snapshot a start page that takes too long."""
    endless = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n AS activations FROM c"
    with closing(sqlite3.connect(folder / "atlas.db")) as database:
        database.execute("DROP TABLE sae_corpus")
        database.execute(f"CREATE VIEW sae_corpus AS {endless}")
        database.commit()
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    (folder / "settings.json").write_text(json.dumps({**settings, "sql_time_limit_ms": 300}), encoding="utf-8")
    # Another content, so that the start page is not remembered from the snapshot that this one is a copy of.
    counts = json.loads((folder / "inspect-data.json").read_text(encoding="utf-8"))
    counts["atlas"]["hash"] = "0" * 64
    (folder / "inspect-data.json").write_text(json.dumps(counts), encoding="utf-8")


async def status(front: Front, path: str) -> int | None:
    answer = Answer()
    answer.gate.set()
    return (await ask(front, path, answer)).status


def test_a_snapshot_whose_start_page_takes_too_long_is_opened(site: Path) -> None:
    slow_down(served_snapshot_folder(site))

    async def visit(front: Front) -> None:
        assert await status(front, "/") == 503
        assert "medicine" in await text(front, "/atlas/corpus.csv")

    in_front(site, visit)


def test_the_old_snapshot_stays_while_the_start_page_of_the_next_takes_too_long(atlas: Path, site: Path) -> None:
    clock = Clock()

    async def visit(front: Front) -> None:
        assert await status(front, "/") == 200
        name = change(atlas, 0)
        slow_down(publish(atlas, site).folder)
        looking = asyncio.create_task(front.look())
        await asyncio.sleep(1.0)
        assert await status(front, "/") == 200
        assert name not in await text(front, "/atlas/corpus.csv")
        clock.ahead = PATIENCE_SECONDS
        await looking
        assert await status(front, "/") == 503
        assert name in await text(front, "/atlas/corpus.csv")

    in_front(site, visit, clock)


def test_a_snapshot_being_read_is_not_removed(atlas: Path, site: Path) -> None:
    first = served_snapshot_folder(site)
    reader = datasette_of(first)
    asyncio.run(reader.invoke_startup())
    for number in range(2):
        change(atlas, number)
        publish(atlas, site, keep=1)
    assert snapshots(site) == [first.name, served_snapshot_folder(site).name]
    release_snapshot(reader)
    publish(atlas, site, keep=1)
    assert snapshots(site) == [served_snapshot_folder(site).name]


def test_a_reader_that_is_gone_holds_nothing(atlas: Path, site: Path) -> None:
    class Reader:
        pass

    reader = Reader()
    hold_snapshot(reader, served_snapshot_folder(site))
    del reader
    change(atlas, 0)
    publish(atlas, site, keep=1)
    assert len(snapshots(site)) == 1


def test_a_process_forked_by_a_reader_holds_nothing_after_it(atlas: Path, site: Path) -> None:
    class Reader:
        pass

    reader = Reader()
    hold_snapshot(reader, served_snapshot_folder(site))
    child = os.fork()
    if child == 0:
        time.sleep(WAIT_SECONDS)
        os._exit(0)
    try:
        release_snapshot(reader)
        change(atlas, 0)
        publish(atlas, site, keep=1)
        assert len(snapshots(site)) == 1
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_a_removed_snapshot_cannot_be_read(atlas: Path, site: Path) -> None:
    first = served_snapshot_folder(site)
    change(atlas, 0)
    publish(atlas, site, keep=1)
    with pytest.raises(AtlasError, match="publish again"):
        hold_snapshot(object(), first)
