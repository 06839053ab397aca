"""A published atlas in Datasette: its pages, search, queries, exports, and the server around them."""

import asyncio
import csv
import io
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner
from datasette.app import Datasette

from atlas.cli.main import cli
from atlas.publish import publish
from atlas.publish.browsing import OF_THE_FILE
from atlas.publish.canned_queries import published_queries
from atlas.publish.tables import sqlite_tables
from atlas.site.serve import browser_url, datasette_of, listening_socket, served_snapshot_folder
from queries import SavedQuery, run_query
from schema import AtlasError, open_atlas
from tests.made.patience import PATIENCE_SECONDS
from tests.made.required import REQUIRED

TABLES = sorted(sqlite_tables().tables)
QUERIES = published_queries()
NOTHING = {"driving_features", "labels_of_domains", "upstream_features"}
"""Queries that find nothing in the tiny atlas: too few documents of a domain, no SAE before the one that is read."""

TYPED = [
    ("candidates", {"limit": "2", "max_q": "0.5"}),
    ("densest_features", {"sae": "tiny/blocks.2.hook_resid_pre", "limit": "3"}),
    ("specific_to_domain", {"domain": "medicine", "min_documents": "1"}),
    ("feature_card", {"feature": "10", "sae": "tiny/blocks.2.hook_resid_pre"}),
]
HOSTILE = "<script>alert('x')</script> and <img src=x onerror=alert(1)> {{ 7 * 7 }}"
HOSTILE_TEXT = HOSTILE + " \x00"
OTHER_MODEL = "INSERT INTO model BY NAME SELECT * REPLACE (1 AS model, ? AS name, 'f' AS weights_sha256) FROM model"


