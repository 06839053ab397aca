"""The `atlas` command as a process: what it says and leaves where its surroundings fail."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from schema import open_atlas
from schema.verify import verify

ROOT = Path(__file__).parent.parent


def run(command: str, limit: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `atlas COMMAND` in a shell, with what the shell does to its streams."""
    return subprocess.run(
        ["sh", "-c", f"{sys.executable} -m atlas {command}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        preexec_fn=limit,
        check=False,
    )


def limit_file_size() -> None:
    """What a full disk is to DuckDB: no file grows beyond six megabytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (6_000_000, 6_000_000))


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("query {atlas} corpus_summary > /dev/full", 1, "atlas: the output: No space left on device"),
        ("query {atlas} corpus_summary >&-", 0, ""),
        ("query {atlas} corpus_summary 2>&-", 0, ""),
        ("query {atlas} nonsense 2>&-", 1, ""),
        (
            "ingest {atlas} - <&-",
            1,
            "atlas: stdin: cannot be read (it is closed); get a whole copy of the right format",
        ),
    ],
)
def test_streams_that_are_full_or_closed(atlas_copy: Path, command: str, code: int, message: str) -> None:
    before = atlas_copy.read_bytes()
    done = run(command.format(atlas=atlas_copy))
    assert (done.returncode, done.stderr.strip()) == (code, message)
    assert atlas_copy.read_bytes() == before


def test_an_unset_corpus_is_wrong_usage(tmp_path: Path) -> None:
    done = run(f"ingest {tmp_path / 'a.duckdb'} bundled:medical --corpus ''")
    assert done.returncode == 2
    assert "it is empty" in done.stderr


def test_a_full_disk_is_one_line_and_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    done = run(f"ingest {path} bundled:medical", limit_file_size)
    assert done.returncode == 1
    assert done.stderr.startswith(f"atlas: {path} cannot be written: ")
    assert done.stderr.count("\n") == 1
    with open_atlas(path) as atlas:
        assert not any(finding.violations for finding in verify(atlas))
