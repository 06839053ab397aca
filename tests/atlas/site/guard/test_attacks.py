"""Requests that mean harm, to the SQLite side and to the server: nothing read, written or run, and the next answered.

Each is asked of a published atlas whose texts, labels and names are hostile too.
The DuckDB side has its own list beside it.
"""

import asyncio
import hashlib
import json
import resource
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from atlas.publish import publish
from atlas.site.guard.bombs import BOUNDED, FORMATS, bound_functions
from atlas.site.guard.sql import ANSWER, HEAP, guard_connection, guarded_rows_within_bytes
from atlas.site.serve import datasette_of
from schema import open_atlas

SCRIPT = "</script><script>alert('x')</script><img src=x onerror=alert(1)><|endoftext|> {{ 7 * 7 }} ⟦\u202e"
SECRET = "root:x:0:0"
LIMIT_SECONDS = 2.5
SLACK_SECONDS = 60.0
"""What a busy machine may add to the limit; the bombs took minutes to hours before they were bounded."""


def levels(count: int) -> str:
    """A pyramid of common table expressions, each of which names the one below twice."""
    steps = [f"a{level + 1} AS (SELECT 1 FROM a{level} AS x, a{level} AS y)" for level in range(count)]
    return f"WITH a0 AS (SELECT 1), {', '.join(steps)} SELECT COUNT(*) FROM a{count}"


ENDLESS = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)"

READS_AND_WRITES = {
    "attach a file": "ATTACH '/etc/passwd' AS x",
    "attach after a select": "SELECT 1; ATTACH '/etc/passwd' AS x",
    "detach": "DETACH atlas",
    "journal mode": "PRAGMA journal_mode = DELETE",
    "writable schema": "PRAGMA writable_schema = ON",
    "pragma in a select": "SELECT * FROM pragma_journal_mode('delete')",
    "pragma after a comment": "/* x */ PRAGMA user_version = 7",
    "temp folder": "SELECT * FROM pragma_temp_store_directory",
    "heap limit": "SELECT * FROM pragma_hard_heap_limit(0)",
    "vacuum into": "VACUUM INTO 'copy.db'",
    "drop": "DROP TABLE document",
    "create": "CREATE TABLE mine (x)",
    "temporary table": "CREATE TEMP TABLE mine AS SELECT 1",
    "trigger": "CREATE TEMP TRIGGER t AFTER INSERT ON document BEGIN SELECT 1; END",
    "delete behind with": "WITH x AS (SELECT 1) DELETE FROM document",
    "insert behind with": "WITH x AS (SELECT 1) INSERT INTO corpus VALUES (9, 'x', 'x')",
    "update behind with": "WITH x AS (SELECT 1) UPDATE document SET text = 'x'",
    "replace behind with": "WITH x AS (SELECT 1) REPLACE INTO corpus VALUES (1, 'x', 'x')",
    "update the schema": "WITH x AS (SELECT 1) UPDATE sqlite_master SET sql = 'x'",
    "search index command": "WITH x AS (SELECT 1) INSERT INTO document_fts (document_fts) VALUES ('rebuild')",
    "load extension": "SELECT load_extension('/lib/x86_64-linux-gnu/libc.so.6')",
    "read a file": "SELECT readfile('/etc/passwd')",
    "write a file": "SELECT writefile('/tmp/mine', 'x')",
    "edit a file": "SELECT edit('x', 'vi')",
    "tokenizer's address": "SELECT hex(fts3_tokenizer('simple'))",
    "two statements": "SELECT 1; SELECT 2",
    "another database": "SELECT * FROM _internal.databases",
    "transaction": "BEGIN EXCLUSIVE",
}

