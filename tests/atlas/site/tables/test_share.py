"""A saved query's page in a shell and in DuckDB, whatever was typed; plugins, robots and headers of a site."""

import asyncio
import json
import re
import shlex
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb
import httpx
import pytest
from click.testing import CliRunner
from datasette.app import Datasette

from atlas.cli.main import cli
from atlas.publish import publish
from atlas.site.pages.plugin import stylesheet_address
from atlas.site.serve import datasette_of
from atlas.site.tables.share import shared_query
from schema import open_atlas

CONTRAST = "it's; DROP TABLE document; --"
SAE = '$(touch mine) `touch mine` "$HOME" \\'
TYPED = [
    ("candidates", {"limit": "2", "max_q": "0.5"}),
    ("candidates", {"contrast": CONTRAST, "limit": "3"}),
    ("candidates", {"sae": SAE, "max_q": "1"}),
    ("densest_features", {"sae": "tiny/blocks.2.hook_resid_pre", "limit": "3"}),
    ("specific_to_domain", {"domain": "medicine", "min_documents": "1"}),
    ("feature_card", {"feature": "10", "sae": "tiny/blocks.2.hook_resid_pre"}),
]
ENDLESS = "(WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT COUNT(*) FROM c) > 0"


@pytest.fixture(scope="module")
def tiny(tiny: Path) -> Path:
    path = tiny.rename(tiny.with_name("it's tiny.duckdb"))
    with open_atlas(path) as atlas, atlas.transaction():
        atlas.duckdb.execute("UPDATE contrast SET name = ? WHERE contrast = 0", [CONTRAST])
        atlas.duckdb.execute("UPDATE sae SET label = ? WHERE sae_id = 'blocks.1.hook_resid_pre'", [SAE])
    return path


@pytest.fixture(scope="module")
def datasette(tiny: Path) -> Iterator[Datasette]:
    opened = datasette_of(publish(tiny, tiny.parent / "site").folder)
    yield opened
    opened.executor.shutdown()
    for database in opened.databases.values():
        database.close()


def get(datasette: Datasette, address: str, method: str = "GET") -> Any:
    return asyncio.run(datasette.client.request(method, address))


def shown(page: str) -> list[str]:
    return [unescape(text) for text in re.findall(r"<pre><code>(.*?)</code></pre>", page, re.DOTALL)]


@pytest.mark.parametrize(("name", "values"), TYPED, ids=[name for name, _ in TYPED])
def test_the_page_the_command_and_duckdb_give_the_same_rows(
    name: str, values: dict[str, str], tiny: Path, datasette: Datasette
) -> None:
    query = urlencode(values)
    page = get(datasette, f"/atlas/{name}?{query}").text
    command, sql = shown(page)
    expected = get(datasette, f"/atlas/{name}.json?{query}&_shape=arrays").json()["rows"]
    with duckdb.connect(str(tiny), read_only=True) as connection:
        rows = connection.execute(sql).fetchall()
    assert [[str(cell)[:12] for cell in row] for row in rows] == [[str(cell)[:12] for cell in row] for row in expected]
    words = shlex.split(command)
    assert words[:4] == ["atlas", "query", tiny.name, name]
    result = CliRunner().invoke(cli, ["query", str(tiny), *words[3:], "--format", "json"])
    assert result.exit_code == 0
    assert len(json.loads(result.stdout)) == len(expected) > 0


def test_a_query_published_by_another_name_is_shared_by_its_own(datasette: Datasette) -> None:
    command, sql = shown(get(datasette, "/activations/feature_histogram_query?feature=10").text)
    assert shlex.split(command)[3:] == ["feature_histogram", "-p", "feature=10"]
    assert "feature = 10" in sql


def test_no_command_for_what_a_terminal_obeys() -> None:
    assert shared_query("a.duckdb", "candidates", {"contrast": "x\x1b[2J"}) is None
    assert shared_query("a.duckdb", "candidates", {"contrast": "x\u202ey"}) is None
    assert shared_query("a.duckdb", "nothing", {}) is None


def test_no_command_for_values_that_are_refused() -> None:
    assert shared_query("a.duckdb", "candidates", {"max_q": "0,05"}) is None
    shared = shared_query("a.duckdb", "candidates", {"max_q": " 0.05"})
    assert shared is not None
    assert shared.command.endswith(" candidates -p max_q=0.05")


@pytest.mark.parametrize("nothing", ["", "+", "%E2%80%A8", "%22", "%22+%22"])
def test_a_search_for_nothing_is_no_search(nothing: str, datasette: Datasette) -> None:
    def counted(query: str) -> int:
        return int(get(datasette, f"/atlas/document.json?{query}").json()["filtered_table_rows_count"])

    assert counted(f"_search={nothing}") == counted("") > counted("_search=lisbon") > 0
    assert "not searched" not in get(datasette, f"/-/search?q={nothing}").text


def test_the_same_rows_by_a_link(datasette: Datasette) -> None:
    page = get(datasette, "/atlas/candidates?limit=2").text
    for kind in ("json", "csv"):
        link = re.search(rf'<a href="(/atlas/candidates\.{kind}\?limit=2)">', page)
        assert link
        assert get(datasette, link[1]).status_code == 200


