"""The row of a run: what it says in the end, also where its closing does not go as it should."""

from pathlib import Path
from typing import Any

import pytest

from ingest.jobs.runs import RunRecord
from schema import Atlas, AtlasFileError, open_atlas


@pytest.fixture
def path(tmp_path: Path) -> Path:
    open_atlas(tmp_path / "atlas.duckdb", create=True).close()
    return tmp_path / "atlas.duckdb"


def runs(path: Path) -> list[tuple[Any, ...]]:
    with open_atlas(path) as atlas:
        return atlas.rows("SELECT status, error FROM ingest_run")


def begin(atlas: Atlas, record: RunRecord) -> None:
    with atlas.transaction():
        record.start()


def refuse_once(record: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full when the run is closed, and has room again before the file is."""
    finish = record._finish

    def refused(status: str, error: str | None) -> None:
        monkeypatch.setattr(record, "_finish", finish)
        raise AtlasFileError("the disk is full")

    monkeypatch.setattr(record, "_finish", refused)


def test_a_run_that_could_not_be_closed_as_failed_keeps_its_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(ValueError, match="true"),
        open_atlas(path) as atlas,
        RunRecord(atlas, "ingest", {}, "cpu") as record,
    ):
        begin(atlas, record)
        refuse_once(record, monkeypatch)
        raise ValueError("the true cause")
    assert runs(path) == [("failed", "ValueError: the true cause")]


def test_a_run_that_could_not_be_closed_as_done_says_why(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AtlasFileError), open_atlas(path) as atlas, RunRecord(atlas, "ingest", {}, "cpu") as record:
        begin(atlas, record)
        refuse_once(record, monkeypatch)
    assert runs(path) == [("failed", "AtlasFileError: the disk is full")]


def test_a_run_that_nobody_closed_is_closed_with_the_file(path: Path) -> None:
    with open_atlas(path) as atlas:
        begin(atlas, RunRecord(atlas, "ingest", {}, "cpu"))
    assert runs(path) == [("failed", "interrupted")]


def test_a_file_is_released_whatever_comes_before(path: Path) -> None:
    atlas = open_atlas(path)
    atlas.before_close.append(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        atlas.close()
    assert runs(path) == []
