"""Datasette's SQL in DuckDB's words: what is rewritten, and that nothing inside strings, names and comments is."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.publish.activations import Description, Reference, TableDescription
from atlas.site.duckdb.database import shadow_database
from atlas.site.duckdb.translate import LONGEST_SQL, Translator, duckdb_filter_value
from queries.tokens import Kind, sql_tokens

ACTIVATION = {"sae": "SMALLINT", "feature": "INTEGER", "position": "SMALLINT", "activation": "FLOAT"}
RUN = {"run": "INTEGER", "group": "VARCHAR", "text": "VARCHAR", "started_at": "TIMESTAMP", "kept": "BOOLEAN"}
KEY = ("sae", "feature", "position")
TABLES = {
    "activation": TableDescription(9, ACTIVATION, KEY, KEY, (Reference(("sae",), "run", ("run",)),)),
    "run": TableDescription(3, RUN, ("run",), ("run",), ()),
}

PIECES = st.sampled_from(
    [
        "SELECT", " ", "\n", "feature", "[feature]", "[group]", ":p0", ":name", "= ''", "'it''s :p0 [group]'",
        '"a"":b"', "::", "1.5e3", "like", "glob", "date(text)", "escape char(92)", '""', "(", ")", ",", "'", '"', "/*",
        "$", ":", "é", "\\", "-- :p0 [group] ''\n", "/* :p0 /* [group] */ '' */", "$$ :p0 [group] $$",
        "$x$ $$ :p0 $x$", "e'\\' :p0'",
    ]
)  # fmt: skip
OPAQUE = st.one_of(
    st.text().map(lambda text: "'" + text.replace("'", "''") + "'"),
    st.text().map(lambda text: '"' + text.replace('"', '""') + 'x"'),
    st.text(st.characters(exclude_characters="\n\r")).map(lambda text: f"--{text}\n"),
    st.text().filter(lambda text: not {"*/", "/*"} & {text[place : place + 2] for place in range(len(text))}).filter(
        lambda text: not text.endswith(("*", "/")) and not text.startswith(("/", "*"))
    ).map(lambda text: f"/*{text}*/"),
    st.text().filter(lambda text: "$" not in text).map(lambda text: f"$q${text}$q$"),
)  # fmt: skip


translate = Translator(TABLES).translate


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def sql_of(sql: str, **parameters: Any) -> str:
    return translate(sql, parameters).sql


@settings(deadline=None)
@given(st.lists(PIECES).map("".join) | st.text())
def test_the_tokens_of_a_text_are_the_text(sql: str) -> None:
    assert "".join(token.text for token in sql_tokens(sql)) == sql


@settings(deadline=None)
@given(st.lists(OPAQUE, min_size=1, max_size=5))
def test_strings_names_and_comments_stay_as_they_are(pieces: list[str]) -> None:
    sql = "SELECT " + " , ".join(pieces)
    assert sql_of(sql) == sql
    kinds = {token.kind for token in sql_tokens(sql)}
    assert kinds <= {Kind.WORD, Kind.SPACE, Kind.SYMBOL, Kind.STRING, Kind.QUOTED}


@settings(deadline=None)
@given(st.lists(OPAQUE, max_size=3), st.lists(OPAQUE, max_size=3))
def test_a_parameter_between_them_is_found(before: list[str], after: list[str]) -> None:
    sql = f"SELECT {''.join(f'{piece} ' for piece in before)} :p0 {''.join(f'{piece} ' for piece in after)}"
    found = translate(sql, {"p0": 1, "p1": 2})
    assert found.parameters == {"p0": 1}
    assert found.sql == sql.replace(" :p0 ", " $p0 ", 1) or found.sql.count("$p0") >= 1


@settings(deadline=None)
@given(st.text())
def test_a_string_means_the_same_to_duckdb(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    text = text.replace("\0", "")
    literal = "'" + text.replace("'", "''") + "'"
    assert connection.execute(sql_of(f"SELECT {literal} AS [group]")).fetchall() == [(text,)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT [group], x[1], [1, 2], l[run], ['a']", "SELECT \"group\", x[1], [1, 2], l[run], ['a']"),
        ("SELECT * FROM [run] WHERE [group]>1", 'SELECT * FROM "run" WHERE "group">1'),
        ("SELECT l[1:run], {'a':run}, a:run, x::VARCHAR", "SELECT l[1:run], {'a':run}, a:run, x::VARCHAR"),
        ('SELECT "" FROM run', "SELECT '' FROM run"),
        ("SELECT 1 FROM run WHERE kept = ''", "SELECT 1 FROM run WHERE CAST(kept AS VARCHAR) = ''"),
        ("SELECT 1 FROM run WHERE r.text = ''", "SELECT 1 FROM run WHERE r.text = ''"),
        ('SELECT 1 FROM run WHERE text glob "????-*"', "SELECT 1 FROM run WHERE CAST(text AS VARCHAR) glob '????-*'"),
        ("SELECT 1 FROM run WHERE text LIKE 'A%'", "SELECT 1 FROM run WHERE CAST(text AS VARCHAR) LIKE 'A%'"),
        ("SELECT date(other)", "SELECT CAST(TRY_CAST(CAST(other AS VARCHAR) AS DATE) AS VARCHAR)"),
        ("SELECT date(a, b), date()", "SELECT date(a, b), date()"),
        ("SELECT 'a' like 'b' escape char(92)", "SELECT 'a' like 'b' escape '\\'"),
    ],
)
def test_what_is_rewritten(sql: str, expected: str) -> None:
    assert sql_of(sql).replace("\\' ", "\\'").rstrip() == expected


@pytest.mark.parametrize(
    ("condition", "value", "expected", "bound"),
    [
        ("feature = :p0", "5", "feature = $p0", 5),
        ("feature > :p0", "5.5", "feature > $p0", 5.5),
        ("feature = :p0", "many", "feature = $p0", None),
        ("feature != :p0", "many", "feature != CAST($p0 AS DOUBLE)", "nan"),
        ("activation >= :p0", "0.1", "activation >= CAST($p0 AS FLOAT)", "0.1"),
        ("feature not in (:p0)", "5", "feature not in (CAST($p0 AS DOUBLE))", 5),
        ('"feature" like :p0', "%1%", 'CAST("feature" AS VARCHAR) ILIKE $p0', "%1%"),
        ("feature = :mine", "5", "feature = $mine", "5"),
        ("feature like :mine", "5", "CAST(feature AS VARCHAR) like $mine", "5"),
        ("f.feature = :p0", "5", "f.feature = $p0", "5"),
    ],
)
def test_a_filters_value_takes_the_type_of_its_column(condition: str, value: str, expected: str, bound: Any) -> None:
    found = translate(f"SELECT 1 FROM activation WHERE {condition}", {"p0": value, "mine": value, "x": 1})
    assert found.sql == f"SELECT 1 FROM activation WHERE {expected}"
    assert list(found.parameters.values() if isinstance(found.parameters, dict) else ()) == [bound]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("order by activation limit 11", 'order by activation, "sae", "feature", "position" limit 11'),
        ("order by [activation] desc limit 11", 'order by "activation" desc, "sae", "feature", "position" limit 11'),
        ("where sae = 1 order by sae limit 3 ", 'where sae = 1 order by sae, "sae", "feature", "position" limit 3 '),
        ("order by other limit 11", "order by other limit 11"),
        ("group by activation order by activation limit 11", "group by activation order by activation limit 11"),
        ("order by activation, sae limit 11", "order by activation, sae limit 11"),
    ],
)  # fmt: skip
def test_pages_that_tie_are_told_apart_by_the_key(sort: str, expected: str) -> None:
    columns = "sae, feature, position, activation"
    assert sql_of(f"select {columns} from activation {sort}") == f"select {columns} from activation {expected}"
    assert sql_of(f"select sae, activation from activation {sort}").endswith(sql_of(sort))


@pytest.mark.parametrize(
    ("following", "expected"),
    [
        ("order by sae, feature, position limit 11", "limit 11"),
        ("where sae = 1 order by [sae], feature, position limit 11", "where sae = 1 limit 11"),
        ("order by feature, sae, position limit 11", "order by feature, sae, position limit 11"),
        ("order by sae, feature limit 11", "order by sae, feature limit 11"),
        (
            "where sae in (select run from run) order by sae, feature, position limit 11",
            "where sae in (select run from run) order by sae, feature, position limit 11",
        ),
    ],
)
def test_what_is_stored_in_order_is_not_sorted_again(following: str, expected: str) -> None:
    assert sql_of(f"select feature from activation {following}") == f"select feature from activation {expected}"


def test_an_empty_field_of_a_form_is_no_value_but_an_empty_filter_is() -> None:
    sql = "SELECT 1 FROM run WHERE text = :mine AND text = :p0"
    assert translate(sql, {"mine": "", "p0": ""}, blank_is_null=True).parameters == {"mine": None, "p0": ""}
    assert translate(sql, {"mine": "", "p0": ""}).parameters == {"mine": "", "p0": ""}


def test_parameters_by_place_stay_in_place() -> None:
    found = translate("SELECT text FROM run WHERE run IN (?, ?)", [1, 2])
    assert (found.sql, found.parameters) == ("SELECT text FROM run WHERE run IN (?, ?)", [1, 2])


def test_what_cannot_be_translated_says_so() -> None:
    with pytest.raises(sqlite3.OperationalError, match="no value for the parameter :mine"):
        translate("SELECT :mine", {})
    with pytest.raises(sqlite3.OperationalError, match="longer than"):
        translate("SELECT '" + "x" * LONGEST_SQL + "'", {})


@pytest.mark.parametrize("text", ["$a$b" * 40_000, "'" * 150_001, "/*" * 80_000, "[" * 150_000, ":a" * 80_000])
def test_a_hostile_text_takes_no_time(text: str) -> None:
    assert "".join(token.text for token in sql_tokens(text)) == text


@settings(deadline=None)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_number_keeps_its_value(number: float) -> None:
    assert duckdb_filter_value(repr(number), "FLOAT") == repr(number)


def test_the_shadow_has_the_schema_and_takes_no_row() -> None:
    connection = shadow_database(Description("f", TABLES))
    keys = {row[1]: row[5] for row in connection.execute("PRAGMA table_info(activation)") if row[5]}
    assert list(keys) == list(KEY)
    assert [row[2:5] for row in connection.execute("PRAGMA foreign_key_list(activation)")] == [("run", "sae", "run")]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("INSERT INTO run (run) VALUES (1)")
    connection.close()
