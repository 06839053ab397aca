"""The `atlas` command as a process: what it says and leaves where its surroundings fail."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schema import open_atlas
from schema.locking import lock_path
from schema.tables import metadata
from schema.verify import verify
from tests.made.patience import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[3]


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


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row but those of the log of runs."""
    names = [table.name for table in metadata.sorted_tables if table.name != "ingest_run"]
    with open_atlas(path, read_only=True) as atlas:
        return {name: atlas.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in names}


def runs(path: Path) -> list[tuple[Any, ...]]:
    """The log of runs: how each ended."""
    with open_atlas(path, read_only=True) as atlas:
        return atlas.rows("SELECT command, status, error FROM ingest_run ORDER BY ingest_run")


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
def test_streams_that_are_full_or_closed(small_copy: Path, command: str, code: int, message: str) -> None:
    before = contents(small_copy)
    done = run(command.format(atlas=small_copy))
    assert (done.returncode, done.stderr.strip()) == (code, message)
    assert contents(small_copy) == before


def test_a_limit_of_memory_is_a_size_that_is_enough(small_copy: Path) -> None:
    assert run(f"--memory 2 verify {small_copy}").returncode == 2
    refused = run(f"--memory 100MB verify {small_copy}")
    assert refused.returncode == 1
    assert refused.stderr.startswith("atlas: a memory limit of 100MB is too small: ")
    enough = refused.stderr.split("atlas --memory ")[1].split()[0]
    done = run(f"--memory {enough} verify {small_copy}")
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in small_copy.parent.iterdir()] == [small_copy.name]


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


ENDLESS = """
from atlas.cli.main import main
import schema.verify
from ingest.jobs.run_record import RunRecord

def endless(atlas):
    with RunRecord(atlas, "verify", {}, "cpu"):
        print("begun", flush=True)
        atlas.rows("SELECT COUNT(*) FROM range(1000000) AS a, range(1000000) AS b WHERE (a.range * b.range) % 7 = 3")

schema.verify.verify = endless
main()
"""
"""The command with a statement that takes days."""


@pytest.mark.parametrize(
    ("number", "code", "error"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")]
)
def test_a_signal_ends_a_long_statement_and_closes_the_run(
    tmp_path: Path, number: signal.Signals, code: int, error: str
) -> None:
    path = tmp_path / "a.duckdb"
    open_atlas(path, create=True).close()
    command = [sys.executable, "-c", ENDLESS, "verify", "--migrate", str(path)]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            assert lock_path(path).exists()
            process.send_signal(number)
            _, said = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    assert (process.returncode, said.strip().count("\n")) == (code, 0), said
    assert said.strip().startswith(f"{error}; ")
    assert runs(path) == [("verify", "failed", error)]
    assert not lock_path(path).exists()


CLOSING = """
import signal
import duckdb_engine
from atlas.cli.main import main

close = duckdb_engine.ConnectionWrapper.close

def stopped(self):
    close(self)
    signal.raise_signal(signal.SIGTERM)

duckdb_engine.ConnectionWrapper.close = stopped
main()
"""
"""The command, stopped at the moment at which DuckDB has closed the file."""


def test_a_signal_that_comes_while_the_file_is_closed_is_one_line(tmp_path: Path) -> None:
    open_atlas(tmp_path / "a.duckdb", create=True).close()
    command = [sys.executable, "-c", CLOSING, "verify", str(tmp_path / "a.duckdb")]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 143
    assert done.stderr.startswith("terminated; ")
    assert done.stderr.count("\n") == 1


INTERRUPTED_IMPORT = """
import signal, sys
from atlas.__main__ import main

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "atlas.cli.main":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
main()
"""


def test_ctrl_c_while_modules_are_imported_shows_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_IMPORT], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_a_log_that_nobody_reads_any_more_ends_nothing(small_copy: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "atlas", "--json-logs", "verify", str(small_copy)]
    with os.fdopen(writing) as stream:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stream, check=False)
    assert done.returncode == 0


def test_json_logs_are_an_object_a_line_and_end_with_the_outcome(
    small_copy: Path, small_saes: tuple[str, ...], tmp_path: Path
) -> None:
    source = tmp_path / "notes.jsonl"
    source.write_text('{"text": "One more."}\n{"text": \n')
    done = run(f"--json-logs ingest {small_copy} {source} --sae {small_saes[1]} --on-error skip")
    entries = [json.loads(line) for line in done.stderr.splitlines()]
    assert all({"time", "level", "logger", "message", "command"} <= entry.keys() for entry in entries)
    assert {entry["command"] for entry in entries} == {"ingest"}
    assert f"skipped {source}:2" in " ".join(entry["message"] for entry in entries)
    (ended,) = [entry["run"] for entry in entries if "run" in entry]
    assert (ended["status"], ended["documents"], ended["skipped"]) == ("done", 1, 1)
    assert (entries[-1]["level"], entries[-1]["exit_code"], entries[-1]["message"]) == ("INFO", 0, "done")
    assert done.stdout.startswith(f"{small_copy}: 1 documents")


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("query {atlas} nonsense", 1, "there is no saved query 'nonsense'"),
        ("verify {atlas}.missing", 1, "{atlas}.missing does not exist; make it with: "),
        ("verify", 2, "Missing argument 'ATLAS'."),
    ],
)
def test_json_logs_name_the_error(small_copy: Path, command: str, code: int, message: str) -> None:
    done = run(f"--json-logs {command.format(atlas=small_copy)}")
    last = json.loads(done.stderr.splitlines()[-1])
    assert done.returncode == code
    assert (last["level"], last["exit_code"]) == ("ERROR", code)
    assert last["message"].startswith(message.format(atlas=small_copy))


def test_a_traceback_is_all_that_is_shown_of_a_fault(tmp_path: Path) -> None:
    """The teardown of DuckDB's binding beside torch would report a hundred "leaks"."""
    (tmp_path / "d.txt").write_text("A fever.\n")
    done = run(f"--debug ingest {tmp_path}/a.duckdb {tmp_path}/d.txt --sae pocket --model {tmp_path}")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "no Hugging Face folder" in done.stderr.splitlines()[-1]
    assert "nanobind" not in done.stderr
