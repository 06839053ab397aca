"""The Ray engine on two nodes of one machine: the rows of the local engine, whoever is killed and whatever leaves."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ingest.engines.cluster import RayCluster
from ingest.jobs.ingest import IngestRequest, IngestResult, ingest
from ingest.jobs.progress import Progress
from ingest.jobs.reader import Reader
from ingest.models.names import parse_sae_name, pocket_folder
from schema import ModelError, open_atlas
from schema.tables import metadata
from schema.verify import verify

ray = pytest.importorskip("ray", reason="Ray is not installed: make test-ray installs it and runs these")
pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]

CPU = RayCluster(actors=2)
BATCHES = 12
LOGS = {"ingest_run", "coverage", "migration", "sae"}
"""Tables that say when or by which run."""


ROUNDING = 1e-4
"""What the last digits of activations of some 20, which replicas need not share, leave of the sums of their powers."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of a CPU each, and this process on the first."""
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # the names of sockets in it may not be long
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": folder, "RAY_worker_niceness": "0"}
    try:
        yield from _two_nodes(Cluster)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _two_nodes(start: Any) -> Iterator[Any]:
    made = start(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": 10**8}
    )
    made.add_node(num_cpus=1, object_store_memory=10**8)
    ray.init(address=made.address, log_to_driver=False, logging_level="error")
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Documents of which each is a batch."""
    path = tmp_path_factory.mktemp("notes") / "notes.txt"
    words = ["asthma", "bread", "committee", "gout", "river", "kitchen", "joint", "market", "storm", "paper"]
    lines = [" ".join(words[(i * j) % 10] for j in range(1, 60)) + f" number {i}." for i in range(BATCHES)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def expected(notes: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """What the local engine stores."""
    path = tmp_path_factory.mktemp("local") / "atlas.duckdb"
    run(path, notes, None)
    return rows(path)


def run(path: Path, source: str, on: RayCluster | None, report: Any = lambda told: None) -> IngestResult:
    return ingest(IngestRequest(path, (source,), batch_documents=1, ray=on), report)


def rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with open_atlas(path, read_only=True) as atlas:
        return {
            table.name: atlas.rows(f"SELECT * FROM {table.name} ORDER BY ALL")
            for table in metadata.sorted_tables
            if table.name not in LOGS
        }


def assert_same_rows(path: Path, expected: dict[str, list[tuple[Any, ...]]]) -> None:
    found = rows(path)
    for name, theirs in expected.items():
        ours = found[name]
        assert len(ours) == len(theirs), name
        for row, other in zip(ours, theirs, strict=True):
            assert row == pytest.approx(other, rel=1e-3, abs=ROUNDING) if _numbers(row) else row == other, name
    with open_atlas(path, read_only=True) as atlas:
        assert [each.invariant for each in verify(atlas) if each.violations] == []
        assert atlas.rows("SELECT COUNT(*), COUNT_IF(NOT summed) FROM coverage") == [(BATCHES, 0)]


def _numbers(row: tuple[Any, ...]) -> bool:
    return all(isinstance(cell, int | float) for cell in row)


def left(path: Path) -> list[str]:
    """Files of the run that are still there."""
    return sorted(file.name for file in Path(f"{path}.shards").rglob("*") if file.is_file())


def test_two_replicas_give_the_rows_of_the_local_engine_and_a_rerun_none(
    cluster: Any, notes: str, expected: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    path, told = tmp_path / "atlas.duckdb", list[Progress]()
    result = run(path, notes, CPU, told.append)
    assert_same_rows(path, expected)
    assert [each.name for each in tmp_path.iterdir()] == ["atlas.duckdb"]
    assert result.counts.documents == BATCHES
    assert {"planning", "encoding", "summing"} <= {each.stage for each in told}
    assert max(each.done for each in told if each.total == BATCHES and each.unit == "batches") == BATCHES
    again = run(path, notes, CPU)
    assert (again.counts.documents, again.counts.known) == (0, BATCHES)
    assert_same_rows(path, expected)


def replica_pids() -> list[int]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"MapBatches(Replica)" in file.read_bytes():
                found.append(int(file.parent.name))
        except OSError:
            continue
    return found


def once_encoded(path: Path, act: Callable[[], object]) -> Thread:
    """Do something as soon as the first batch is encoded."""

    def _watch() -> None:
        deadline = time.monotonic() + 300
        while not list(Path(f"{path}.shards/encoded").glob("*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.02)
        act()

    thread = Thread(target=_watch)
    thread.start()
    return thread


def test_a_worker_that_is_killed_costs_nothing(
    cluster: Any, notes: str, expected: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    path, killed = tmp_path / "atlas.duckdb", list[int]()

    def _kill() -> None:
        for pid in replica_pids()[:1]:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    thread = once_encoded(path, _kill)
    run(path, notes, CPU)
    thread.join()
    assert killed
    assert_same_rows(path, expected)
    assert left(path) == []


def test_sources_are_read_on_when_what_was_planned_is_loaded(
    cluster: Any, notes: str, expected: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    path, lying, planned = tmp_path / "atlas.duckdb", list[int](), list[tuple[int, int]]()

    def _watch(told: Progress) -> None:
        lying.append(len(list(Path(f"{path}.shards/documents").glob("*.parquet"))))
        if told.stage == "planning":
            planned.append((told.done, told.counts.documents))

    run(path, notes, RayCluster(actors=2, ahead=5), _watch)
    assert_same_rows(path, expected)
    assert max(lying) == 5
    assert planned == [(n, (n - 1) // 5 * 5) for n in range(1, BATCHES + 1)]
    assert left(path) == []


HEAD = """
import os, signal, sys
from pathlib import Path
from ingest.engines.cluster import RayCluster
from ingest.jobs.ingest import IngestRequest, ingest