class Pages:
    """A snapshot's pages, asked for without a socket."""

    def __init__(self, folder: Path) -> None:
        self.datasette: Datasette = datasette_of(folder)

    def get(self, path: str, status: int = 200) -> Any:
        response = asyncio.run(self.datasette.client.get(path))
        assert response.status_code == status, f"{path}: {response.text[:2000]}"
        return response

    def text(self, path: str) -> str:
        page: str = self.get(path).text
        return page

    def rows(self, table: str, **arguments: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.get(
            f"/atlas/{table}.json?{urlencode({'_shape': 'array', **arguments})}"
        ).json()
        return rows


@contextmanager
def pages_of(folder: Path) -> Iterator[Pages]:
    pages = Pages(folder)
    try:
        yield pages
    finally:
        for database in pages.datasette.databases.values():
            database.close()
        pages.datasette.executor.shutdown()


@pytest.fixture(scope="module")
def site(tiny_site: Path) -> Path:
    return tiny_site


@pytest.fixture(scope="module")
def pages(site: Path) -> Iterator[Pages]:
    with pages_of(served_snapshot_folder(site)) as opened:
        yield opened


def required(query: SavedQuery) -> dict[str, str]:
    return {parameter.name: REQUIRED[parameter.name] for parameter in query.parameters if parameter.required}


def expected_rows(tiny: Path, name: str, values: Mapping[str, str]) -> list[dict[str, Any]]:
    with open_atlas(tiny, read_only=True) as atlas:
        rows: list[dict[str, Any]] = run_query(atlas, name, values).to_pylist()
    return [
        {key: pytest.approx(value, rel=1e-6) if isinstance(value, float) else value for key, value in row.items()}
        for row in rows
    ]


def test_the_first_page_says_what_this_is(pages: Pages) -> None:
    page = pages.text("/")
    assert "Feature atlas: tiny" in page
    assert "15 documents (121 tokens) in 3 corpora" in page
    assert "texts under CC0-1.0" in page
    assert "pocket" not in page


def test_the_embedded_model_is_named_as_such(tiny: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pocket.duckdb"
    copy.write_bytes(tiny.read_bytes())
    with open_atlas(copy) as atlas, atlas.transaction():
        atlas.duckdb.execute(OTHER_MODEL, ["pocket"])
    with pages_of(publish(copy, tmp_path / "site").folder) as opened:
        assert "results of the embedded model, pocket" in opened.text("/")
        assert "results of the embedded model, pocket" in opened.text("/atlas")


def test_the_database_page_explains_every_query_and_table(pages: Pages) -> None:
    page = pages.text("/atlas")
    for query in QUERIES:
        assert f'<a href="atlas/{query.name}">' in page
    for table in TABLES:
        shown = f'<a href="atlas/{table}">' in page
        assert shown == (table not in (*OF_THE_FILE, "feature_example"))


@pytest.mark.parametrize("table", TABLES)
def test_a_table_page_describes_its_columns(table: str, pages: Pages) -> None:
    page = pages.text(f"/atlas/{table}")
    declared = sqlite_tables().tables[table]
    assert f"{declared.comment}".split("'")[0] in page
    for column in declared.columns:
        assert f"<dt>{column.name}</dt>" in page
    assert "Error" not in page
    assert "timed out" not in page


IMPORTED = ("feature_import", "sae_import")
"""Tables of what was imported; the tiny atlas has run all that it holds."""


@pytest.mark.parametrize("table", TABLES)
def test_a_row_has_a_page(table: str, pages: Pages) -> None:
    link = re.search(rf'href="(/atlas/{table}/[^"?]+)"', pages.text(f"/atlas/{table}?_size=1"))
    assert (link is None) == (table in IMPORTED)
    assert link is None or "<table" in pages.text(link[1])


def test_references_are_shown_by_name(pages: Pages) -> None:
    page = pages.text("/atlas/feature_contrast?_size=1")
    assert ">medical</a>" in page
    assert re.search(r">tiny/blocks\.\d\.hook_resid_pre</a>", page)
    assert ">notes/medical-00</a>" in pages.text("/atlas/example?feature=1&sae=0")


def test_tables_open_sorted_and_faceted(pages: Pages) -> None:
    aurocs = [row["auroc"] for row in pages.rows("feature_contrast")]
    assert aurocs == sorted(aurocs, reverse=True)
    facets = pages.get("/atlas/document.json?_size=1").json()["facet_results"]
    assert set(facets) == {"corpus", "licence"}
    assert {facet["label"] for facet in facets["corpus"]["results"]} >= {"notes/medical", "notes/control"}


def test_a_document_shows_whose_it_is(pages: Pages) -> None:
    page = pages.text("/atlas/document/13")
    assert "Cancer is also a tropic" in page
    assert "CC0-1.0" in page
    assert "the authors" in page


@pytest.mark.parametrize(
    ("table", "words", "column", "expected"),
    [
        ("document", "kidneys", "text", "Untreated diabetes"),
        ("example", "river", "sentence", "Lisbon"),
        ("vocabulary", "asthma", "text", "Asthma"),
    ],
)
def test_search_finds(table: str, words: str, column: str, expected: str, pages: Pages) -> None:
    assert expected in pages.text(f"/atlas/{table}?_search={words}")
    found = pages.rows(table, _search=words)
    assert found
    assert all(expected in row[column] for row in found)
    assert pages.rows(table, _search='no"such word (') == []


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_a_query_page_gives_what_the_command_line_gives(query: SavedQuery, tiny: Path, pages: Pages) -> None:
    values = required(query)
    expected = expected_rows(tiny, query.name, values)
    assert bool(expected) == (query.name not in NOTHING)
    assert pages.rows(query.name, **values) == expected
    page = pages.text(f"/atlas/{query.name}?{urlencode(values)}")
    assert (f"returning {len(expected)} row" if expected else "0 results") in page
    for parameter in query.parameters:
        assert f">{parameter.name}</th>" in page


@pytest.mark.parametrize(("name", "values"), TYPED, ids=[name for name, _ in TYPED])
def test_values_from_an_address_are_taken_as_their_type(
    name: str, values: dict[str, str], tiny: Path, pages: Pages
) -> None:
    expected = expected_rows(tiny, name, values)
    assert expected
    assert pages.rows(name, **values) == expected


@pytest.mark.parametrize("query", [query for query in QUERIES if required(query)], ids=lambda query: query.name)
def test_a_query_that_needs_a_value_offers_one(query: SavedQuery, pages: Pages) -> None:
    link = re.search(r'For instance: <a href="(\?[^"]+)"', pages.text(f"/atlas/{query.name}"))
    assert link
    page = pages.text(f"/atlas/{query.name}{link[1].replace('&amp;', '&')}")
    assert ("0 results" in page) == (query.name in NOTHING)


def test_a_text_for_a_feature_is_refused(pages: Pages) -> None:
    told = pages.get("/atlas/feature_card.json?feature=abc", status=400).json()["error"]
    assert told == "feature_card: feature must be a whole number, not 'abc'"
    assert pages.rows("feature_card", feature="1") != []


def test_a_query_page_is_named_by_its_title(pages: Pages) -> None:
    assert "<title>Candidates of a contrast</title>" in pages.text("/atlas/candidates")
    assert "<title>atlas: select 1</title>" in pages.text("/atlas?sql=select+1")


def test_a_misspelt_address_is_answered_without_a_traceback(pages: Pages, capfd: pytest.CaptureFixture[str]) -> None:
    pages.get("/atlas/nowhere", status=404)
    pages.get("/atlas?sql=DELETE+FROM+document", status=400)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH '/etc/passwd' AS x",
        "PRAGMA journal_mode = DELETE",
        "DROP TABLE document",
        "VACUUM INTO 'copy.db'",
        "SELECT load_extension('x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT randomblob(900000000)",
        "SELECT hex(zeroblob(100000000))",
        "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT COUNT(*) FROM c",
    ],
)
def test_an_attack_by_sql_is_refused(sql: str, pages: Pages) -> None:
    pages.get(f"/atlas.json?{urlencode({'sql': sql})}", status=400)


