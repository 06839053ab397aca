"""The database `activations` in Datasette: every table and filter, paging, facets, counts, saved queries, CSV."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any

import duckdb
import pytest
from datasette.filters import Filters

from atlas.publish import publish
from atlas.publish.browsing import OF_THE_FILE, browsing_in_full
from atlas.publish.canned_queries import published_query_name
from queries import SavedQuery, run_query, saved_queries
from schema import open_atlas
from schema.tables import metadata
from tests.made.activation_pages import NEXT, SQL_PAGE, Served, serving
from tests.made.required import REQUIRED

TABLES = sorted(map(str, metadata.tables))
QUERIES = list(saved_queries().values())


@pytest.fixture(scope="module")
def tiny(tiny: Path) -> Path:
    with open_atlas(tiny) as atlas, atlas.transaction():
        atlas.duckdb.execute("UPDATE feature SET log_sparsity = NULL WHERE feature % 3 = 0")
        atlas.duckdb.execute("UPDATE feature_corpus SET skewness = NULL WHERE feature = 1")
    return tiny


@pytest.fixture(scope="module")
def folder(tiny: Path) -> Path:
    return publish(tiny, tiny.parent / "site").folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serving(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def source(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(folder / "activations.duckdb"), read_only=True) as connection:
        yield connection


def shown(value: Any) -> Any:
    """A value of the DuckDB file as pages have it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return re.sub(r"(\.\d*?)0+$", r"\1", str(value))
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return pytest.approx(value, rel=1e-6) if isinstance(value, float) else value


def expected(source: duckdb.DuckDBPyConnection, sql: str, *parameters: Any) -> list[dict[str, Any]]:
    cursor = source.cursor().execute(sql, list(parameters) or None)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, map(shown, row), strict=True)) for row in cursor.fetchall()]


def test_the_database_page_lists_tables_and_queries(served: Served) -> None:
    page = served.get("/activations").text
    for table in TABLES:
        assert table in OF_THE_FILE or f"/activations/{table}" in page
    for query in QUERIES:
        assert (
            f"/activations/{published_query_name(query)}" in page
            or f'"activations/{published_query_name(query)}"' in page
        )


@pytest.mark.parametrize("table", TABLES)
def test_every_table_can_be_browsed_and_its_rows_opened(
    table: str, served: Served, source: duckdb.DuckDBPyConnection
) -> None:
    page = served.get(f"/activations/{table}").text
    assert f"{metadata.tables[table].comment}".split("'", maxsplit=1)[0] in page
    link = re.search(rf'href="(/activations/{table}/[^"?]+)"', page)
    assert bool(link) == bool(expected(source, f"SELECT 1 FROM {table} LIMIT 1"))
    if not link:
        return
    row = served.get(f"{link[1]}.json", _shape="objects").json()["rows"][0]
    assert row in expected(source, f"SELECT * FROM {table}")


