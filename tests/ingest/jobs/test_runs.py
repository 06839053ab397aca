"""The row of a run: what it says in the end, also where its closing does not go as it should."""

import resource
from pathlib import Path
from typing import Any

import pytest

from ingest.jobs.run_record import RunRecord
from schema import Atlas, AtlasFileError, open_atlas


@pytest.fixture
def path(empty_atlas: Path) -> Path:
    return empty_atlas


def runs(path: Path) -> list[tuple[Any, ...]]:
    with open_atlas(path) as atlas:
        return atlas.rows("SELECT status, error FROM ingest_run")


def begin(atlas: Atlas, record: RunRecord) -> None:
    with atlas.transaction():
        record.start()


def fill_disk(atlas: Atlas) -> None:
    """From now on no file of this process grows, until the atlas is about to be closed."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    atlas.before_close.append(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))


def test_a_run_that_could_not_be_closed_as_failed_keeps_its_error(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        pytest.raises(ValueError, match="true"),
        open_atlas(path) as atlas,
        RunRecord(atlas, "ingest", {}, "cpu") as record,
    ):
        begin(atlas, record)
        fill_disk(atlas)
        raise ValueError("the true cause")
    assert "that ingest failed could not be recorded" in caplog.text
    assert runs(path) == [("failed", "ValueError: the true cause")]


def test_a_run_that_could_not_be_closed_as_done_says_why(path: Path) -> None:
    with (
        pytest.raises(AtlasFileError, match="make room") as caught,
        open_atlas(path) as atlas,
        RunRecord(atlas, "ingest", {}, "cpu") as record,
    ):
        begin(atlas, record)
        fill_disk(atlas)
    assert runs(path) == [("failed", f"AtlasFileError: {caught.value}")]


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
