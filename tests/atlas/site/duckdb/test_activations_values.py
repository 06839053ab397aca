"""Values of every DuckDB type as pages, JSON and CSV have them, and rows that read like sqlite3.Row."""

import json
import math
import struct
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.site.duckdb.values import duckdb_answer_rows, duckdb_value_converter, json_value

CASES = [
    ("NULL", None),
    ("true", 1),
    ("CAST(7 AS UTINYINT)", 7),
    ("CAST(9223372036854775807 AS HUGEINT)", 9223372036854775807),
    ("CAST(9223372036854775808 AS HUGEINT)", "9223372036854775808"),
    ("-CAST(9223372036854775809 AS HUGEINT)", "-9223372036854775809"),
    ("CAST(0.1 AS FLOAT)", 0.1),
    ("CAST(16777216 AS FLOAT)", 16777216.0),
    ("CAST(3.4028235e38 AS FLOAT)", 3.4028235e38),
    ("CAST('nan' AS FLOAT)", None),
    ("CAST('inf' AS DOUBLE)", None),
    ("CAST(0.1 AS DOUBLE) + 0.2", 0.1 + 0.2),
    ("CAST(1.50 AS DECIMAL(9, 2))", 1.5),
    ("CAST(3 AS DECIMAL(9, 2))", 3),
    ("'crème ␀ \U0001f600'", "crème ␀ \U0001f600"),
    ("CAST('\\x00\\xFF' AS BLOB)", b"\x00\xff"),
    ("DATE '2026-01-06'", "2026-01-06"),
    ("TIME '08:00:00.250'", "08:00:00.25"),
    ("TIMESTAMP '2026-01-06 08:00:00.250'", "2026-01-06 08:00:00.25"),
    ("TIMESTAMP '2026-01-06 08:00:00'", "2026-01-06 08:00:00"),
    ("INTERVAL 3 DAY", "3 days, 0:00:00"),
    ("CAST('5c4ea6b0-8a3c-4a9b-9d37-0f3f3c2f2f11' AS UUID)", "5c4ea6b0-8a3c-4a9b-9d37-0f3f3c2f2f11"),
    ("[1, 2, NULL]", "[1, 2, null]"),
    ("[0.5, CAST('nan' AS DOUBLE)]", "[0.5, null]"),
    ("[DATE '2026-01-06']", '["2026-01-06"]'),
    ("{'a': 1, 'b': [true]}", '{"a": 1, "b": [true]}'),
    ("MAP {'k': 1}", '{"k": 1}'),
    ("""CAST('{"a": 1}' AS JSON)""", '{"a": 1}'),
    ("CAST('a' AS ENUM ('a', 'b'))", "a"),
    ("CAST('101' AS BIT)", "101"),
]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def sent(value: Any) -> Any:
    """A value after its way through JSON."""
    return duckdb_answer_rows(["x"], json.loads(json.dumps([[value]], allow_nan=False)))[0][0]


@pytest.mark.parametrize(("sql", "expected"), CASES)
def test_a_value_of_each_type(sql: str, expected: Any, connection: duckdb.DuckDBPyConnection) -> None:
    cursor = connection.cursor().execute(f"SELECT {sql} AS x")
    found = sent(duckdb_value_converter(str(cursor.description[0][1]))(cursor.fetchall()[0][0]))
    assert found == expected
    assert type(found) is type(expected)


@settings(deadline=None)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_32_bit_float_is_named_by_the_shortest_decimal(number: float) -> None:
    named = duckdb_value_converter("FLOAT")(number)
    assert struct.pack("f", named) == struct.pack("f", number)
    digits = len(repr(abs(named)).replace(".", "").split("e")[0].strip("0"))
    assert digits <= 9


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
def test_whatever_it_is_json_can_say_it(value: Any) -> None:
    found = sent(json_value(value))
    assert found is None or isinstance(found, int | float | str)
    assert not isinstance(found, float) or math.isfinite(found)


def test_a_row_reads_like_one_of_sqlite() -> None:
    row = duckdb_answer_rows(["a", "b", "a"], [[1, "x", 2]])[0]
    assert (row["a"], row["b"], row[2], row[-1], len(row)) == (1, "x", 2, 2, 3)
    assert list(row) == [1, "x", 2]
    assert dict(duckdb_answer_rows(["a", "b"], [[1, 2]])[0]) == {"a": 1, "b": 2}
    assert row.keys() == ["a", "b"]
    with pytest.raises(IndexError):
        row["c"]
    with pytest.raises(IndexError):
        row[3]
