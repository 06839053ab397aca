"""Opening an atlas file, its transactions, and what is refused."""

import os
import shutil
import subprocess
import sys
import textwrap
import weakref
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy.exc import DBAPIError

from atlas.cli.failures import machine_failure
from schema import (
    Atlas,
    AtlasDamagedError,
    AtlasError,
    AtlasFileError,
    AtlasLockedError,
    AtlasMissingError,
    open_atlas,
    tables,
)


@pytest.fixture
def atlas(tmp_path: Path) -> Atlas:
    return open_atlas(tmp_path / "atlas.duckdb", create=True)


def add_corpus(atlas: Atlas, name: str) -> None:
    atlas.rows("INSERT INTO corpus VALUES (?, ?, 'general')", [atlas.next_key(tables.corpus), name])


def corpora(atlas: Atlas) -> list[str]:
    return [row[0] for row in atlas.rows("SELECT name FROM corpus ORDER BY corpus")]


def refusal(path: Path, kind: type[AtlasError]) -> str:
    """The message with which a file is refused, alike with and without `create`."""
    with pytest.raises(kind) as caught:
        open_atlas(path, create=True)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_made_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "atlas.duckdb"
    with pytest.raises(AtlasMissingError, match="atlas ingest"):
        open_atlas(path)
    assert not path.exists()
    open_atlas(path, create=True).close()
    open_atlas(path).close()


@pytest.mark.parametrize("name", ["a?b=1.duckdb", "50%20 off.duckdb", "it's #1 & é:@.duckdb", "no_suffix", "'; --"])
def test_any_file_name_is_that_file(tmp_path: Path, name: str) -> None:
    open_atlas(tmp_path / name, create=True).close()
    assert [file.name for file in tmp_path.iterdir()] == [name]
    with open_atlas(tmp_path / name, read_only=True) as atlas:
        assert corpora(atlas) == []


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "a folder" in refusal(tmp_path, AtlasFileError)


def test_what_is_no_regular_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for create in (False, True):
        with pytest.raises(AtlasFileError, match=r"is no regular file; name a file such as atlas\.duckdb"):
            open_atlas(tmp_path / "pipe", create=create)
    assert (tmp_path / "pipe").is_fifo()
    assert not (tmp_path / "pipe.lock").exists()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlasFileError, match="make the folder first"):
        open_atlas(tmp_path / "no" / "atlas.duckdb", create=True)


def test_a_name_that_the_system_refuses_is_one_line(tmp_path: Path) -> None:
    assert "name" in refusal(tmp_path / ("x" * 300), AtlasFileError)


@pytest.mark.parametrize("content", [b"x", b"SQLite format 3\0" * 9, b"{}\n", bytes(5000)])
def test_another_kind_of_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert "no DuckDB file" in refusal(path, AtlasDamagedError)
    assert path.read_bytes() == content


def test_an_empty_file_is_a_new_atlas_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "atlas.duckdb"
    path.touch()
    with pytest.raises(AtlasDamagedError, match="empty"):
        open_atlas(path)
    with open_atlas(path, create=True) as atlas:
        assert corpora(atlas) == []


@pytest.mark.parametrize("empty", [True, False])
def test_through_a_link_an_atlas_is_made_where_the_link_says(tmp_path: Path, empty: bool) -> None:
    link, target = tmp_path / "atlas.duckdb", tmp_path / "big" / "atlas.duckdb"
    target.parent.mkdir()
    link.symlink_to("big/atlas.duckdb")
    if empty:
        target.touch()
    open_atlas(link, create=True).close()
    assert link.is_symlink()
    assert sorted(tmp_path.rglob("*")) == [link, target.parent, target]
    open_atlas(target, read_only=True).close()


