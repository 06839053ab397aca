"""Answers to programs: a saved query reads its values as the command does, and no row is missing without a word."""

import csv
import io
from collections.abc import Iterator
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner

from atlas.cli.main import cli
from atlas.publish import publish
from queries import find_query, run_query
from schema import QueryError, SelectionError, open_atlas
from tests.made.activation_pages import SQL_PAGE, Served, serving

MOST = 5
"""Rows of an answer that may be cut off, in these tests."""
QUERY, ROWS = "densest_features", 12
REFUSED = [
    ("limit", "3; DROP TABLE document"), ("limit", "-1"), ("limit", "5-3"), ("limit", "1e3"), ("limit", "3.0"),
    ("limit", "1_0"), ("limit", "٣"), ("limit", "9" * 30), ("limit", "9" * 5000), ("limit", " "),
    ("max_q", "0,05"), ("max_q", "-"), ("max_q", "nan"), ("max_q", "inf"), ("max_q", "1e400"), ("max_q", "0x1"),
    ("max_qq", "0.05"),
]  # fmt: skip
READ = [("limit", " 2", "2"), ("limit", "+2", "2"), ("max_q", "5e-2 ", "0.05"), ("max_q", ".05", "0.05")]


@pytest.fixture(scope="module")
def served(tiny_snapshot: Path) -> Iterator[Served]:
    with serving(tiny_snapshot, settings={"max_returned_rows": MOST, "default_page_size": 4}) as found:
        yield found


