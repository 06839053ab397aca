"""A site behind a path prefix: every address has it, whether the proxy before it takes it off or leaves it."""

import asyncio
import re
from collections import Counter, deque
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from click.testing import CliRunner
from datasette.app import Datasette

from atlas.cli.main import cli
from atlas.publish.metadata import CLOSED_TO_ROBOTS, SETTINGS
from atlas.site.pages.plugin import stylesheet_address
from atlas.site.serve import Front, datasette_of
from tests.made.serving import running

PREFIX, SITE = "/x.y/z/", "http://site"
MOST, OF_A_KIND = 110, 2
"""Addresses that a walk asks for, and how many that differ in numbers only."""
BEGINNINGS = [
    "", "find?q=cancer", "runs", "feature/tiny/blocks.1.hook_resid_pre/1", "contrast/medical",
    "sae/tiny/blocks.2.hook_resid_pre", "atlas", "activations", "atlas/candidates?limit=2", "-/search?q=lisbon",
    "atlas/document?_facet=corpus&_where=1", "activations/ingest_run?_facet_date=started_at",
    "atlas/contrast?_facet_array=positive&_size=1", "activations/activation?_sort=activation&_size=2",
    "activations?sql=select+1", "nowhere", "atlas/document/",
]  # fmt: skip
_LINKS = re.compile(r'(?:href|src|srcset|action|data-searchable-url)="([^"]*)"')


class Visitor:
    """Somebody who follows links, behind a proxy that takes the prefix off or leaves it."""

    def __init__(self, datasette: Datasette, stripped: bool) -> None:
        self._application, self._stripped = datasette.app(), stripped

    async def get(self, address: str) -> httpx.Response:
        assert address.startswith(PREFIX), f"{address} leads away from the site"
        asked = "/" + address.removeprefix(PREFIX) if self._stripped else address
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self._application), base_url=SITE) as client:
            return await client.get(asked)

    def answer(self, address: str) -> httpx.Response:
        return asyncio.run(self.get(PREFIX + address))

    async def walk(self) -> dict[str, int]:
        """The status of every address that the main pages and those behind them lead to."""
        found: dict[str, int] = {}
        waiting = deque((PREFIX + address, "") for address in BEGINNINGS)
        kinds: Counter[str] = Counter()
        while waiting and len(found) < MOST:
            address, before = waiting.popleft()
            kind = re.sub(r"\d+|=[^&]*", "", address)
            if address in found or (before and kinds[kind] >= OF_A_KIND):
                continue
            kinds[kind] += 1
            assert urlsplit(address).path.startswith(PREFIX), f"{address}, in {before}, leads away from the site"
            answer = await self.get(address)
            found[address] = answer.status_code
            waiting += [(link, address) for link in links(address, answer)]
        return found


def links(address: str, answer: httpx.Response) -> list[str]:
    """The addresses of this site that an answer names, in the order of their kinds."""
    named = [*re.findall(r"<([^>]+)>", answer.headers.get("link", "")), answer.headers.get("location", "")]
    if "html" in answer.headers.get("content-type", ""):
        named += [unescape(link) for link in _LINKS.findall(answer.text)]
    whole = [urljoin(SITE + address, link.split(" ")[0]).partition("#")[0] for link in named if link]
    return [link.removeprefix(SITE) for link in whole if link.startswith(SITE)]


@pytest.fixture(scope="module")
def datasette(tiny_snapshot: Path) -> Iterator[Datasette]:
    opened = datasette_of(tiny_snapshot, PREFIX)
    asyncio.run(opened.invoke_startup())
    yield opened
    for database in opened.databases.values():
        database.close()


@pytest.mark.parametrize("stripped", [True, False], ids=["a proxy that takes it off", "one that leaves it"])
def test_every_link_stays_below_the_prefix_and_leads_somewhere(stripped: bool, datasette: Datasette) -> None:
    found = asyncio.run(Visitor(datasette, stripped).walk())
    assert len(found) == MOST
    missed = {address: status for address, status in found.items() if status not in (200, 302)}
    assert missed == {f"{PREFIX}nowhere": 404}


@pytest.mark.parametrize("stripped", [True, False])
def test_a_page_looks_and_behaves_as_without_the_prefix(stripped: bool, datasette: Datasette) -> None:
    visitor = Visitor(datasette, stripped)
    for address in ("", "feature/tiny/blocks.1.hook_resid_pre/1", "atlas/document", "nowhere"):
        styles = re.findall(r'href="([^"]*pages\.[0-9a-f]*\.css)"', visitor.answer(address).text)
        assert styles == [stylesheet_address(datasette)]
        assert styles[0].startswith(f"{PREFIX}-/atlas/pages.")
    assert "'unsafe-eval'" in visitor.answer("atlas/document").headers["content-security-policy"]
    assert "'unsafe-eval'" not in visitor.answer("runs").headers["content-security-policy"]
    assert visitor.answer("atlas.csv").status_code == 400
    assert visitor.answer("feature/tiny/blocks.1.hook_resid_pre/1.json").json()["next"].startswith(f"{PREFIX}feature/")
    assert visitor.answer("atlas/document/").headers["location"] == f"{PREFIX}atlas/document"
    facets = visitor.answer("atlas/contrast.json?_facet_array=positive").json()["facet_results"]
    (value,) = facets["positive"]["results"]
    assert value["toggle_url"].startswith(f"{SITE}{PREFIX}atlas/contrast")


def test_robots_are_told_both_spellings(datasette: Datasette) -> None:
    told = Visitor(datasette, False).answer("robots.txt").text.splitlines()
    assert {f"Disallow: {path}" for path in CLOSED_TO_ROBOTS} <= set(told)
    assert {f"Disallow: {PREFIX[:-1]}{path}" for path in CLOSED_TO_ROBOTS} <= set(told)


def test_plain_datasette_keeps_the_settings_of_the_snapshot(tiny_snapshot: Path) -> None:
    given: dict[str, Any] = {"base_url": "/x", "sql_time_limit_ms": 1234}
    opened = Datasette(config_dir=tiny_snapshot, settings=given)
    asyncio.run(opened.invoke_startup())
    kept = {name: opened.setting(name) for name in SETTINGS}
    assert kept == SETTINGS | {"sql_time_limit_ms": 1234}
    assert opened.setting("base_url") == "/x/"
    assert (opened.max_returned_rows, opened.sql_time_limit_ms) == (SETTINGS["max_returned_rows"], 1234)
    for database in opened.databases.values():
        database.close()


def test_a_served_site_keeps_its_prefix(tiny_snapshot: Path) -> None:
    with running(Front(tiny_snapshot.parent.parent, base_url="/x/")) as address:
        home = httpx.get(f"{address}x")
        assert (home.status_code, home.headers["location"]) == (302, "/x/")
        assert httpx.get(f"{address}x/start.json").json()["contrasts"][0]["address"].startswith("/x/contrast/")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("/atlas/", "/atlas is an address of the site itself"),
        ("start.json", "is an address of the site itself"),
        ("https://example.org/x/", "is no path"),
        ("/../x/", "is no path"),
        ("/a b/", "is no path"),
    ],
)
def test_a_prefix_that_cannot_be_one_is_refused(given: str, told: str, tmp_path: Path) -> None:
    refused = CliRunner().invoke(cli, ["serve", str(tmp_path), "--base-url", given])
    assert refused.exit_code == 2
    assert told in refused.stderr
