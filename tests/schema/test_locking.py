"""One writer: who is told what, how long is waited, and what a killed writer leaves."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from atlas.cli.main import cli
from schema import AtlasLockedError, open_atlas
from schema.locking import Writer, acquire_lock, age_text, declare_writer, hold_atlas, lock_path, read_writer

HOLD = """
import sys
from pathlib import Path
from schema import open_atlas
from schema.locking import declare_writer
with declare_writer("atlas ingest"), open_atlas(Path(sys.argv[1]), create=True):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(empty_atlas: Path) -> Path:
    return empty_atlas


@contextmanager
def writer_elsewhere(path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that has the atlas open for writing, until it is killed or the block ends."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.communicate()


def test_the_lock_names_its_writer_and_goes_with_it(path: Path) -> None:
    with declare_writer("atlas ingest"), open_atlas(path):
        writer = json.loads(lock_path(path).read_text())
        assert writer.keys() == {"command", "pid", "host", "started_at"}
        assert (writer["command"], writer["pid"], writer["host"]) == ("atlas ingest", os.getpid(), socket.gethostname())
    assert list(path.parent.iterdir()) == [path]


def test_a_second_writer_and_a_reader_are_told_who_writes(path: Path) -> None:
    with writer_elsewhere(path) as process:
        for read_only in (False, True):
            with pytest.raises(AtlasLockedError) as caught:
                open_atlas(path, read_only=read_only)
            said = str(caught.value)
            assert f"being written to by 'atlas ingest' (process {process.pid} on {socket.gethostname()}, for " in said
            assert "atlas serve SITE" in said
            assert "\n" not in said
    open_atlas(path).close()


def test_a_second_writer_of_this_process_is_refused(path: Path) -> None:
    with open_atlas(path), pytest.raises(AtlasLockedError, match=f"process {os.getpid()} "):
        open_atlas(path)
    open_atlas(path).close()


@pytest.mark.parametrize("read_only", [False, True])
def test_an_atlas_in_use_is_waited_for(path: Path, read_only: bool) -> None:
    with writer_elsewhere(path) as process:
        threading.Timer(0.5, process.kill).start()
        with declare_writer("atlas contrast", wait=60), open_atlas(path, read_only=read_only):
            assert process.wait() != 0


def test_the_command_waits_as_long_as_it_is_told(path: Path) -> None:
    with writer_elsewhere(path):
        result = CliRunner().invoke(cli, ["--wait", "0.3", "verify", "--migrate", str(path)])
        assert isinstance(result.exception, AtlasLockedError)


def test_what_a_killed_writer_left_is_written_over(path: Path) -> None:
    with writer_elsewhere(path) as process:
        process.kill()
        process.wait()
        left = read_writer(path)
        assert left is not None
        assert left.pid == process.pid
    with open_atlas(path):
        now = read_writer(path)
        assert now is not None
        assert now.pid == os.getpid()
    assert not lock_path(path).exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"command": 3}'])
def test_a_lock_file_of_another_kind_stops_nobody(path: Path, content: str) -> None:
    lock_path(path).write_text(content)
    assert read_writer(path) is None
    open_atlas(path).close()
    assert not lock_path(path).exists()


def test_an_atlas_is_held_from_before_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "atlas.duckdb"
    with hold_atlas(path):
        assert not path.exists()
        with open_atlas(path, create=True), pytest.raises(AtlasLockedError):
            in_another_context(path)
        assert lock_path(path).exists()
        open_atlas(path).close()
    assert list(tmp_path.iterdir()) == [path]


def test_through_a_link_it_is_the_same_lock(path: Path) -> None:
    link = path.parent / "elsewhere" / "link.duckdb"
    link.parent.mkdir()
    link.symlink_to(path)
    with hold_atlas(path), pytest.raises(AtlasLockedError, match=f"process {os.getpid()} "):
        in_another_context(link)
    assert list(link.parent.iterdir()) == [link]


def in_another_context(path: Path) -> None:
    """Try to open an atlas for writing in a thread of its own, and raise what that raises."""
    raised: list[BaseException] = []

    def attempt() -> None:
        try:
            open_atlas(path).close()
        except AtlasLockedError as error:
            raised.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    raise raised[0]


def test_without_a_lock_file_duckdb_still_keeps_others_out(path: Path) -> None:
    lock_path(path).mkdir()
    assert acquire_lock(path) is None
    with open_atlas(path) as atlas:
        assert atlas.lock is None


def test_only_one_of_many_gets_the_lock(tmp_path: Path) -> None:
    path, won, together = tmp_path / "atlas.duckdb", [], threading.Barrier(8)

    def attempt() -> None:
        together.wait()
        for _ in range(50):
            try:
                lock = acquire_lock(path)
            except AtlasLockedError:
                continue
            assert lock is not None
            won.append(1)
            assert len(won) == 1
            won.pop()
            lock.release()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not lock_path(path).exists()


def test_an_age_is_given_in_the_largest_unit_that_fits() -> None:
    assert [age_text(seconds) for seconds in (0, 119, 120, 7_199, 7_200, 172_800)] == [
        "0 s",
        "119 s",
        "2 min",
        "120 min",
        "2 h",
        "2 d",
    ]
    assert Writer("atlas ingest", 7, "box", "2999-01-01T00:00:00+00:00").seconds == 0