def test_a_broken_file_is_said_to_be_broken(tmp_path: Path) -> None:
    path = tmp_path / "blocks-and-locks.duckdb"
    open_atlas(path, create=True).close()
    content = bytearray(path.read_bytes())
    path.write_bytes(content[: len(content) // 9])
    assert "broken" in refusal(path, AtlasDamagedError)
    content[4096:12288] = bytes(8192)
    path.write_bytes(content)
    assert "broken" in refusal(path, AtlasDamagedError)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE other (x INTEGER)",
        "CREATE TABLE migration (x INTEGER)",
        "CREATE VIEW other AS SELECT 1 AS x",
        "CREATE SCHEMA there; CREATE TABLE there.other (x INTEGER)",
    ],
)
def test_a_foreign_duckdb_file_is_refused_and_left_alone(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as other:
        other.execute(statement)
    before = path.read_bytes()
    assert "no atlas" in refusal(path, AtlasDamagedError)
    assert path.read_bytes() == before


def test_a_file_open_in_another_process_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "atlas.duckdb"
    open_atlas(path, create=True).close()
    script = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert "another process" in refusal(path, AtlasLockedError)
        holder.communicate()
    open_atlas(path).close()


def test_a_transaction_happens_or_does_not(atlas: Atlas) -> None:
    with atlas, atlas.transaction():
        add_corpus(atlas, "kept")
    with open_atlas(atlas.path) as again:
        with pytest.raises(ZeroDivisionError), again.transaction():
            add_corpus(again, "gone")
            assert corpora(again) == ["kept", "gone"]
            raise ZeroDivisionError
        assert corpora(again) == ["kept"]
        assert again.next_key(tables.corpus) == 1


def test_both_connections_are_in_one_transaction(atlas: Atlas) -> None:
    with atlas, atlas.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO corpus VALUES (0, 'small', 'general')")
        atlas.append(tables.corpus, pa.table({"domain": ["general"], "name": ["bulk"], "corpus": [1]}))
        assert corpora(atlas) == ["small", "bulk"]
        connection.rollback()
    with open_atlas(atlas.path) as again:
        assert corpora(again) == []


def test_what_is_not_committed_is_gone_when_closed(atlas: Atlas) -> None:
    atlas.connection.begin()
    add_corpus(atlas, "gone")
    atlas.close()
    with open_atlas(atlas.path) as again:
        assert corpora(again) == []


LITTLE = 100_000  # bytes: less than a block


def leave_little_memory(atlas: Atlas) -> None:
    """Let DuckDB have hardly more memory than it has now; told from outside the transaction under way."""
    with atlas.duckdb.cursor() as beside:
        (used,) = beside.execute("SELECT SUM(memory_usage_bytes) FROM duckdb_memory()").fetchall()[0]
        for limit in range(int(used), int(used) + 2**23, 2**16):
            try:
                beside.execute(f"SET memory_limit = '{limit}B'")
            except duckdb.OutOfMemoryException:
                continue
            beside.execute(f"SET memory_limit = '{limit + LITTLE}B'")
            return


@pytest.mark.parametrize("reopened", [False, True])
def test_a_commit_that_memory_ran_out_for_leaves_no_key_behind(tmp_path: Path, reopened: bool) -> None:
    keys = "INSERT INTO prompt_filter SELECT range, 'term', 1, NULL, NULL FROM range({}, {})"
    path = tmp_path / "atlas.duckdb"
    atlas = open_atlas(path, create=True)
    atlas.rows("SET temp_directory = ''")
    with atlas.transaction():
        atlas.rows(keys.format(5_000, 5_010))
    with pytest.raises(DBAPIError, match="Failed to commit") as caught, atlas.transaction():
        atlas.rows(keys.format(0, 3_000))
        leave_little_memory(atlas)
    assert (machine_failure(caught.value) or "").startswith("memory ran out (")
    atlas.rows("RESET memory_limit")
    if reopened:
        atlas.close()
        atlas = open_atlas(path)
    with atlas.transaction():
        atlas.rows(keys.format(0, 3_000))
    assert atlas.rows("SELECT COUNT(*) FROM prompt_filter") == [(3_010,)]
    atlas.close()


def test_a_closed_file_is_one_file(tmp_path: Path) -> None:
    with open_atlas(tmp_path / "atlas.duckdb", create=True) as atlas, atlas.transaction():
        add_corpus(atlas, "news")
    assert [path.name for path in tmp_path.iterdir()] == ["atlas.duckdb"]


def test_the_first_error_is_the_one_that_is_told(atlas: Atlas) -> None:
    rows = pa.table({"corpus": [0, 0], "name": ["one", "two"], "domain": ["x", "x"]})
    with pytest.raises(duckdb.ConstraintException), atlas.transaction():
        atlas.append(tables.corpus, rows)
    with atlas.transaction():
        atlas.append(tables.corpus, rows.slice(1))
    assert corpora(atlas) == ["two"]


def test_registered_rows_are_seen_inside_only(atlas: Atlas) -> None:
    with atlas:
        with atlas.registered(numbers=pa.table({"n": [1, 2, 3]})):
            assert atlas.rows("SELECT SUM(n) FROM numbers") == [(6,)]
            assert atlas.arrow("SELECT n FROM numbers WHERE n > $least", {"least": 1})["n"].to_pylist() == [2, 3]
        with pytest.raises(duckdb.CatalogException):
            atlas.rows("SELECT * FROM numbers")


def test_what_was_registered_is_free_before_its_transaction_ends(atlas: Atlas) -> None:
    with atlas.transaction():
        for _ in range(2):
            values = np.arange(1_000_000)
            held = weakref.ref(values)
            with atlas.registered(lent=pa.table({"x": values})):
                del values
                assert atlas.rows("SELECT SUM(x) FROM lent") == [(499_999_500_000,)]
            assert held() is None


def test_read_only_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "atlas.duckdb"
    open_atlas(path, create=True).close()
    before = path.read_bytes()
    with open_atlas(path, read_only=True) as atlas, pytest.raises(duckdb.InvalidInputException):
        add_corpus(atlas, "refused")
    open_atlas(path).close()
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", ["this", "an earlier one"])
def test_what_was_committed_through_a_link_is_there_by_either_name(
    tmp_path: Path, empty_built: Path, version: str
) -> None:
    real = tmp_path / "big" / "atlas.duckdb"
    real.parent.mkdir()
    shutil.copy(empty_built, real)
    link = tmp_path / "atlas.duckdb"
    link.symlink_to(real)
    connect = "open_atlas(sys.argv[1]).duckdb" if version == "this" else "duckdb.connect(sys.argv[1])"
    script = f"""
        import os, sys, duckdb
        from schema import open_atlas
        {connect}.execute("INSERT INTO model BY NAME SELECT 0 AS model, 'left' AS name")
        os._exit(9)  # as if killed: what was committed is in the log alone
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(link)], check=False)
    assert done.returncode == 9
    for path in (real, link) if version == "this" else (link, real):  # an earlier one has left its log beside the link
        with open_atlas(path) as atlas:
            assert atlas.rows("SELECT name FROM model") == [("left",)]
    assert not list(tmp_path.glob("*.wal"))
