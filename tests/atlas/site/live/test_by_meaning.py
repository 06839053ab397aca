"""Labels by meaning in the browser: what the command finds, read beside the server, bounded, escaped, replaceable."""

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import torch
from transformers import BertModel, PreTrainedTokenizerFast

from atlas.publish import publish
from atlas.site.live.embedder import FILE, LiveEmbedder
from atlas.site.live.model_process import LONGEST_TEXT, LiveError
from atlas.site.live.plugin import switch_on_live_embedder
from atlas.site.serve import datasette_of, served_snapshot_folder
from ingest.search.embedder import Embedder
from ingest.search.meaning import by_meaning
from schema import open_atlas
from tests.made.patience import PATIENCE_SECONDS

HOSTILE = "<script>alert(1)</script> {{ 7 * 7 }} \"'&"
HIDDEN_LABEL = (
    "INSERT INTO feature_label BY NAME SELECT * REPLACE (9001 AS feature_label, ? AS label) FROM feature_label LIMIT 1"
)


async def all_read(embedder: LiveEmbedder, snapshot: Path) -> None:
    """Wait until the labels of a snapshot are read."""
    await embedder.ready()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await embedder.nearest(snapshot, "asthma")
            except LiveError as error:
                assert "being read" in str(error)
                await asyncio.sleep(0.02)
            else:
                return


async def _conversation(site: Path, folder: Path, expected: Callable[[str], list[dict[str, Any]]]) -> None:
    """One process, asked everything; loading it is what takes time."""
    embedder = LiveEmbedder(folder, site / FILE, seconds=PATIENCE_SECONDS)
    snapshot = served_snapshot_folder(site)
    datasette = datasette_of(snapshot)
    switch_on_live_embedder(datasette, embedder)

    async def get(status: int = 200, address: str = "/find", **query: str) -> Any:
        response = await datasette.client.get(f"{address}?{urlencode(query)}")
        assert response.status_code == status, response.text[:2000]
        return response

    try:
        assert "being loaded" in (await get(503, meaning="too early")).text
        await all_read(embedder, snapshot / "atlas.db")
        for text in ("asthma of the lungs", HOSTILE):
            told = (await get(address="/find.json", meaning=text)).json()["meaning"]
            found = [(row["sae"], row["feature"], row["label"]) for row in told["labels"]]
            wanted = expected(text)
            assert found == [(row["sae"], row["feature"], row["label"]) for row in wanted]
            assert [row["similarity"] for row in told["labels"]] == pytest.approx(
                [row["similarity"] for row in wanted], abs=3e-6
            )
            assert (told["text"], told["model"], told["figure"]) == (text, folder.name, "cosine")
            assert told["sha256"] == Embedder.load(folder).sha256
        page = (await get(meaning=HOSTILE)).text
        assert page.count("&lt;script&gt;alert(1)") >= 3, "the box, the title, the label"
        assert "{{ 7 * 7 }}" in page
        assert "<script" not in page
        assert f"By the cosine between the text's vector and the label's, of the model {folder.name}" in page
        assert 'name="meaning"' in (await get()).text
        assert "nearest in meaning" not in (await get(meaning=" ")).text
        assert f"at most {LONGEST_TEXT:,}" in (await get(400, meaning="x" * (LONGEST_TEXT + 1))).text
        assert str(folder) not in page
        await _is_replaced(embedder, snapshot / "atlas.db", lambda: get(address="/find.json", meaning="lungs"))
    finally:
        embedder.close()
        for database in datasette.databases.values():
            database.close()


