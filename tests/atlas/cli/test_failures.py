"""What is said where the machine runs out of something: real errors of each library."""

import sqlite3
from collections.abc import Callable

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import torch
from sqlalchemy import create_engine, text

from atlas.cli.failures import machine_failure

TOO_MUCH = 2**50
SORT = "SELECT list(range ORDER BY hash(range)) FROM range(3_000_000)"


def small_duckdb() -> None:
    limits = {"memory_limit": "20MB", "max_temp_directory_size": "0GB"}
    duckdb.connect(config=limits).execute(SORT).fetchall()  # type: ignore[arg-type]


def small_duckdb_behind_sqlalchemy() -> None:
    with create_engine("duckdb:///:memory:").connect() as connection:
        connection.execute(text("SET memory_limit = '20MB'"))
        connection.execute(text("SET max_temp_directory_size = '0GB'"))
        connection.execute(text(SORT)).fetchall()


class Endless:
    """A stream of rows for which memory runs out while DuckDB reads it."""

    def __arrow_c_stream__(self, schema: object = None) -> object:
        return bytearray(TOO_MUCH)


def duckdb_reading_rows() -> None:
    with duckdb.connect() as connection:
        connection.register("incoming", Endless())
        connection.execute("SELECT * FROM incoming").fetchall()


@pytest.mark.parametrize(
    "exhaust",
    [
        lambda: bytearray(TOO_MUCH),
        lambda: np.zeros(TOO_MUCH),
        lambda: torch.empty(TOO_MUCH),
        lambda: pa.allocate_buffer(TOO_MUCH),
        small_duckdb,
        small_duckdb_behind_sqlalchemy,
        duckdb_reading_rows,
    ],
)
def test_memory_that_runs_out_is_one_line(exhaust: Callable[[], object]) -> None:
    with pytest.raises(Exception) as caught:
        exhaust()
    said = machine_failure(caught.value)
    assert said is not None
    assert said.startswith("memory ran out (")
    assert "\n" not in said


def test_a_full_sqlite_file_is_a_full_disk() -> None:
    with pytest.raises(sqlite3.OperationalError) as caught, sqlite3.connect(":memory:") as connection:
        connection.execute("PRAGMA max_page_count = 2")
        connection.execute("CREATE TABLE t AS SELECT randomblob(100000)")
    said = machine_failure(caught.value)
    assert said is not None
    assert said.startswith("the disk is full (")


def test_a_fault_of_the_program_is_none_of_these() -> None:
    assert machine_failure(ValueError("out of range")) is None
    assert machine_failure(RuntimeError("shapes do not match")) is None
    assert machine_failure(sqlite3.OperationalError("no such table: t")) is None