BOMBS = {
    "one row of 1,900 large values": f"WITH z AS (SELECT {', '.join(['zeroblob(900000)'] * 30)}) "
    f"SELECT * FROM {', '.join(f'z AS z{n}' for n in range(60))}",
    "a thousand large rows": f"{ENDLESS} SELECT zeroblob(900000) FROM c LIMIT 1000",
    "a thousand large texts": f"{ENDLESS} SELECT hex(zeroblob(400000)) FROM c LIMIT 1000",
    "a large value": "SELECT randomblob(900000000)",
    "a large text": "SELECT hex(zeroblob(100000000))",
    "a wide number": "SELECT ifnull(printf('%2000000000d', 1), zeroblob(99000000))",
    "a long format": "SELECT ifnull(printf('%.*c', 2000000000, 'x'), zeroblob(99000000))",
    "a long format by its name": "SELECT format('%.2000000000c', 'x')",
    "many long formats": f"SELECT printf('{'%.900000c' * 1000}', 'x')",
    "texts that double": "WITH RECURSIVE c (x) AS (SELECT 'x' UNION ALL SELECT x || x FROM c) "
    "SELECT MAX(LENGTH(x)) FROM c",
    "a growing list": f"{ENDLESS} SELECT GROUP_CONCAT(n, hex(zeroblob(1000))) FROM c",
    "a growing JSON": f"{ENDLESS} SELECT json_group_array(hex(zeroblob(1000))) FROM c",
    "endless recursion": f"{ENDLESS} SELECT COUNT(*) FROM c",
    "an endless queue": "WITH RECURSIVE c (z) AS (SELECT zeroblob(100000) UNION ALL SELECT z FROM c, "
    "(SELECT 1 UNION ALL SELECT 2)) SELECT COUNT(*) FROM c",
    "an endless sort": f"{ENDLESS} SELECT * FROM (SELECT randomblob(10000) AS z FROM c ORDER BY z) LIMIT 1",
    "endless distinct values": f"{ENDLESS} SELECT COUNT(DISTINCT randomblob(10000)) FROM c",
    "a join of everything": f"SELECT COUNT(*) FROM {', '.join(f'vocabulary AS t{n}' for n in range(20))}",
    "a pyramid of expressions": levels(24),
    "replace in a large text": "SELECT replace(hex(zeroblob(400000)), hex(zeroblob(200000)) || '1', '')",
    "replace that grows": "SELECT replace(replace(hex(zeroblob(200)), '0', hex(zeroblob(900))), "
    "'0', hex(zeroblob(900)))",
    "find in a large blob": "SELECT instr(zeroblob(900000), CAST(zeroblob(400000) || x'01' AS BLOB))",
    "trim by a large set": "SELECT trim(hex(zeroblob(400000)), hex(randomblob(400000)))",
    "a large JSON patch": "WITH d AS (SELECT json_group_object('k' || a.rowid || '-' || b.rowid, 1) AS j "
    "FROM vocabulary AS a, vocabulary AS b) SELECT length(json_patch(j, j)) FROM d",
    "a long pattern": "SELECT hex(zeroblob(490000)) LIKE '%' || substr(hex(zeroblob(40000)), 1, 49000) || '1'",
    "a long glob": "SELECT hex(zeroblob(490000)) GLOB '*' || substr(hex(zeroblob(40000)), 1, 49000) || '1'",
    "a deep expression": f"SELECT {'(' * 1000}1{')' * 1000}",
    "a deep JSON": "SELECT json(replace(hex(zeroblob(5000)), '0', '['))",
}

ANSWERED = {
    "the file's path": "SELECT * FROM pragma_database_list",
    "the file's path by name": "SELECT file FROM pragma_database_list",
    "the file's path, renamed": "SELECT p.file || '!' AS f FROM pragma_database_list AS p",
    "the schema": "SELECT name, sql FROM sqlite_master",
    "functions": "SELECT name FROM pragma_function_list",
    "a script as a column": "SELECT 1 AS \"</style><script>alert('x')</script>\"",
    "a script as a value": "SELECT '<script>alert(1)</script>' AS x, 'javascript:alert(1)' AS link",
    "a link that runs": "SELECT 'javascript:alert(document.domain)' AS url",
    "a link that breaks out": "SELECT 'https://x/\"onmouseover=\"alert(1)' AS url",
    "a blob": "SELECT x'00ff' AS x",
}
"""Statements that may be run, and must tell no path and run no script."""