@pytest.mark.parametrize(
    "path", ["/static/..%2fatlas.db", "/static/%2e%2e/%2e%2e/current.json", "/-/static/..%2fapp.py"]
)
def test_no_address_leads_out_of_the_static_files(path: str, pages: Pages) -> None:
    pages.get(path, status=404)


def test_no_query_hides_a_table() -> None:
    assert not {query.name for query in QUERIES} & set(TABLES)


@pytest.mark.parametrize("path", ["example", "candidates"])
def test_rows_leave_as_csv(path: str, pages: Pages) -> None:
    rows = list(csv.DictReader(io.StringIO(pages.text(f"/atlas/{path}.csv?_size=max"))))
    assert len(rows) == len(pages.rows(path, _size="max"))


def test_the_database_file_stays_here(pages: Pages) -> None:
    pages.get("/atlas.db", status=403)
    assert not pages.get("/-/databases.json").json()[0]["is_mutable"]


@pytest.fixture(scope="module")
def hostile(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "a.duckdb").write_bytes(tiny.read_bytes())
    with open_atlas(folder / "a.duckdb") as atlas, atlas.transaction():
        for column in ("text", "external_id", "source", "licence", "attribution"):
            atlas.duckdb.execute(f"UPDATE document SET {column} = ?", [HOSTILE_TEXT])
        for table, column in (("token", "text"), ("vocabulary", "text"), ("ingest_run", "error")):
            atlas.duckdb.execute(f"UPDATE {table} SET {column} = ?", [HOSTILE_TEXT])
        for table, column in (("corpus", "domain"), ("model", "architecture"), ("tokenization", "tokenizer")):
            atlas.duckdb.execute(f"UPDATE {table} SET {column} = ?", [HOSTILE_TEXT])
        atlas.duckdb.execute("INSERT INTO corpus VALUES (90, ?, 'x')", [HOSTILE_TEXT])
        atlas.duckdb.execute(OTHER_MODEL, [HOSTILE_TEXT])
    with pages_of(publish(folder / "a.duckdb", folder / "site").folder) as opened:
        yield opened


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/atlas",
        *(f"/atlas/{table}" for table in TABLES),
        *(f"/atlas/{query.name}?{urlencode(required(query))}" for query in QUERIES),
        "/atlas/document/0",
        "/atlas/document?_search=script",
        "/atlas/vocabulary?_facet=text",
        f"/atlas/document?{urlencode({'text__contains': HOSTILE})}",
        f"/atlas/example?{urlencode({'_search': HOSTILE})}",
    ],
)
def test_hostile_text_is_shown_not_run(path: str, hostile: Pages) -> None:
    page = hostile.text(path)
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "\x00" not in page


def test_a_hostile_name_is_refused_and_shown_not_run(hostile: Pages) -> None:
    page = hostile.get(f"/atlas/candidates?{urlencode({'contrast': HOSTILE})}", 400).text
    assert "has no contrast" in page
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page
    assert "<img" not in page


def test_hostile_text_is_still_there(hostile: Pages) -> None:
    page = hostile.text("/atlas/document/0")
    assert "&lt;script&gt;alert" in page
    assert "{{ 7 * 7 }}" in page
    assert "&lt;script&gt;alert" in hostile.text("/atlas/example")
    assert hostile.rows("document", _size="1")[0]["text"] == HOSTILE_TEXT.replace("\x00", "␀")
    assert hostile.get("/atlas/document.json").headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_answers_and_stops(site: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "atlas", "serve", str(site), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[4]
    ) as server:
        try:
            assert server.stdout
            address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
            assert address
            with urllib.request.urlopen(
                f"{address[0]}atlas/candidates.json?_shape=array", timeout=PATIENCE_SECONDS
            ) as answer:
                assert answer.status == 200
            server.send_signal(number)
            _, errors = server.communicate(timeout=PATIENCE_SECONDS)
        finally:
            server.kill()
    assert errors == ""
    assert server.returncode == 0


def test_a_site_that_was_never_published(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["serve", str(tmp_path / "nowhere")])
    assert isinstance(result.exception, AtlasError)
    assert "atlas publish ATLAS" in str(result.exception)


def test_a_port_that_is_taken(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(cli, ["serve", str(site), "--port", str(port)])
    assert isinstance(result.exception, AtlasError)
    assert f"port {port} is taken" in str(result.exception)


def test_an_address_of_another_machine() -> None:
    with pytest.raises(AtlasError, match=r"203\.0\.113\.7 port 0 cannot be served on"):
        listening_socket("203.0.113.7", 0)


def test_addresses_for_a_browser() -> None:
    assert browser_url("0.0.0.0", 80) == "http://127.0.0.1:80/"
    assert browser_url("::", 80) == "http://[::1]:80/"
    assert browser_url("example.org", 81) == "http://example.org:81/"
