"""The DuckDB file of a snapshot: every table and row, in the order in which they are read, described, and one file."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from atlas.publish import publish
from atlas.publish.activations import (
    ACTIVATIONS_FILE,
    DESCRIPTION,
    attached,
    read_published_description,
    write_firing,
)
from atlas.publish.canned_queries import published_query_name
from atlas.publish.tables import FIRING, published_tables
from queries import saved_queries
from schema import AtlasError, open_atlas
from schema.tables import metadata

TABLES = sorted(map(str, metadata.tables))
PUBLISHED = sorted([*TABLES, FIRING])


@pytest.fixture(scope="module")
def tiny(tiny: Path) -> Path:
    with open_atlas(tiny) as atlas, atlas.transaction():
        atlas.duckdb.execute("UPDATE vocabulary SET text = 'a' || chr(0) || 'b' WHERE token_id = 1")
        atlas.duckdb.execute("CREATE TEMP TABLE mixed AS FROM activation ORDER BY random()")
        atlas.duckdb.execute("DELETE FROM activation")
        atlas.duckdb.execute("INSERT INTO activation FROM mixed")
    return tiny


@pytest.fixture(scope="module")
def folder(tiny: Path) -> Path:
    return publish(tiny, tiny.parent / "site").folder


@pytest.fixture(scope="module")
def both(tiny: Path, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The snapshot's file, and the atlas beside it."""
    with duckdb.connect(str(folder / ACTIVATIONS_FILE), read_only=True) as connection:
        connection.execute(f"ATTACH '{tiny}' AS atlas (READ_ONLY)")
        yield connection


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_the_rows_of_the_atlas(table: str, both: duckdb.DuckDBPyConnection) -> None:
    columns = ", ".join(
        f"replace({column.name}, chr(0), '␀') AS {column.name}" if str(column.type) == "VARCHAR" else column.name
        for column in metadata.tables[table].columns
    )
    kept = "COLUMNS(lambda name: name <> 'label')"
    left = f"SELECT {kept} FROM {table}"
    right = f"SELECT {kept} FROM (SELECT {columns} FROM atlas.main.{table})"
    assert both.execute(f"({left}) EXCEPT ALL ({right})").fetchall() == []
    assert both.execute(f"({right}) EXCEPT ALL ({left})").fetchall() == []


@pytest.mark.parametrize("table", PUBLISHED)
def test_rows_lie_in_the_order_of_the_key(table: str, both: duckdb.DuckDBPyConnection) -> None:
    key = ", ".join(column.name for column in published_tables().tables[table].primary_key)
    assert key
    stored = both.execute(f"SELECT {key} FROM {table}").fetchall()
    assert stored == sorted(stored)
    assert len(set(stored)) == len(stored)


def test_the_long_tables_are_sorted_by_what_is_asked_for(folder: Path) -> None:
    keys = {name: table.key for name, table in read_published_description(folder / DESCRIPTION).tables.items()}
    assert keys["activation"] == ("sae", "feature", "context", "position")
    assert keys["feature_document"] == ("sae", "feature", "document")
    assert keys["token"] == ("context", "position")


def test_what_pages_cannot_show_is_shown_otherwise(both: duckdb.DuckDBPyConnection) -> None:
    assert both.execute("SELECT text FROM vocabulary WHERE token_id = 1").fetchall()[0] == ("a␀b",)
    assert both.execute("SELECT label FROM sae WHERE sae = 1").fetchall() == [("tiny/blocks.2.hook_resid_pre",)]


def test_comments_come_along(both: duckdb.DuckDBPyConnection) -> None:
    here = "WHERE database_name = 'activations'"
    tables = dict(both.execute(f"SELECT table_name, comment FROM duckdb_tables() {here}").fetchall())
    columns = both.execute(f"SELECT table_name, column_name, comment FROM duckdb_columns() {here}").fetchall()
    comments = {(table, column): comment for table, column, comment in columns}
    for table in metadata.sorted_tables:
        assert tables[table.name] == table.comment
        for column in table.columns:
            assert comments[table.name, column.name] == column.comment