REQUESTS = {
    "download SQLite": ("/atlas.db", 403),
    "download DuckDB": ("/activations.duckdb", (200, 404)),
    "download DuckDB as SQLite": ("/activations.db", (403, 404)),
    "download by another name": ("/atlas.sqlite", 200),
    "Datasette's own database": ("/_internal", 403),
    "SQL on Datasette's own database": ("/_internal.json?sql=select+1", 403),
    "a database in memory": ("/_memory?sql=select+1", 404),
    "above the static files": ("/static/../atlas.db", (403, 404)),
    "above the static files, encoded": ("/static/%2e%2e/%2e%2e/current.json", 404),
    "above the static files, a slash encoded": ("/static/..%2fatlas.db", 404),
    "above the static files, doubly encoded": ("/static/..%252f..%252fcurrent.json", 404),
    "an absolute static file": ("/static/%2fetc%2fpasswd", 404),
    "Datasette's source": ("/-/static/..%2fapp.py", 404),
    "a plugin's source": ("/-/static-plugins/datasette_vega/..%2f__init__.py", 404),
    "another host": ("//example.org/%2f..", 400),
    "another host, a backslash": ("/\\example.org/%2f..", 400),
    "another host by a slash at the end": ("//example.org/", 400),
    "NUL in a path": ("/atlas/document%00.json", 400),
    "NUL in a value": ("/atlas/document?_search=%00", 400),
    "NUL in SQL": ("/atlas?sql=select+%00", 400),
    "no UTF-8 in a path": ("/atlas/%ff%fe", (302, 404)),
    "no UTF-8 in a value": ("/atlas/document?_search=%ff%fe", 200),
    "a long address": (f"/atlas/document?_search={'x' * 20_000}", 414),
    "a long path": (f"/atlas/{'x' * 20_000}", 414),
    "many parameters": (f"/atlas/document?{'a=1&' * 300}", 400),
    "many facets": (f"/atlas/document?{'_facet=text&' * 50}", 400),
    "many facets, spelled otherwise": (f"/atlas/document?{'%5ffacet=text&' * 50}", 400),
    "a facet of nothing": ("/atlas/document?_facet=nowhere", 400),
    "a facet that is SQL": ("/atlas/document?_facet=text%5D+from+sqlite_master--", (200, 400)),
    "a facet of arrays that are none": ("/atlas/document?_facet_array=text", 400),
    "a sort that is SQL": ("/atlas/document?_sort=(select+1)", 400),
    "a filter that is SQL": ("/atlas/document?text]%3D1+or+1--=1", (200, 400)),
    "a filter that is none": ("/atlas/document?text__nowhere=1", 200),
    "a clause that ends the statement": ("/atlas/document?_where=1);drop+table+document--", 400),
    "a clause with a union": ("/atlas/document?_where=0+union+select+1", 400),
    "a clause that reads a file": ("/atlas/document?_where=readfile('/etc/passwd')", 400),
    "a clause that never ends": (
        f"/atlas/document?{urlencode({'_where': f'({ENDLESS} SELECT COUNT(*) FROM c) > 0'})}",
        400,
    ),
    "a number without end": (f"/atlas/document?document__lt={'9' * 20}", 400),
    "a number without end, to DuckDB": (f"/activations/document?document__lt={'9' * 20}", (200, 400)),
    "a page size without end": (f"/atlas/document?_size={'9' * 20}", 400),
    "a parameter without end": (f"/atlas/candidates?limit={'9' * 20}", (200, 400)),
    "a row by too few keys": ("/atlas/feature/0", 400),
    "a row by too many keys": ("/atlas/feature/0,1,2,3", (200, 404)),
    "through nothing": ("/atlas/document?_through={", 400),
    "through depths": (f"/atlas/document?_through={'[' * 15_000}", 400),
    "a list that is none": ("/atlas/document?document__in=[", 400),
    "a list not to be in that is none": ("/activations/document?document__notin=[1", 400),
    "a list of depths": (f"/atlas/document?document__in={'[' * 15_000}", 400),
    "a search of spaces": ("/atlas/document?_search=%20%E2%80%A8", 200),
    "a search of quotes": ("/atlas/example.json?_search_sentence=%22", 200),
    "a search of nothing": ("/atlas/document?_search=", 200),
    "a search of all tables for spaces": ("/-/search?q=%E2%80%A8", 200),
    "a time limit that is none": ("/atlas/document?_timelimit=abc", 400),
    "a time limit of many digits": (f"/atlas?sql=select+1&_timelimit={'9' * 5000}", 400),
    "a time limit that is long": ("/atlas?sql=select+1&_timelimit=999999999", 200),
    "CSV of a database": ("/atlas.csv", 400),
    "CSV of no SQL": ("/activations.csv?sql=", 400),
    "CSV of SQL that never ends": (f"/atlas.csv?{urlencode({'sql': f'{ENDLESS} SELECT COUNT(*) FROM c'})}", 400),
    "a rule that is none": ("/-/allow-debug?actor=[]&allow=5", 404),
    "through no table": (f"/atlas/document?{urlencode({'_through': json.dumps({'table': 'x'})})}", 400),
    "through SQL": (
        f"/atlas/document?{urlencode({'_through': json.dumps({'table': 'x]--', 'column': 'y', 'value': '1'})})}",
        400,
    ),
    "search in another table": ("/atlas/document?_fts_table=sqlite_master&_search=x", 400),
    "search by SQL": ("/atlas/document?_fts_pk=(select+1)&_search=x", (200, 400)),
    "search syntax": ("/atlas/document?_searchmode=raw&_search=%22+AND+NEAR(", 400),
    "a page token that is none": ("/atlas/document?_next=x%2Cy", 200),
    "a page size below one": ("/atlas/document?_size=-1", 400),
    "a page size above all": ("/atlas/document?_size=1000000000", 400),
    "a row that is none": ("/atlas/document/~00", (400, 404)),
    "a trace": ("/atlas/document.json?_trace=1", 200),
    "a template's variables": ("/atlas/document?_context=1", 200),
    "a callback": ("/atlas/document.json?callback=alert", 200),
    "a line break into a header": ("/nowhere%0d%0aSet-Cookie:%20x=1/", (302, 404)),
    "a line break into a header by a value": ("/nowhere/?x=%0d%0aSet-Cookie:%20x=1", 302),
    "SQL in a parameter": ("/atlas/candidates?limit=1%27%3B+DROP+TABLE+document--", 400),
    "SQL in a contrast": ("/atlas/candidates.json?contrast=%27+OR+1%3D1--", 400),
    "a script in a parameter": (f"/atlas/candidates?{urlencode({'contrast': SCRIPT})}", 200),
    "a script in a search": (f"/-/search?{urlencode({'q': SCRIPT})}", 200),
    "a script in a path": ("/atlas/%3Cscript%3Ealert('x')%3C~2Fscript%3E", (302, 404)),
    "a script in an unknown table": ("/atlas/~3Cscript~3Ealert(1)~3C~2Fscript~3E", 404),
    "the threads": ("/-/threads.json", 404),
    "the files": ("/-/databases.json", 200),
    "the versions": ("/-/versions.json", 200),
    "the plugins": ("/-/plugins.json?all=1", 200),
    "the metadata": ("/-/metadata.json", 200),
    "the settings": ("/-/settings.json", 200),
    "the permissions": ("/-/permissions", 403),
    "a root token": ("/-/auth-token?token=x", 403),
}