def test_only_a_saved_query_is_shared(datasette: Datasette) -> None:
    assert "atlas-share" not in get(datasette, "/atlas?sql=select+1").text


@pytest.mark.parametrize("database", ["atlas", "activations"])
def test_ones_own_sql_stands_at_the_top_of_its_page(database: str, datasette: Datasette) -> None:
    assert "/candidates" in get(datasette, f"/{database}").text
    page = get(datasette, f"/{database}?sql=select+1").text
    assert "/candidates" not in page
    assert "Data license" in page


def test_robots_leave_queries_alone(datasette: Datasette) -> None:
    lines = get(datasette, "/robots.txt").text.splitlines()
    assert lines[0] == "User-agent: *"
    assert {"Disallow: /atlas", "Disallow: /-/"} <= set(lines)
    assert "Disallow: /" not in lines


def test_a_search_across_tables_needs_no_script(datasette: Datasette) -> None:
    page = get(datasette, "/-/search?q=lisbon").text
    assert "Lisbon lies on the river Tagus." in page
    assert re.search(r'<a href="/atlas/document/\d+">', page)
    link = re.search(r'<a href="(/atlas/document\?_search=lisbon)">document</a>: 1 found', page)
    assert link
    assert "Lisbon" in get(datasette, link[1]).text
    assert ">Search all tables</a>" in get(datasette, "/atlas").text
    assert "0 found" in get(datasette, "/-/search?q=nowhere").text


def test_charts_are_loaded_where_there_are_rows_to_draw(datasette: Datasette) -> None:
    for address in ("/atlas/candidates", "/atlas/corpus", "/atlas?sql=select+1"):
        scripts = re.findall(r'<script src="(/-/static-plugins/datasette_vega/[^"]+)"', get(datasette, address).text)
        assert len(scripts) == 1
        assert get(datasette, scripts[0]).status_code == 200
    assert "datasette_vega" not in get(datasette, "/-/search").text


@pytest.mark.parametrize(
    "address",
    ["/", "/atlas/candidates", "/activations/activation", "/nowhere", "/static/atlas.css", "/atlas/corpus.csv", "//"],
)
def test_every_answer_has_the_headers(address: str, datasette: Datasette) -> None:
    headers = get(datasette, address).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in ("same-origin", "no-referrer")
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] in ("'self'", "'none'")
    assert policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "'unsafe-inline'" not in policy.get("script-src", "")
    assert ("'unsafe-eval'" in policy.get("script-src", "")) == address.startswith(("/atlas", "/activations"))


def test_charts_are_drawn_of_a_database_that_is_added_after_the_application_is_made(datasette: Datasette) -> None:
    assert datasette.config_dir is not None
    opened = datasette_of(datasette.config_dir)
    transport = httpx.ASGITransport(app=opened.app())
    assert "activations" not in opened.databases

    async def policy() -> str:
        await opened.invoke_startup()
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
            return (await client.get("/activations/corpus")).headers["content-security-policy"]

    assert "'unsafe-eval'" in asyncio.run(policy())
    for database in opened.databases.values():
        database.close()


@pytest.mark.parametrize(
    "address", ["/", "/atlas/candidates", "/atlas/corpus.csv?_stream=1", "/robots.txt", "/static/atlas.css", "/nowhere"]
)
def test_head_is_a_get_without_its_body(address: str, datasette: Datasette) -> None:
    whole, head = get(datasette, address), get(datasette, address, "HEAD")
    assert head.status_code == whole.status_code
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert head.content == b""


def test_an_error_of_the_server_is_told_without_its_text(datasette: Datasette, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("/home/somebody/secret")

    monkeypatch.setattr(datasette, "_connected_databases", broken)
    for address in ("/-/databases", "/-/databases.json"):
        answer = get(datasette, address)
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert "its log describes" in answer.text


@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("/nowhere/at/all/here", 404, "There is no page at this address."),
        ("/atlas/nowhere", 404, "Table not found"),
        ("/atlas/document?_sort=nowhere", 400, "Cannot sort table by nowhere"),
        ("/atlas/document?_where=nowhere", 400, "no such column: nowhere"),
        ("/atlas.db", 403, "download is forbidden"),
        (f"/atlas/document?{urlencode({'_where': ENDLESS})}", 400, "This takes longer than this server allows"),
    ],
)
def test_a_visitors_mistake_is_explained(address: str, status: int, told: str, datasette: Datasette) -> None:
    answer = get(datasette, address)
    assert answer.status_code == status
    assert told in unescape(answer.text)
    assert "<h1>" in answer.text
    assert "&lt;" not in answer.text
    assert 'href="/"' in answer.text
    assert stylesheet_address(datasette) in answer.text


def test_pages_of_rows_that_sort_alike_miss_none(datasette: Datasette) -> None:
    whole = get(datasette, "/atlas/example.csv?_size=max").text.splitlines()
    assert get(datasette, "/atlas/example.csv?_stream=1").text.splitlines() == whole
    assert len(set(whole)) == len(whole) > 100
    for sort in ("_sort=activation", "_sort_desc=sae", "_sort=sampling&sae=1", "_sort_desc=rank&_where=octave>0"):
        first = get(datasette, f"/atlas/example.csv?_size=max&{sort}").text.splitlines()
        assert get(datasette, f"/atlas/example.csv?_stream=1&{sort}").text.splitlines() == first
