"""The limit of memory: how it is spelled, what of it is DuckDB's, where the rest lies, and that rows are the same."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.statistics.sums import sum_corpora
from schema import Atlas, MemoryLimitError, open_atlas
from schema.memory import (
    DEFAULT_SHARE,
    FILE_BYTES,
    GROWN,
    LEAST,
    PASSING,
    GrowingFile,
    duckdb_settings,
    duckdb_share,
    lent_by_duckdb,
    limit_process_memory,
    machine_memory,
    memory_limit,
    parse_size,
    renew_duckdb_share,
    resident_bytes,
    size_text,
)

SUMS = ("sae_corpus", "feature_document", "feature_corpus", "feature_histogram", "feature_token", "feature_example")
SHOWN = (1 << 30) // 10
"""Bytes that DuckDB leaves out where it shows gigabytes."""
HOLD = """
import sys
from schema import open_atlas
atlas = open_atlas(sys.argv[1], read_only=True)
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True, scope="module")
def two_threads() -> Iterator[None]:
    """DuckDB's threads keep each other from room, so that here there are two, as in most other places there are not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "2")
        yield


@given(st.integers(1, 10**15))
def test_a_size_is_read_as_it_is_shown_and_never_less(size: int) -> None:
    assert size <= parse_size(size_text(size)) <= max(size * 1.11, size + 1e6)


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * 10**9), (" 1.5 gib ", 3 << 29), ("800MB", 8 * 10**8), ("7B", 7), ("143.0 MiB", 143 << 20)],
)
def test_sizes_are_spelled_as_elsewhere(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "2", "GB", "-1GB", "2 gigabytes", "1e9B", "2GB.", "٢GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="2GB or 800MB"):
        parse_size(text)


def test_the_default_is_below_half_of_the_machine() -> None:
    assert memory_limit() == int(DEFAULT_SHARE * machine_memory()) < machine_memory() / 2


def share_of(atlas: Atlas) -> int:
    return setting_of(atlas.duckdb)


def setting_of(connection: duckdb.DuckDBPyConnection) -> int:
    return parse_size(str(connection.execute("SELECT current_setting('memory_limit')").fetchall()[0][0]))


def test_duckdb_gets_what_the_process_leaves(tiny_copy: Path) -> None:
    with limit_process_memory(resident_bytes() + PASSING + (300 << 20)), open_atlas(tiny_copy) as atlas:
        given = share_of(atlas)
        assert (250 << 20) < given < (350 << 20)
        assert atlas.rows("SELECT current_setting('threads')")[0][0] <= 3


@pytest.mark.parametrize(("said", "threads"), [("1", 1), ("2,1", 2), ("9999", 3), ("0", 3), ("", 3), ("many", 3)])
def test_omp_num_threads_bounds_duckdb_too(said: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    with limit_process_memory(resident_bytes() + PASSING + (1 << 30)):
        assert duckdb_settings()["threads"] == threads


def test_of_a_long_file_room_is_left_for_what_duckdb_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "long.duckdb"
    with path.open("wb") as file:
        file.truncate(8 << 30)
    with limit_process_memory(parse_size("6GB")):
        short, long = (parse_size(str(duckdb_settings(at)["memory_limit"])) for at in (tmp_path / "none", path))
    assert short - long == pytest.approx((8 << 30) / FILE_BYTES, rel=0.05)
    with limit_process_memory(resident_bytes() + PASSING + LEAST + (20 << 20)):
        assert parse_size(str(duckdb_settings(path)["memory_limit"])) == LEAST


def test_what_a_process_has_come_to_hold_is_taken_from_duckdb(tiny_copy: Path) -> None:
    with limit_process_memory(resident_bytes() + PASSING + (700 << 20)), open_atlas(tiny_copy) as atlas:
        renew_duckdb_share(atlas.duckdb)
        before, held = share_of(atlas), np.ones(300 << 20, np.uint8)
        renew_duckdb_share(atlas.duckdb)
        assert before - share_of(atlas) == pytest.approx(len(held), rel=0.2)
        limit_left = np.ones(600 << 20, np.uint8)
        renew_duckdb_share(atlas.duckdb)
        assert share_of(atlas) == pytest.approx(LEAST, rel=0.05)
        assert len(limit_left)


def test_room_is_made_for_what_duckdb_does_not_count_of_a_file_that_grows(tiny_copy: Path, tmp_path: Path) -> None:
    path = tmp_path / "grows"
    path.touch()
    with limit_process_memory(resident_bytes() + PASSING + (900 << 20)), open_atlas(tiny_copy) as opened:
        atlas = replace(opened, file=GrowingFile(path))
        first = share_of(atlas)
        for length in (GROWN - 1, GROWN, 4 << 30, 4 << 30, 1 << 40):
            os.truncate(path, length)
            with atlas.transaction():
                given = share_of(atlas)
            expected = max(LEAST, first - (length // FILE_BYTES if length >= GROWN else 0))
            assert given == pytest.approx(expected, abs=1 << 20)


def test_a_share_of_gigabytes_loses_what_the_file_grew_by_and_no_more(tiny_copy: Path, tmp_path: Path) -> None:
    path = tmp_path / "grows"
    path.touch()
    with limit_process_memory(resident_bytes() + PASSING + (3 << 30)), open_atlas(tiny_copy) as opened:
        atlas = replace(opened, file=GrowingFile(path))
        first = share_of(atlas)
        for step in range(1, 21):
            os.truncate(path, step * GROWN)
            with atlas.transaction():
                pass
        assert first - share_of(atlas) == pytest.approx(20 * GROWN / FILE_BYTES, abs=SHOWN)


def test_where_duckdb_cannot_give_room_now_it_does_later(tmp_path: Path) -> None:
    path = tmp_path / "grows"
    path.touch()
    room = GrowingFile(path)
    with duckdb.connect(config={"temp_directory": "", "memory_limit": "400MB"}) as connection:
        connection.execute("CREATE TABLE held AS SELECT random() AS a, random() AS b FROM range(16_000_000)")
        held = setting_of(connection)
        os.truncate(path, 4 << 30)
        room.make_room(connection)
        assert setting_of(connection) == held
        connection.execute("DROP TABLE held")
        room.make_room(connection)
        assert setting_of(connection) < held


def test_an_open_atlas_knows_its_own_file(tiny_copy: Path) -> None:
    with open_atlas(tiny_copy) as atlas:
        assert atlas.file
    with open_atlas(tiny_copy, read_only=True) as atlas:
        assert not atlas.file


@pytest.mark.parametrize("room", [LEAST, LEAST + (300 << 20)])
def test_what_duckdb_lends_it_has_back_afterwards(tiny_copy: Path, room: int) -> None:
    with limit_process_memory(resident_bytes() + PASSING + room + (40 << 20)), open_atlas(tiny_copy) as atlas:
        before = share_of(atlas)
        with pytest.raises(KeyError), lent_by_duckdb(atlas.duckdb) as lent:
            assert share_of(atlas) + lent == pytest.approx(before, rel=0.01)
            assert share_of(atlas) == pytest.approx(max(LEAST, before / 2), rel=0.01)
            raise KeyError
        assert share_of(atlas) == pytest.approx(before, rel=0.01)


def test_what_is_lent_again_and_again_is_not_lost(tiny_copy: Path) -> None:
    with limit_process_memory(resident_bytes() + PASSING + (3 << 30)), open_atlas(tiny_copy) as atlas:
        before = share_of(atlas)
        for _ in range(8):
            with lent_by_duckdb(atlas.duckdb):
                assert share_of(atlas) < before
        assert before - share_of(atlas) <= SHOWN


def test_a_limit_that_is_too_small_says_what_is_enough(tiny_copy: Path) -> None:
    with limit_process_memory(100 << 20), pytest.raises(MemoryLimitError, match="is too small") as caught:
        open_atlas(tiny_copy)
    found = re.search(r"atlas --memory (\S+) \.\.\.$", str(caught.value))
    assert found
    with limit_process_memory(parse_size(found[1])), open_atlas(tiny_copy):
        assert duckdb_share() >= LEAST


def spills(atlas: Path) -> list[Path]:
    return sorted(atlas.parent.glob(f".{atlas.name}.spill-*"))


def test_the_folder_for_what_does_not_fit_goes_with_the_last_who_uses_it(tiny_copy: Path) -> None:
    with open_atlas(tiny_copy, read_only=True) as first:
        (folder,) = spills(tiny_copy)
        with open_atlas(tiny_copy, read_only=True) as second:
            assert spills(tiny_copy) == [folder]
            for atlas in (first, second):
                assert atlas.rows("SELECT current_setting('temp_directory')") == [(str(folder),)]
        assert spills(tiny_copy) == [folder]
    assert spills(tiny_copy) == []


def test_what_a_killed_process_left_is_cleared_away_and_what_another_uses_is_not(tiny_copy: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tiny_copy)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    (theirs,) = spills(tiny_copy)
    (theirs / "block").write_text("spilled")
    with open_atlas(tiny_copy, read_only=True):
        assert theirs in spills(tiny_copy)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert spills(tiny_copy) == [theirs]
    open_atlas(tiny_copy, read_only=True).close()
    assert spills(tiny_copy) == []


def test_a_folder_that_takes_no_other_is_no_hindrance(tiny_copy: Path) -> None:
    name = tiny_copy.with_name("a" * 240 + ".duckdb")  # with more at its end, the name is too long
    shutil.move(tiny_copy, name)
    with open_atlas(name, read_only=True) as atlas:
        assert atlas.rows("SELECT current_setting('temp_directory')") == [("",)]


def add_many(atlas: Atlas, features: int) -> None:
    """Let so many features more fire on every token, and sum nothing yet."""
    atlas.rows(
        f"""
        INSERT INTO activation BY NAME
        SELECT 0 AS sae, feature, context, position,
          0.5 + CAST(hash(feature, context, position) % 4093 AS REAL) / 97 AS activation
        FROM token
        CROSS JOIN range(1_000, 1_000 + {features}) AS features (feature)
        ORDER BY context, position, feature
        """
    )
    atlas.rows("UPDATE coverage SET summed = false")
    for name in SUMS:
        atlas.rows(f"DELETE FROM {name}")


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(features=st.integers(1_000, 1_500), megabytes=st.integers(26, 40))
def test_the_same_rows_come_of_little_memory_as_of_much(
    tiny_copy: Path, tmp_path: Path, features: int, megabytes: int
) -> None:
    found: list[dict[str, pd.DataFrame]] = []
    for limit in ("4GB", f"{megabytes}MB"):
        with open_atlas(shutil.copy(tiny_copy, tmp_path / "filled.duckdb")) as atlas:
            add_many(atlas, features)
            atlas.rows("SET threads = 1")
            atlas.rows(f"SET memory_limit = '{limit}'")
            list(sum_corpora(atlas))
            found.append({name: atlas.arrow(f"SELECT * FROM {name} ORDER BY ALL").to_pandas() for name in SUMS})
    for name in SUMS:
        pd.testing.assert_frame_equal(found[0][name], found[1][name], rtol=1e-9, atol=1e-9)