HEADERS = {
    "a host that is a script": {"host": "<script>alert(1)</script>"},
    "a forwarded host": {"x-forwarded-host": "example.org", "x-forwarded-proto": "javascript"},
    "a cookie that says root": {"cookie": 'ds_actor={"a": {"id": "root"}}'},
    "a long cookie": {"cookie": f"ds_messages={'x' * 5000}"},
    "a token": {"authorization": "Bearer dstok_x"},
    "another method": {"x-http-method-override": "DELETE"},
    "another address": {"x-original-url": "/_internal", "x-rewrite-url": "/_internal"},
}


class Site:
    """A published atlas that is asked without a socket, and watched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.datasette = datasette_of(folder)
        self.before = self.contents()

    def ask(self, address: str, method: str = "GET", **headers: str) -> Any:
        return asyncio.run(self.datasette.client.request(method, address, headers=headers, follow_redirects=False))

    def sql(self, statement: str, extension: str = ".json") -> Any:
        return self.ask(f"/atlas{extension}?{urlencode({'sql': statement})}")

    def contents(self) -> dict[str, str]:
        """Every file's hash; nothing that a visitor does may change one, or add one."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def check(self, response: Any) -> None:
        """What no answer may hold, and that the next request is answered."""
        text = response.text
        assert not response.content.startswith(b"SQLite format 3")
        assert response.content[8:12] != b"DUCK"
        for forbidden in (SECRET, str(self.folder), str(self.folder.parent), "site-packages", "Traceback"):
            assert forbidden not in text
        if response.headers.get("content-type", "").startswith("text/html"):
            for forbidden in ("<script>alert", "<img src=x", "<style><script", 'href="javascript:', '"onmouseover='):
                assert forbidden not in text
        assert not response.headers.get("location", "/").startswith(("//", "/\\", "http"))
        assert "set-cookie" not in response.headers
        began = time.monotonic()
        assert self.sql("SELECT 1 AS x").json()["rows"] == [[1]]
        assert time.monotonic() - began < SLACK_SECONDS