path, notes, address, function, times = sys.argv[1:]
module, _, name = function.rpartition(".")
returned = 0

def kill(frame, event, _):
    global returned
    if event == "return" and frame.f_code.co_name == name and frame.f_globals["__name__"] == module:
        returned += 1
        if returned == int(times):
            os.kill(os.getpid(), signal.SIGKILL)

sys.setprofile(kill)
ingest(IngestRequest(Path(path), (notes,), batch_documents=1, ray=RayCluster(address, 2, ahead=8)))
"""
"""A run whose process is killed when a function returns for the n-th time."""


@pytest.mark.parametrize(
    "killed",
    [
        pytest.param(("ingest.engines.ray._sent", 5, 0), id="planning"),
        pytest.param(("ingest.rows.batch_rows.store_batch", 3, 2), id="inside a transaction"),
        pytest.param(("ingest.jobs.ingest._load", 3, 3), id="between two"),
        pytest.param(("ingest.engines.ray._sent", 10, 8), id="planning on"),
        pytest.param(("ingest.statistics.sums._merge", 1, BATCHES), id="summing"),
    ],
)
def test_a_head_that_is_killed_leaves_whole_batches_and_the_same_command_finishes(
    cluster: Any,
    notes: str,
    expected: dict[str, list[tuple[Any, ...]]],
    tmp_path: Path,
    killed: tuple[str, int, int],
) -> None:
    path, (function, times, documents) = tmp_path / "atlas.duckdb", killed
    command = [sys.executable, "-c", HEAD, str(path), notes, cluster.address, function, str(times)]
    head = subprocess.run(command, capture_output=True, text=True, check=False)
    assert head.returncode == -signal.SIGKILL, head.stderr
    with open_atlas(path, read_only=True) as atlas:
        assert atlas.rows("SELECT COUNT(*) FROM document") == [(documents,)]
        assert [each.invariant for each in verify(atlas) if each.violations] == []
    again = run(path, notes, RayCluster(actors=2, ahead=8))
    assert (again.counts.known, again.counts.documents) == (documents, BATCHES - documents)
    assert_same_rows(path, expected)
    assert left(path) == []


def test_what_goes_wrong_in_a_replica_is_one_line_that_names_its_machine(
    cluster: Any, notes: str, tmp_path: Path
) -> None:
    path, elsewhere = tmp_path / "atlas.duckdb", tmp_path / "sae"
    name = parse_sae_name("pocket").sae_id
    shutil.copytree(pocket_folder() / "sae" / name, elsewhere)
    reader = Reader((str(elsewhere),), "pocket")

    def _move(told: Progress) -> None:
        if told.stage == "planning":
            elsewhere.rename(tmp_path / "moved")

    with pytest.raises(ModelError, match=rf"^{socket.gethostname()}: .*{elsewhere}") as caught:
        ingest(IngestRequest(path, (notes,), batch_documents=BATCHES, reader=reader, ray=CPU), _move)
    assert "\n" not in str(caught.value)
    with open_atlas(path, read_only=True) as atlas:
        assert atlas.rows("SELECT status FROM ingest_run") == [("failed",)]
        assert atlas.rows("SELECT COUNT(*) FROM document") == [(0,)]


def test_a_node_that_leaves_costs_nothing(
    cluster: Any, notes: str, expected: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    path, gone = tmp_path / "atlas.duckdb", list[object]()

    def _leave() -> None:
        node = cluster.list_all_nodes()[-1]
        cluster.remove_node(node, allow_graceful=False)
        gone.append(node)

    thread = once_encoded(path, _leave)
    run(path, notes, CPU)
    thread.join()
    assert gone
    assert_same_rows(path, expected)
    assert left(path) == []