def lines(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("database", ["atlas", "activations"])
@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_a_value_that_cannot_be_read_is_refused_in_the_words_of_the_command(
    database: str, name: str, value: str, served: Served, tiny_snapshot: Path
) -> None:
    atlas = tiny_snapshot.parent.parent.parent / "tiny.duckdb"
    with pytest.raises(QueryError) as told:
        CliRunner().invoke(cli, ["query", str(atlas), "candidates", "-p", f"{name}={value}"], catch_exceptions=False)
    line = str(told.value)
    assert line.startswith("candidates")
    assert served.get(f"/{database}/candidates.json", 400, **{name: value}).json()["error"] == line
    assert served.get(f"/{database}/candidates.csv", 400, **{name: value}).text == f"{line}\n"
    page = served.get(f"/{database}/candidates", 400, **{name: value}).text
    assert line in unescape(page)
    assert "atlas-share" not in page
    if name in ("limit", "max_q"):
        assert f'name="{name}" value="{value}"' in unescape(page)


@pytest.mark.parametrize("database", ["atlas", "activations"])
@pytest.mark.parametrize(("name", "value", "plain"), READ)
def test_a_number_is_read_between_spaces(database: str, name: str, value: str, plain: str, served: Served) -> None:
    def answer(**given: str) -> list[Any]:
        rows: list[Any] = served.get(f"/{database}/candidates.json", **given).json()["rows"]
        return rows

    assert answer(**{name: value}) == answer(**{name: plain})
    command = served.get(f"/{database}/candidates", **{name: value}).text
    assert f"candidates -p {name}={plain}</code>" in command


ABSENT = [
    ("candidates", {"sae": "tiny/blocks.0.hook_resid_pr"}), ("candidates", {"contrast": "medica"}),
    ("candidates", {"contrast": "x\ny'\"<b>"}), ("densest_features", {"corpus": "xyzzy"}),
    ("feature_card", {"feature": "12"}), ("feature_card", {"feature": "-1"}), ("feature_card", {"feature": "99999"}),
    ("feature_card", {"feature": "1", "sae": "nothing"}), ("feature_card", {"sae": ""}),
    ("compare_features", {"feature": "1"}), ("compare_features", {"feature": "1", "other_feature": "99"}),
    ("feature_card", {"feature": ""}), ("features_for_word", {"word": ""}), ("token_values", {"explanation": "99"}),
    ("specific_to_domain", {"domain": "lw"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("database", "query", "values"),
    [(database, *each) for each in ABSENT for database in sorted({"activations", find_query(each[0]).database})],
)
def test_what_is_missing_or_not_in_the_atlas_is_refused_in_the_words_of_the_command(
    database: str, query: str, values: dict[str, str], served: Served, tiny_snapshot: Path
) -> None:
    file = tiny_snapshot.parent.parent.parent / "tiny.duckdb"
    with open_atlas(file, read_only=True) as atlas, pytest.raises((QueryError, SelectionError)) as told:
        run_query(atlas, query, {name: value for name, value in values.items() if value})
    line = str(told.value).replace(str(file), file.name)
    assert "\n" not in line
    address = f"/{database}/{query}"
    assert served.get(f"{address}.json", 400, **values).json()["error"] == line
    assert served.get(f"{address}.csv", 400, **values).text == f"{line}\n"
    page = served.get(address, 400, **values).text
    assert line in unescape(page)
    assert "<b>" not in page
    assert "atlas-share" not in page
    for name, value in values.items():
        assert f'name="{name}" value="{escape(value)}"'.replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page


@pytest.mark.parametrize("database", ["atlas", "activations"])
def test_a_page_that_is_opened_without_values_shows_its_form(database: str, served: Served) -> None:
    for address in (f"/{database}/feature_card", f"/{database}/feature_card?_hide_sql=1"):
        page = served.get(address).text
        assert "Fill in feature, then run it." in page
        assert "message-error" not in page
        assert "0 results" not in page
        assert "atlas-share" not in page
    assert "Fill in" not in served.get(f"/{database}/feature_card", feature=1).text
    edited = served.get(
        SQL_PAGE.replace("activations", database), sql=find_query("feature_card").served_sql, feature=""
    )
    assert "message-error" not in edited.text
    assert (
        served.get(f"/{database}/feature_card.json", 400).json()["error"].startswith("feature_card needs -p feature=")
    )


def test_a_pinned_name_is_a_name(served: Served) -> None:
    (sae,) = served.get("/atlas/sae.json", _shape="array").json()[:1]
    rows = served.get("/atlas/feature_card.json", feature=1, sae=sae["pinned"]).json()["rows"]
    assert rows == served.get("/atlas/feature_card.json", feature=1).json()["rows"] != []


def test_an_empty_field_of_the_form_takes_the_default(served: Served) -> None:
    given = {parameter.name: "" for parameter in find_query("candidates").parameters}
    plain = served.get("/atlas/candidates.json").json()["rows"]
    assert served.get("/atlas/candidates.json", **given).json()["rows"] == plain != []


@pytest.mark.parametrize("database", ["atlas", "activations"])
def test_csv_and_json_of_a_saved_query_have_every_row(database: str, served: Served) -> None:
    address = f"/{database}/{QUERY}"
    answer = served.get(f"{address}.json", limit=ROWS).json()
    assert (len(answer["rows"]), answer["truncated"]) == (ROWS, False)
    assert len(served.get(f"{address}.json", limit=ROWS, _shape="array").json()) == ROWS
    assert len(lines(served.get(f"{address}.csv", limit=ROWS).text)) == ROWS + 1
    assert len(lines(served.get(f"{address}.csv", limit=3).text)) == 4
    page = served.get(address, limit=ROWS).text
    assert f"These are the first {MOST} rows" in page
    assert "These are the first" not in served.get(address, limit=3).text


@pytest.mark.parametrize("database", ["atlas", "activations"])
def test_an_answer_to_ones_own_sql_is_whole_or_says_that_it_is_not(database: str, served: Served) -> None:
    sql = "SELECT feature FROM feature ORDER BY sae, feature"
    answer = served.get(f"/{database}.json", sql=sql).json()
    assert (len(answer["rows"]), answer["truncated"]) == (MOST, True)
    for shape in ("array", "arrayfirst"):
        assert len(served.get(f"/{database}.json", sql=sql, _shape=shape).json()) == 2 * ROWS
    assert len(lines(served.get(f"/{database}.csv", sql=sql).text)) == 2 * ROWS + 1


@pytest.mark.parametrize("database", ["atlas", "activations"])
def test_a_csv_that_cannot_be_made_is_one_line_that_says_why(database: str, served: Served) -> None:
    refused = served.get(f"/{database}.csv", 400, sql="SELECT nothing FROM feature").text
    assert "nothing" in refused
    assert refused.count("\n") == 1
    endless = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT COUNT(*) FROM c"
    assert "longer than this server allows" in served.get(f"/{database}.csv", 400, sql=endless).text
    long = "printf('%100000d', n)" if database == "atlas" else "repeat('x', 100000)"
    large = f"WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 400) SELECT {long} AS t FROM c"
    assert "32 MB" in served.get(f"/{database}.csv", 400, sql=large).text


@pytest.mark.parametrize("table", ["atlas/document", "activations/token", "activations/activation"])
def test_a_csv_of_a_table_has_every_row(table: str, served: Served) -> None:
    database, _, name = table.partition("/")
    (counted,) = served.get(f"/{database}.json", sql=f"SELECT COUNT(*) FROM {name}").json()["rows"][0]
    assert counted > 2 * MOST
    for query in ({}, {"_size": "max"}, {"_stream": "on"}):
        assert len(lines(served.get(f"/{table}.csv", **query).text)) == counted + 1
    assert len(lines(served.get(f"/{table}.csv", _size=3).text)) == 4


def test_an_answer_that_fails_on_its_way_is_not_ended(tiny_snapshot: Path) -> None:
    with serving(tiny_snapshot, settings={"max_returned_rows": MOST}) as opened:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            opened.database.pages.close()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        query = urlencode({"_stream": "on"})
        scope = {
            "type": "http", "method": "GET", "path": "/activations/token.csv", "raw_path": b"/activations/token.csv",
            "query_string": query.encode(), "headers": [], "scheme": "http", "http_version": "1.1",
        }  # fmt: skip
        opened.run(opened.datasette.app()(scope, receive, send))
    assert sent[0]["status"] == 200, sent
    assert all(message.get("more_body") for message in sent[1:])
    assert len(lines(b"".join(message["body"] for message in sent[1:]).decode())) <= MOST + 1


def test_a_carriage_return_stays_in_its_cell(tiny: Path, tmp_path: Path) -> None:
    with open_atlas(tiny) as atlas, atlas.transaction():
        atlas.duckdb.execute("UPDATE document SET text = 'x' || chr(13) || 'y', source = 'a\tb'")
    arguments = ["query", str(tiny), "feature_documents", "-p", "feature=1", "-c", "text,source"]
    expected = [["text", "source"], *[["x\ry", "a\tb"]] * 7]
    for ending, delimiter in (("csv", ","), ("tsv", "\t")):
        file = tmp_path / f"rows.{ending}"
        assert CliRunner().invoke(cli, [*arguments, "-o", str(file)]).exit_code == 0
        assert list(csv.reader(io.StringIO(file.read_bytes().decode(), newline=""), delimiter=delimiter)) == expected
        assert b"\r\n" not in file.read_bytes()
    with serving(publish(tiny, tmp_path / "site").folder) as opened:
        for database in ("atlas", "activations"):
            sql = "SELECT text, source FROM document ORDER BY document LIMIT 7"
            assert lines(opened.get(f"/{database}.csv", sql=sql).text) == expected
            found = lines(opened.get(f"/{database}/document.csv", _col="text").text)
            assert {row[found[0].index("text")] for row in found[1:]} == {"x\ry"}