@pytest.fixture(scope="module")
def site(tiny: Path) -> Iterator[Site]:
    with open_atlas(tiny) as atlas, atlas.transaction():
        for table, column in (
            ("document", "text"),
            ("document", "external_id"),
            ("corpus", "domain"),
            ("vocabulary", "text"),
            ("model", "architecture"),
        ):
            atlas.duckdb.execute(f"UPDATE {table} SET {column} = ?", [SCRIPT])
        atlas.duckdb.execute("UPDATE contrast SET name = ?", [SCRIPT])
    site = Site(publish(tiny, tiny.parent / "site").folder)
    yield site
    assert site.contents() == site.before
    site.datasette.executor.shutdown()
    for database in site.datasette.databases.values():
        database.close()


@pytest.mark.parametrize("statement", READS_AND_WRITES.values(), ids=READS_AND_WRITES)
def test_a_statement_that_is_no_reading_is_refused(statement: str, site: Site) -> None:
    response = site.sql(statement)
    assert response.status_code == 400, response.text
    site.check(response)


@pytest.mark.parametrize("statement", BOMBS.values(), ids=BOMBS)
def test_a_bomb_ends_in_time_and_memory(statement: str, site: Site) -> None:
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    response = site.sql(statement)
    assert response.status_code == 400, response.text[:1000]
    assert time.monotonic() - began < LIMIT_SECONDS + SLACK_SECONDS
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < HEAP + 8 * ANSWER
    site.check(response)


@pytest.mark.parametrize("statement", ANSWERED.values(), ids=ANSWERED)
@pytest.mark.parametrize("extension", ["", ".json", ".csv"])
def test_an_answer_tells_no_path_and_runs_no_script(extension: str, statement: str, site: Site) -> None:
    response = site.sql(statement, extension)
    assert response.status_code == 200, response.text[:1000]
    site.check(response)


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
@pytest.mark.parametrize(("address", "status"), REQUESTS.values(), ids=REQUESTS)
def test_a_hostile_address(address: str, status: int | tuple[int, ...], site: Site) -> None:
    response = site.ask(address)
    assert response.status_code in (status if isinstance(status, tuple) else (status,)), response.text[:1000]
    site.check(response)


@pytest.mark.parametrize(("method", "status"), [("GET", 400), ("OPTIONS", 405)])
@pytest.mark.parametrize("path", ["*", "", "http:", "atlas"])
def test_a_path_without_a_slash(path: str, method: str, status: int, site: Site) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }
    asyncio.run(site.datasette.app()(scope, None, send))
    assert sent[0]["status"] == status