@pytest.mark.parametrize("table", TABLES)
def test_walking_the_pages_meets_every_row_once(table: str, served: Served, source: duckdb.DuckDBPyConnection) -> None:
    key = served.run(served.database.primary_keys(table))
    everything = expected(source, f"SELECT * FROM {table} ORDER BY {', '.join(key)}")
    browsing = browsing_in_full(table)
    by_key = {"_sort": key[0]} if browsing.sort or browsing.sort_desc else {}
    walked = served.walk(table, **by_key, _size=max(2, len(everything) // 4), _nofacet=1, _nocount=1)
    assert walked == everything


SORTS = [
    ("activation", "activation"),
    ("activation", "context"),
    ("feature", "log_sparsity"),
    ("feature_corpus", "skewness"),
    ("feature_contrast", "study_kept"),
    ("document", "template"),
    ("ingest_run", "started_at"),
    ("contrast", "positive"),
]


@pytest.mark.parametrize("direction", ["_sort", "_sort_desc"])
@pytest.mark.parametrize(("table", "column"), SORTS)
def test_sorted_pages_follow_on_each_other(
    table: str, column: str, direction: str, served: Served, source: duckdb.DuckDBPyConnection
) -> None:
    key = served.run(served.database.primary_keys(table))
    size = 17 if table == "activation" else 4
    walked = served.walk(table, **{direction: column}, _size=size, _nofacet=1, _nocount=1)
    by = f"{column} {'DESC NULLS LAST' if direction == '_sort_desc' else 'NULLS FIRST'}, {', '.join(key)}"
    assert walked == expected(source, f"SELECT * FROM {table} ORDER BY {by}")


FILTERS = [
    ("activation", "feature__exact", "4", "feature = 4"),
    ("activation", "feature__exact", "abc", "false"),
    ("activation", "feature__exact", "", "false"),
    ("activation", "feature__exact", "4.5", "false"),
    ("activation", "feature__exact", "99999999999999999999", "false"),
    ("activation", "feature__not", "4", "feature != 4"),
    ("activation", "feature__not", "abc", "true"),
    ("activation", "feature__gt", "4.5", "feature > 4.5"),
    ("activation", "feature__lte", "4.5", "feature <= 4"),
    ("activation", "feature__in", "1,4,x", "feature IN (1, 4)"),
    ("activation", "feature__in", "[1, 4]", "feature IN (1, 4)"),
    ("activation", "feature__notin", "1,4,x", "feature NOT IN (1, 4)"),
    ("activation", "activation__gte", "2.5", "activation >= 2.5"),
    ("activation", "activation__exact", "0.5", "activation = 0.5"),
    ("activation", "activation__lt", "high", "false"),
    ("activation", "activation__not", "high", "true"),
    ("activation", "feature__contains", "1", "CAST(feature AS VARCHAR) LIKE '%1%'"),
    ("activation", "feature__isblank", "1", "false"),
    ("activation", "feature__notblank", "1", "true"),
    ("token", "text__exact", "", "text = ''"),
    ("token", "text__contains", "CAUSES", "text ILIKE '%causes%'"),
    ("token", "text__startswith", " C", "text ILIKE ' c%'"),
    ("token", "text__endswith", "s", "text ILIKE '%s'"),
    ("token", "text__like", "%o_e%", "text ILIKE '%o_e%'"),
    ("token", "text__notlike", "%a%", "text NOT ILIKE '%a%'"),
    ("token", "text__glob", "*[Tt]h*", "text GLOB '*[Tt]h*'"),
    ("token", "text__gt", "5", "text > '5'"),
    ("document", "template__isnull", "1", "template IS NULL"),
    ("document", "template__notnull", "1", "template IS NOT NULL"),
    ("document", "template__isblank", "1", "template IS NULL OR template = ''"),
    ("document", "template__notblank", "1", "template != ''"),
    ("feature_contrast", "study_kept__exact", "1", "study_kept"),
    ("feature_contrast", "study_kept__in", "0,1", "true"),
    ("ingest_run", "started_at__date", "2026-01-06", "CAST(started_at AS DATE) = DATE '2026-01-06'"),
    ("ingest_run", "started_at__gt", "2026", "true"),
    ("ingest_run", "started_at__startswith", "2026-01-06", "CAST(started_at AS VARCHAR) LIKE '2026-01-06%'"),
    ("token", "text__date", "2026-01-06", "false"),
    ("contrast", "positive__arraycontains", "notes/medical", "true"),
    ("contrast", "positive__arraynotcontains", "notes/medical", "false"),
    ("contrast", "name__arraycontains", "medical", "false"),
    ("contrast", "positive__contains", "MEDICAL", "true"),
]
FILTERS_OF_NEXT = [("token", "text__notcontains", "CAUSES", "text NOT ILIKE '%causes%'")]


@pytest.mark.parametrize(("table", "argument", "value", "condition"), FILTERS + FILTERS_OF_NEXT * NEXT)
def test_each_filter_finds_what_it_says(
    table: str, argument: str, value: str, condition: str, served: Served, source: duckdb.DuckDBPyConnection
) -> None:
    found = served.rows(table, **{argument: value}, _size="max")
    key = ", ".join(served.run(served.database.primary_keys(table)))
    wanted = expected(source, f"SELECT * FROM {table} WHERE {condition} ORDER BY {key}")
    assert sorted(map(str, found)) == sorted(str(row) for row in found if row in wanted)
    assert len(found) == len(wanted)
    assert served.count(table, **{argument: value}, _size=1) == len(wanted)


def test_no_filter_of_datasette_is_left_untested() -> None:
    tested = {argument.rpartition("__")[2] for _, argument, _, _ in FILTERS + FILTERS_OF_NEXT}
    assert tested >= {lookup for lookup, _, _ in Filters([]).lookups()}


def test_filters_and_a_condition_of_ones_own_go_together(served: Served, source: duckdb.DuckDBPyConnection) -> None:
    found = served.rows("activation", feature="4", activation__gt="1", _where="position < 5", _size="max")
    wanted = "SELECT * FROM activation WHERE feature = 4 AND activation > 1 AND position < 5 ORDER BY ALL"
    assert sorted(found, key=lambda row: list(row.values())) == expected(source, wanted)
    assert found


def test_facets_count_columns_and_days(served: Served, source: duckdb.DuckDBPyConnection) -> None:
    facets = served.facet("activation", _facet="feature", _facet_size=20, sae="0")
    counted = "SELECT feature, count(*) FROM activation WHERE sae = 0 GROUP BY 1 ORDER BY 2 DESC, 1"
    assert facets["feature"] == source.cursor().execute(counted).fetchall()
    days = served.facet("ingest_run", _facet_date="started_at")["started_at"]
    by_day = "SELECT CAST(CAST(started_at AS DATE) AS VARCHAR), count(*) FROM ingest_run GROUP BY 1 ORDER BY 2 DESC, 1"
    assert days == source.cursor().execute(by_day).fetchall()


def test_facets_count_the_members_of_an_array(served: Served) -> None:
    assert served.facet("contrast", _facet_array="positive") == {"positive": [("notes/medical", 1)]}
    members = served.facet("feature", _facet_array="top_logits", sae="0", _facet_size=5)["top_logits"]
    assert [count for _, count in members] == sorted((count for _, count in members), reverse=True) != []
    for value, count in members[:2]:
        assert served.count("feature", sae="0", top_logits__arraycontains=value) == count
    assert served.facet("document", _facet_array="text") == {"text": []}


def test_ones_own_joins_are_inner_ones(served: Served) -> None:
    sql = "SELECT count(*) AS n FROM document AS d INNER JOIN corpus AS inner_corpus ON inner_corpus.corpus = d.corpus"
    assert served.sql(sql) == [{"n": served.count("document")}]


def test_a_facet_leads_to_its_rows(served: Served) -> None:
    for table, column in (("activation", "activation"), ("feature_contrast", "study_kept"), ("document", "licence")):
        for value, count in served.facet(table, _facet=column)[column][:3]:
            assert served.count(table, **{column: value}) == count, (table, column, value)


def test_facets_can_be_suggested(folder: Path) -> None:
    with serving(folder, settings={"suggest_facets": True, "sql_time_limit_ms": 5000}) as opened:
        extra: Any = {"_extra": "suggested_facets"} if NEXT else {}
        for table in ("activation", "document", "ingest_run"):
            suggested = opened.get(f"/activations/{table}.json", **extra).json()["suggested_facets"]
            assert suggested, table


def test_references_are_shown_by_name(served: Served) -> None:
    page = served.get("/activations/activation?_size=1").text
    assert re.search(r">tiny/blocks\.\d\.hook_resid_pre</a>", page)
    labelled = served.get("/activations/document.json?_labels=on&_shape=objects&_size=1").json()["rows"][0]
    assert labelled["corpus"] == {"value": 0, "label": "notes/medical"}


def test_a_row_says_what_refers_to_it_but_counts_no_activations(
    served: Served, source: duckdb.DuckDBPyConnection
) -> None:
    extra: Any = {"_extra" if NEXT else "_extras": "foreign_key_tables"}
    found = served.get("/activations/sae/0.json", **extra).json()["foreign_key_tables"]
    counts = {each["other_table"]: each["count"] for each in found}
    assert counts["coverage"] == expected(source, "SELECT count(*) AS n FROM coverage WHERE sae = 0")[0]["n"]
    assert "activation" not in counts


def test_counts_are_known_without_counting(served: Served, source: duckdb.DuckDBPyConnection) -> None:
    for table in TABLES:
        count = expected(source, f"SELECT count(*) AS n FROM {table}")[0]["n"]
        assert served.count(table, _size=1) == count
    counts = served.run(served.database.table_counts())
    assert counts["activation"] == expected(source, "SELECT count(*) AS n FROM activation")[0]["n"]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_a_saved_query_gives_what_the_command_line_gives(query: SavedQuery, tiny: Path, served: Served) -> None:
    values = {parameter.name: REQUIRED[parameter.name] for parameter in query.parameters if parameter.required}
    with open_atlas(tiny, read_only=True) as atlas:
        wanted = run_query(atlas, query.name, values).to_pylist()
    found = served.rows(published_query_name(query), **values)
    assert found == [{name: shown(value) for name, value in row.items()} for row in wanted]
    page = unescape(served.get(f"/activations/{published_query_name(query)}", **values).text)
    assert query.title in page
    for parameter in query.parameters:
        assert f">{parameter.name}</th>" in page


def test_a_saved_query_takes_values_from_its_address(served: Served) -> None:
    every = served.rows("feature_tokens", feature="2")
    assert served.rows("feature_tokens", feature="2", limit="3") == every[:3]
    assert served.rows("feature_tokens", feature=" 2 ", limit="") == every
    assert "limit must be a whole number" in served.get("/activations/feature_tokens.json", 400, limit="all").text


@pytest.mark.parametrize("path", ["activation", "feature_tokens"])
def test_csv_has_the_rows_of_json(path: str, served: Served) -> None:
    values = {"feature": "1"}
    text = served.get(f"/activations/{path}.csv", **values, _size="max").text
    rows = served.rows(path, **values, _size="max")
    assert list(csv.DictReader(io.StringIO(text))) == [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in rows
    ]


def test_csv_streams_every_row_of_a_table(folder: Path, source: duckdb.DuckDBPyConnection) -> None:
    with serving(folder, settings={"max_returned_rows": 100, "default_page_size": 20}) as opened:
        text = opened.get("/activations/activation.csv?_stream=on").text
        found = [tuple(map(float, row)) for row in list(csv.reader(io.StringIO(text)))[1:]]
    wanted = source.cursor().execute("SELECT * FROM activation ORDER BY ALL").fetchall()
    assert len(wanted) > 300
    assert found == [pytest.approx(row, rel=1e-6) for row in wanted]


def test_a_statement_of_ones_own_takes_parameters(served: Served, source: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT feature, count(*) AS n FROM activation WHERE sae = :sae AND feature > :least GROUP BY 1 ORDER BY 1"
    wanted = "SELECT feature, count(*) AS n FROM activation WHERE sae = 1 AND feature > 3 GROUP BY 1 ORDER BY 1"
    assert served.sql(sql, sae="1", least="3") == expected(source, wanted)
    assert served.sql(sql, sae="", least="3") == []
    assert served.get(SQL_PAGE, sql=sql, sae="1", least="3").text.count("<tr") > 3


def test_what_a_page_writes_can_be_edited(served: Served) -> None:
    page = served.get(
        "/activations/token.json", text__contains="CAU", _sort="position", **({"_extra": "query"} if NEXT else {})
    ).json()
    query = page["query"]
    assert served.sql(query["sql"], **query["params"]) == served.rows("token", text__contains="CAU", _sort="position")


def test_a_long_answer_says_that_there_is_more(folder: Path) -> None:
    with serving(folder, settings={"max_returned_rows": 5, "default_page_size": 4}) as opened:
        sql = "SELECT * FROM range(20) AS r (n) ORDER BY n"
        answer = opened.get(f"{SQL_PAGE}.json", sql=sql, _shape="objects").json()
        assert answer["truncated"]
        assert [row["n"] for row in answer["rows"]] == [0, 1, 2, 3, 4]


def test_the_configuration_names_the_file_where_no_folder_is_served(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    plugins = {"plugins": {"feature-atlas-activations": {"file": "activations.duckdb"}}}
    with serving(None, **({"config": plugins} if NEXT else {"metadata": plugins})) as opened:
        assert opened.rows("corpus", _size=1)[0]["name"] == "notes/medical"
        assert opened.count("activation") > 0


def test_another_site_has_no_such_database(tmp_path: Path) -> None:
    with serving(tmp_path) as opened:
        assert "activations" not in opened.datasette.databases
