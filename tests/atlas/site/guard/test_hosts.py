"""A page of another site that has its name point to this server (DNS rebinding) reads nothing of it."""

import asyncio
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from datasette.app import Datasette

from atlas.site.guard.hosts import known_hosts, switch_on_hosts
from atlas.site.lists import kept_lists as lists_switch
from atlas.site.lists.feature_list import Listed
from atlas.site.lists.store import FILE, FeatureLists
from atlas.site.serve import datasette_of
from schema import AtlasError
from tests.made.patience import PATIENCE_SECONDS

SECRET = "a note that is nobody else's"
SAE = "tiny/blocks.1.hook_resid_pre"
PAGES = {
    "/": 200, "/start.json": 200, f"/feature/{SAE}/1": 200, f"/feature/{SAE}/1.json": 200, "/lists": 200,
    "/lists.json": 200, "/list/mine": 200, "/list/mine.json": 200, "/list/mine.csv": 200, "/find?q=cancer": 200,
    "/contrast/medical": 200, f"/sae/{SAE}": 200, f"/map/{SAE}": 200, "/runs": 200, "/api/feature/tiny/1-res/1": 200,
    "/atlas": 200, "/atlas/document.json": 200, "/atlas/document.csv": 200, "/atlas.json?sql=select+1": 200,
    "/atlas/candidates": 200, "/activations/activation.json": 200, "/activations.json?sql=select+1": 200,
    "/-/search?q=lisbon": 200, "/-/versions.json": 200, "/-/static/app.css": 200, "/robots.txt": 200, "/nowhere": 404,
    "/atlas/document/": 302,
}  # fmt: skip
"""A page of every kind, with the status that its own readers get."""
OWN = ["localhost", "LOCALHOST:8001", "localhost.:8001", "atlas.localhost:8001", "127.0.0.1:8001", "127.0.0.2"]
OWN += ["[::1]", "[::1]:8001", "192.168.1.5:8001", "atlas.example", "Atlas.Example:443"]
HOSTILE = [
    "evil.example", "evil.example:8001", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example",
    "evil.example@127.0.0.1", "evil.example#localhost", "localhost evil.example", "localhost:8001:evil", "localhost/..",
    "notlocalhost", "atlas.example.evil.example", "evilatlas.example", "[evil]", "[::1", "", ".", "127.0.0.1\t.evil",
    "<script>alert(1)</script>", "localhost,evil.example", "0x7f.1.evil.example", "ⅼocalhost",
]  # fmt: skip


@pytest.fixture(scope="module")
def datasette(tiny_snapshot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datasette]:
    lists = FeatureLists.open(tmp_path_factory.mktemp("site") / FILE)
    lists.create("mine", SECRET)
    lists.put("mine", Listed("tiny", "blocks.1.hook_resid_pre", 1, SECRET))
    opened = datasette_of(tiny_snapshot, secret=lists.secret)
    lists_switch.switch_on_lists(opened, lists_switch.kept_lists(lists, "127.0.0.1", ["https://atlas.example"]))
    known = known_hosts("127.0.0.1", ["https://atlas.example"])
    assert known is not None
    switch_on_hosts(opened, known)
    yield opened
    for database in opened.databases.values():
        database.close()


def ask(datasette: Datasette, path: str, *hosts: str, method: str = "GET") -> tuple[int, str]:
    """The status and the body of an answer to a request with these Host headers."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    path, _, query = path.partition("?")
    scope = {
        "type": "http", "http_version": "1.1", "scheme": "http", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": query.encode(), "client": ("127.0.0.1", 1),
        "headers": [(b"host", host.encode()) for host in hosts],
    }  # fmt: skip
    asyncio.run(datasette.app()(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], body.decode(errors="replace")


@pytest.mark.parametrize(("path", "status"), PAGES.items(), ids=PAGES)
def test_each_kind_of_page_is_its_own_readers_alone(path: str, status: int, datasette: Datasette) -> None:
    assert ask(datasette, path, "localhost:8001")[0] == status
    for method in ("GET", "HEAD", "POST"):
        refused, said = ask(datasette, path, "evil.example:8001", method=method)
        assert refused == 421
        assert said == "" if method == "HEAD" else "--origin" in said
        assert SECRET not in said


@pytest.mark.parametrize("host", HOSTILE)
def test_a_host_of_another_site_reads_no_notes(host: str, datasette: Datasette) -> None:
    status, said = ask(datasette, "/lists.json", host)
    assert (status, SECRET in said) == (421, False)
    assert ask(datasette, "/lists.json", "localhost", host)[0] == 421


@pytest.mark.parametrize("host", OWN)
def test_the_servers_own_names_read_them(host: str, datasette: Datasette) -> None:
    status, said = ask(datasette, "/lists.json", host)
    assert (status, SECRET in said) == (200, True)


def test_a_server_that_other_machines_reach_knows_no_names_of_its_own() -> None:
    for host in ("127.0.0.1", "localhost", "::1", "127.0.0.5", "LOCALHOST", "127.1"):
        known = known_hosts(host, [])
        assert known is not None
        assert known.knows(host) or ":" in host
        assert not known.knows("evil.example")
    for host in ("0.0.0.0", "::", "192.168.1.5"):
        assert known_hosts(host, ["https://atlas.example"]) is None
    with pytest.raises(AtlasError, match="is no origin"):
        known_hosts("127.0.0.1", ["atlas.example"])


def test_the_command_answers_by_its_own_names_and_those_it_is_told(tiny_site: Path) -> None:
    command = [sys.executable, "-m", "atlas", "serve", str(tiny_site), "--port", "0", "--origin", "https://a.example"]
    command += ["--base-url", "/mine/"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[4]
    ) as server:
        try:
            assert server.stdout
            address = re.search(r"http://127\.0\.0\.1:\d+/mine/", server.stdout.readline())
            assert address
            assert [_status(f"{address[0]}lists.json", host) for host in ("", "a.example", "evil.example")] == [
                404, 404, 421
            ]  # fmt: skip
            assert [_status(address[0], host) for host in ("", "a.example", "evil.example")] == [200, 200, 421]
        finally:
            server.kill()


def _status(address: str, host: str) -> int:
    asked = urllib.request.Request(address, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