async def _is_replaced(embedder: LiveEmbedder, database: Path, page: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """A process that is slow, or killed, is started again; a page that it has answered says which model it was."""
    embedder.seconds = 0.0
    with pytest.raises(LiveError, match="took longer than"):
        await embedder.nearest(database, "slow")
    embedder.seconds = PATIENCE_SECONDS
    await all_read(embedder, database)
    answered = asyncio.create_task(page())
    while not embedder._asked:
        await asyncio.sleep(0)
    embedder._thread.submit(_killed, embedder, database).result()  # the loop hears of the answer after this
    assert embedder.loaded is None
    assert (await answered).json()["meaning"]["sha256"] == Embedder.load(Path(embedder.command[-2])).sha256


def _killed(embedder: LiveEmbedder, database: Path) -> None:
    assert embedder.pid is not None
    os.kill(embedder.pid, signal.SIGKILL)
    with pytest.raises(LiveError, match="started again"):
        embedder._answer({"atlas": str(database)})


def test_the_page_finds_what_the_command_finds(embedder_folder: Path, tiny_copy: Path, tmp_path: Path) -> None:
    with open_atlas(tiny_copy) as atlas, atlas.transaction():
        atlas.duckdb.execute(HIDDEN_LABEL, [HOSTILE])
    site = tmp_path / "site"
    publish(tiny_copy, site)
    embedder = Embedder.load(embedder_folder)

    def expected(text: str) -> list[dict[str, Any]]:
        with open_atlas(tiny_copy, read_only=True) as atlas:
            return by_meaning(atlas, embedder, text).to_pylist()

    before = {path: path.read_bytes() for path in served_snapshot_folder(site).rglob("*") if path.is_file()}
    asyncio.run(_conversation(site, embedder_folder, expected))
    assert {path: path.read_bytes() for path in served_snapshot_folder(site).rglob("*") if path.is_file()} == before
    with (
        closing(sqlite3.connect(site / FILE)) as file,
        closing(sqlite3.connect(served_snapshot_folder(site) / "atlas.db")) as db,
    ):
        labels = db.execute("SELECT COUNT(DISTINCT label) FROM feature_label").fetchone()
        assert file.execute("SELECT COUNT(*) FROM vector").fetchone() == labels


def test_a_site_closed_to_writing_and_one_published_anew_are_searched_too(
    embedder_folder: Path, tiny_copy: Path, tmp_path: Path
) -> None:
    first = publish(tiny_copy, tmp_path / "site").folder / "atlas.db"
    with open_atlas(tiny_copy) as atlas, atlas.transaction():
        atlas.duckdb.execute(HIDDEN_LABEL, ["lungs lungs"])
    second = publish(tiny_copy, tmp_path / "site").folder / "atlas.db"

    async def ask() -> None:
        embedder = LiveEmbedder(embedder_folder, tmp_path / "missing" / FILE, seconds=PATIENCE_SECONDS)
        try:
            embedder.read_labels(first)
            await all_read(embedder, first)
            embedder.read_labels(second)
            await all_read(embedder, second)
            label, cosine = (await embedder.nearest(second, "lungs lungs")).labels[0]
            assert (label, round(cosine, 5)) == ("lungs lungs", 1)
            assert "lungs lungs" not in dict((await embedder.nearest(first, "lungs lungs")).labels)
            with pytest.raises(LiveError, match="the labels cannot be read"):
                await embedder.nearest(tmp_path / "gone.db", "lungs")
        finally:
            embedder.close()

    asyncio.run(ask())
    assert not (tmp_path / "missing").exists()


def changed(folder: Path, place: Path, change: Callable[[torch.nn.Embedding], object]) -> Path:
    """The model with other vectors of its words, the last of which is the letter z in a word."""
    model = BertModel.from_pretrained(folder)
    change(model.embeddings.word_embeddings)
    model.config.vocab_size = len(model.embeddings.word_embeddings.weight)
    model.save_pretrained(place)
    PreTrainedTokenizerFast.from_pretrained(folder).save_pretrained(place)
    return place


def of_labels(path: Path, *labels: str) -> Path:
    """A database of labels alone."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE feature_label (label)")
        database.executemany("INSERT INTO feature_label VALUES (?)", [(label,) for label in labels])
    return path


async def refusal(embedder: LiveEmbedder, snapshot: Path, text: str) -> str:
    """Why labels are not searched, once they are not on their way."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with pytest.raises(LiveError) as refused:
                await embedder.nearest(snapshot, text)
            if "try again" not in str(refused.value):
                return str(refused.value)
            await asyncio.sleep(0.02)


def test_labels_over_which_the_process_ends_are_given_up(
    embedder_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def cut(words: torch.nn.Embedding) -> None:
        words.weight = torch.nn.Parameter(words.weight[:-1])

    folder = changed(embedder_folder, tmp_path / "model", cut)
    bad, good = of_labels(tmp_path / "bad.db", "asthma", "fizz"), of_labels(tmp_path / "good.db", "asthma")

    async def ask() -> None:
        embedder = LiveEmbedder(folder, tmp_path / FILE, seconds=PATIENCE_SECONDS)
        try:
            embedder.read_labels(bad)
            assert "the model's process ended over them" in await refusal(embedder, bad, "asthma")
            await embedder.ready()
            left = embedder.pid
            await all_read(embedder, good)
            assert "the model's process ended over them" in await refusal(embedder, bad, "asthma")
            assert embedder.pid == left, "the process that was started last reads what can be read"
        finally:
            embedder.close()

    asyncio.run(ask())
    said = [record.message for record in caplog.records if record.name.startswith("atlas.site.live")]
    assert [("are not read" in line, f"{bad} are given up" in line) for line in said] == [
        (True, False), (True, False), (False, True),
    ]  # fmt: skip


def test_a_model_that_fails_on_labels_or_a_text_says_which(
    embedder_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = changed(embedder_folder, tmp_path / "model", lambda words: words.weight.data[-1].fill_(torch.nan))
    bad, good = of_labels(tmp_path / "bad.db", "asthma", "fizz"), of_labels(tmp_path / "good.db", "asthma")
    fault = "the model gives vectors that are not finite; get it anew"

    async def ask() -> None:
        embedder = LiveEmbedder(folder, tmp_path / FILE, seconds=PATIENCE_SECONDS)
        try:
            embedder.read_labels(bad)
            await embedder.ready()
            for _ in range(2):
                assert await refusal(embedder, bad, "asthma") == f"the labels cannot be read: {fault}"
            await all_read(embedder, good)
            assert await refusal(embedder, good, "fizz") == f"the text cannot be read: {fault}"
            ((label, cosine),) = (await embedder.nearest(good, "asthma")).labels
            assert (label, round(cosine, 5)) == ("asthma", 1)
        finally:
            embedder.close()

    asyncio.run(ask())
    assert [record.message for record in caplog.records if fault in record.message] == [
        f"atlas serve --embedder: the labels cannot be read: {fault}"
    ]


def test_a_folder_that_holds_no_model_is_said_in_the_log_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        embedder = LiveEmbedder(tmp_path, tmp_path / FILE)
        try:
            with pytest.raises(LiveError, match="cannot be loaded: the log of the server says why") as refused:
                await embedder.ready()
            assert str(tmp_path) not in str(refused.value)
        finally:
            embedder.close()

    asyncio.run(ask())
    assert f"{tmp_path} is no model" in caplog.text


def test_without_the_option_there_is_no_box(tiny_snapshot: Path) -> None:
    async def get(address: str) -> Any:
        return await datasette_of(tiny_snapshot).client.get(address)

    page = asyncio.run(get("/find"))
    assert page.status_code == 200
    assert "meaning" not in page.text
    refused = asyncio.run(get("/find?meaning=lungs"))
    assert refused.status_code == 404
    assert "atlas serve SITE --embedder FOLDER" in refused.text


def test_the_server_reads_labels_as_it_starts(embedder_folder: Path, site_copy: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "atlas",
        "serve",
        str(site_copy),
        "--port",
        "0",
        "--embedder",
        str(embedder_folder),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[4]
    ) as server:
        try:
            assert server.stdout
            address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
            assert address
            with urllib.request.urlopen(f"{address[0]}find", timeout=PATIENCE_SECONDS) as answer:
                assert b"Search by meaning" in answer.read()
            for _ in range(10 * PATIENCE_SECONDS):
                with closing(sqlite3.connect(site_copy / FILE, timeout=PATIENCE_SECONDS)) as file:
                    tables = file.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'vector'").fetchone()[0]
                    if tables and file.execute("SELECT COUNT(*) FROM vector").fetchone()[0] > 5:
                        break
                if server.poll() is not None:
                    break
                signal.sigtimedwait([], 0.1)
            else:
                pytest.fail("no label was read")
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=PATIENCE_SECONDS) == 0
        finally:
            server.kill()