def test_peoples_own_sql_leaves_threads_to_the_pages(site: Site) -> None:
    async def visit() -> int:
        get = site.datasette.client.get
        endless = f"/atlas.json?{urlencode({'sql': f'{ENDLESS} SELECT COUNT(*) FROM c'})}"
        asked = [asyncio.create_task(get(endless)) for _ in range(6)]
        await asyncio.sleep(0.1)
        assert (await get("/atlas/corpus.json")).status_code == 200
        waiting = sum(not task.done() for task in asked)
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {400}
        return waiting

    assert asyncio.run(visit()) >= 4


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_a_hostile_header(headers: dict[str, str], site: Site) -> None:
    response = site.ask("/atlas/corpus", **headers)
    assert response.status_code == 200
    site.check(response)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("address", ["/atlas/document", "/atlas/candidates", "/-/messages", "/-/logout"])
def test_nothing_but_reading(method: str, address: str, site: Site) -> None:
    response = site.ask(address, method)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD"
    site.check(response)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/atlas",
        "/atlas/document",
        "/atlas/document/0",
        "/atlas/contrast",
        "/atlas/vocabulary",
        "/atlas/candidates",
    ],
)
def test_hostile_texts_and_names_are_shown_not_run(path: str, site: Site) -> None:
    response = site.ask(path)
    assert response.status_code == 200
    site.check(response)


def test_special_tokens_are_text(site: Site) -> None:
    assert "&lt;|endoftext|&gt;" in site.ask("/atlas/document/0").text
    assert site.ask("/atlas/document/0.json").json()["rows"][0][3] == SCRIPT


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("instr", ("tuberculosis", "culo")),
        ("instr", (b"\x00\x01\x02", b"\x01")),
        ("instr", (None, "x")),
        ("instr", (12345, 34)),
        ("replace", ("a cough", "cough", "sneeze")),
        ("replace", ("a", "", "b")),
        ("replace", (1.5, ".", ",")),
        ("printf", ("%5.2f|%s|%%|%,d|%-4c|%q", 2.5, "x", 12345, "y", "it's")),
        ("printf", ("%*d", 6, 42)),
        ("printf", ()),
        ("printf", (None,)),
        ("format", ("%04d", "12")),
        ("trim", ("  x ",)),
        ("trim", ("..x.", ".")),
        ("ltrim", ("éé x", "é")),
        ("rtrim", ("x⟧", "⟧")),
    ],
)
def test_a_bounded_function_says_what_sqlites_own_says(name: str, arguments: tuple[object, ...]) -> None:
    plain, bounded = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    bound_functions(bounded)
    assert name in FORMATS or len(arguments) in BOUNDED[name]
    sql = f"SELECT {name}({', '.join('?' * len(arguments))})"
    assert bounded.execute(sql, arguments).fetchone() == plain.execute(sql, arguments).fetchone()


def test_a_longer_text_raises_the_limit_and_shortens_patterns() -> None:
    connection = sqlite3.connect(":memory:")
    guard_connection(connection, longest_text=5_000_000)
    assert connection.execute("SELECT LENGTH(zeroblob(10000000))").fetchone()[0] == 10_000_000
    with pytest.raises(sqlite3.DataError):
        connection.execute("SELECT LENGTH(zeroblob(12000000))").fetchone()
    with pytest.raises(sqlite3.OperationalError, match="too complex"):
        connection.execute("SELECT 'x' LIKE ?", ["%" * 60]).fetchone()


def test_an_answer_has_a_budget_and_the_next_one_its_own() -> None:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = guarded_rows_within_bytes(1 << 20)
    half = "SELECT zeroblob(500000) AS z"
    for _ in range(5):
        row = connection.execute(f"{half} UNION ALL {half}").fetchall()[1]
        assert len(row["z"]) == 500_000
    with pytest.raises(sqlite3.OperationalError, match="more than 1 MB"):
        connection.execute(f"{half} UNION ALL {half} UNION ALL {half}").fetchall()
