"""`atlas verify --freshness`: what monitoring is told, and by which exit code."""

import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from atlas.cli.failures import Terminated
from atlas.cli.main import cli
from ingest.jobs import run_record
from ingest.jobs.run_record import RunRecord, record_failure
from schema import SelectionError, open_atlas
from schema.freshness import check_fresh, parse_age
from schema.locking import lock_path
from tests.schema.test_locking import writer_elsewhere


@pytest.fixture
def path(empty_atlas: Path) -> Path:
    return empty_atlas


def ingested(path: Path, ago: timedelta, error: str | None = None) -> None:
    """Log an ingest that ended so long ago."""
    with open_atlas(path) as atlas, RunRecord(atlas, "ingest", {}, "cpu", idle=True) as record:
        pass
    ended = datetime.now(UTC).replace(tzinfo=None) - ago
    status = "failed" if error else "done"
    with open_atlas(path) as atlas:
        values = [ended, status, error, record.key]
        atlas.rows("UPDATE ingest_run SET finished_at = ?, status = ?, error = ? WHERE ingest_run = ?", values)


def check(path: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["verify", str(path), *options])


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90m", timedelta(minutes=90)),
        ("24h", timedelta(days=1)),
        (" 7D ", timedelta(days=7)),
        ("30s", timedelta(seconds=30)),
        ("2w", timedelta(days=14)),
    ],
)
def test_ages(text: str, age: timedelta) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "24", "h", "0h", "-1h", "1.5h", "1 h", "24hours", "9999999d"])
def test_what_is_no_age_is_wrong_usage(path: Path, text: str) -> None:
    result = check(path, "--freshness", text)
    assert result.exit_code == 2
    assert "is no age; give a number and a unit" in result.output


def test_an_ingest_within_the_age_is_fresh_and_an_older_one_stale(path: Path) -> None:
    ingested(path, timedelta(hours=5))
    assert check(path, "--freshness", "24h").output.startswith(f"{path} is fresh: the last successful ingest ended 5 h")
    stale = check(path, "--freshness", "4h")
    assert isinstance(stale.exception, SelectionError)
    assert "is stale: the last successful ingest ended 5 h ago (" in str(stale.exception)


def test_a_failed_ingest_makes_nothing_fresh(path: Path) -> None:
    with pytest.raises(SelectionError, match="no ingest has ever succeeded"):
        check_fresh(path, timedelta(days=1))
    ingested(path, timedelta(hours=30))
    ingested(path, timedelta(hours=1), error="SourceError: gone")
    with pytest.raises(SelectionError, match="30 h ago"):
        check_fresh(path, timedelta(days=1))


def test_a_job_of_the_schedule_is_asked_for_by_name(path: Path) -> None:
    ingested(path, timedelta(hours=1))
    ended = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=3)
    with open_atlas(path) as atlas:
        row = {"job": "news", "planned_at": ended, "finished_at": ended, "status": "done"}
        columns = "0 AS scheduled_run, $job AS job, $planned_at AS planned_at, $finished_at AS finished_at"
        atlas.rows(
            f"INSERT INTO scheduled_run BY NAME SELECT {columns}, $status AS status, 1 AS attempt, 0 AS missed", row
        )
    assert "run of job news ended 3 d ago" in check(path, "--freshness", "7d", "--job", "news").output
    with pytest.raises(SelectionError, match="stale: the last successful run of job news"):
        check_fresh(path, timedelta(days=1), "news")
    with pytest.raises(SelectionError, match=r"no run of a job 'other'; it knows: news$"):
        check_fresh(path, timedelta(days=1), "other")
    with pytest.raises(SelectionError, match=r"scheduled_runs$"):
        check_fresh(path, timedelta(seconds=1))
    assert check(path, "--job", "news").exit_code == 2


def test_an_atlas_that_is_being_written_to_is_fresh_unless_its_writer_hangs(path: Path) -> None:
    with writer_elsewhere(path):
        assert "being written to by 'atlas ingest'" in check_fresh(path, timedelta(minutes=1))
        text = lock_path(path).read_text()
        lock_path(path).write_text(text.replace(f"{datetime.now(UTC):%Y}-", "2001-"))
        assert check(path, "--freshness", "24h").exit_code == 1


def test_a_failure_before_the_atlas_is_open_is_recorded_where_there_is_one(path: Path) -> None:
    missing = path.with_name("none.duckdb")
    for atlas in (path, missing):
        record_failure(atlas, "ingest", {"sources": ["a.txt"]}, "cpu", ValueError("bad"))
    assert not missing.exists()
    with open_atlas(path, read_only=True) as opened:
        assert opened.rows("SELECT status, error FROM ingest_run") == [("failed", "ValueError: bad")]


def test_a_run_whose_first_transaction_was_rolled_back_is_a_row(path: Path) -> None:
    with open_atlas(path) as atlas:
        record = RunRecord(atlas, "contrast", {}, "cpu")
        with pytest.raises(ZeroDivisionError), record, atlas.transaction():
            record.start()
            raise ZeroDivisionError("by nothing")
        assert atlas.rows("SELECT command, status, error FROM ingest_run") == [
            ("contrast", "failed", "ZeroDivisionError: by nothing")
        ]


@pytest.mark.parametrize("line", range(1, 37, 3))
def test_a_stop_that_comes_while_a_run_is_closed_leaves_it_closed(path: Path, line: int) -> None:
    """A signal's handler raises between two lines, here of the closing itself."""
    lines = 0

    def terminate(frame: Any, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line" and frame.f_code.co_filename == run_record.__file__
        if lines == line:
            sys.settrace(None)
            raise Terminated
        return terminate

    before = sys.gettrace()
    try:
        with suppress(Terminated), open_atlas(path) as atlas, RunRecord(atlas, "ingest", {}, "cpu", idle=True):
            sys.settrace(terminate)
    finally:
        sys.settrace(before)
    with open_atlas(path, read_only=True) as atlas:
        assert atlas.rows("SELECT status FROM ingest_run") in ([("done",)], [("failed",)])