def test_the_description_is_that_of_the_file(folder: Path, both: duckdb.DuckDBPyConnection) -> None:
    description = read_published_description(folder / DESCRIPTION)
    assert sorted(description.tables) == PUBLISHED
    for name, table in description.tables.items():
        assert both.execute(f"SELECT count(*) FROM {name}").fetchall() == [(table.rows,)]
        types = "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = ? AND table_name = ?"
        columns = both.execute(types, ["activations", name]).fetchall()
        assert dict(columns) == table.columns
        assert {*table.key, *table.required} <= set(table.columns)
        for reference in table.references:
            values, targets = ", ".join(reference.columns), ", ".join(reference.targets)
            whole = " AND ".join(f"{column} IS NOT NULL" for column in reference.columns)
            lost = f"(SELECT {values} FROM {name} WHERE {whole}) EXCEPT (SELECT {targets} FROM {reference.table})"
            assert both.execute(lost).fetchall() == [], (name, reference)
    assert description.fingerprint == json.loads((folder.parent.parent / "current.json").read_text())["fingerprint"]


def test_what_fires_on_each_token_is_what_activations_say(both: duckdb.DuckDBPyConnection) -> None:
    lists = both.execute("FROM firing ORDER BY ALL").fetchall()
    expected: dict[tuple[int, int, int], list[int]] = {}
    for *token, feature in both.execute(
        "SELECT sae, context, position, feature FROM activation ORDER BY ALL"
    ).fetchall():
        expected.setdefault(tuple(token), []).append(feature)
    assert lists == [(*token, features) for token, features in expected.items()]
    assert max(map(len, expected.values())) > 1


@pytest.mark.parametrize("slice_rows", [1, 7, 40])
def test_tokens_are_the_same_some_windows_at_a_time(
    tiny: Path, tmp_path: Path, both: duckdb.DuckDBPyConnection, slice_rows: int
) -> None:
    copied = shutil.copy(tiny, tmp_path / "copied.duckdb")
    with open_atlas(copied) as atlas, attached(atlas.duckdb, tmp_path / "part.duckdb"):
        rows = write_firing(atlas.duckdb, slice_rows)
    both.execute(f"ATTACH '{tmp_path / 'part.duckdb'}' AS part{slice_rows} (READ_ONLY)")
    whole, parts = (both.execute(f"FROM {name}").fetchall() for name in ("firing", f"part{slice_rows}.firing"))
    assert parts == whole
    assert rows == len(whole)


def test_it_is_one_whole_file(folder: Path) -> None:
    assert {path.name for path in folder.iterdir() if path.name.startswith("activations")} == {
        ACTIVATIONS_FILE,
        DESCRIPTION,
    }


def test_publishing_leaves_the_atlas_alone(tiny: Path, folder: Path) -> None:
    before = tiny.read_bytes()
    publish(tiny, tiny.parent / "another")
    assert tiny.read_bytes() == before
    assert not tiny.with_name("tiny.duckdb.wal").exists()


def test_datasette_is_told_of_it(folder: Path) -> None:
    inspected = json.loads((folder / "inspect-data.json").read_text())["activations"]
    assert inspected["size"] == (folder / ACTIVATIONS_FILE).stat().st_size
    assert inspected["tables"]["token"]["count"] == 121
    metadata_json = json.loads((folder / "metadata.json").read_text())
    assert metadata_json["plugins"]["feature-atlas-activations"] == {"file": ACTIVATIONS_FILE}
    assert set(metadata_json["databases"]["activations"]["tables"]) == set(PUBLISHED)
    for query in metadata_json["databases"]["activations"]["queries"].values():
        assert query["title"]
        assert query["description_html"]


def test_no_query_hides_a_table() -> None:
    assert not {published_query_name(query) for query in saved_queries().values()} & set(PUBLISHED)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"fingerprint": "x", "tables": {"a": {}}}'])
def test_a_damaged_description_says_what_to_do(content: str, tmp_path: Path) -> None:
    (tmp_path / DESCRIPTION).write_text(content)
    with pytest.raises(AtlasError, match=r"activations\.json cannot be read .*; publish again"):
        read_published_description(tmp_path / DESCRIPTION)
