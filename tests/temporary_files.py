"""A pytest plugin for the room that tests take on disk: what a module made goes with it; the most there was is said.

Everything lies under pytest's own folder: `TMPDIR` of this process and of all it starts is a folder in it. A test's
`tmp_path` goes when the test has passed (`tmp_path_retention_policy`), what the fixtures of a module made goes when no
test of the module has failed, and what the session shares goes at its end.
"""

import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import duckdb
import pytest

LIMIT = 1.5e9
"""Above this many bytes at once the session fails: continuous integration may have no more than 4 GB in all."""
SECONDS = 1.0
"""Between two looks at what there is."""
SHARED = "shared"
"""The folder of what is made once for all processes of a session."""


class Watch:
    """Measures a folder again and again, and keeps the most there was."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.most = 0
        self.largest: list[tuple[str, int]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()
        self._look()

    def said(self) -> str:
        """What there was at most, and what took most of it."""
        parts = ", ".join(f"{name} {size / 1e6:,.0f}" for name, size in self.largest)
        return f"temporary files: at most {self.most / 1e6:,.0f} MB at once (of it {parts})"

    def _look_on(self) -> None:
        while not self._ended.wait(SECONDS):
            self._look()

    def _look(self) -> None:
        try:
            sizes = {str(path.relative_to(self.folder)): size(path) for path in _parts(self.folder)}
        except OSError:  # a folder has just gone, or this process has given up its rights for a moment
            return
        if sum(sizes.values()) > self.most:
            self.most = sum(sizes.values())
            self.largest = sorted(sizes.items(), key=lambda part: -part[1])[:3]


def small_blocks(path: Path) -> Path:
    """Write an empty database with the smallest blocks of DuckDB: a tiny atlas in it takes 3 MB, not 42; its path."""
    duckdb.connect(str(path), config={"default_block_size": "16384"}).close()
    return path


def size(path: str | Path) -> int:
    """The bytes that a file or a folder takes on disk; what vanishes meanwhile takes none."""
    try:
        state = os.lstat(path)
        if stat.S_ISDIR(state.st_mode):
            with os.scandir(path) as held:
                return state.st_blocks * 512 + sum(size(each.path) for each in held)
    except OSError:
        return 0
    return state.st_blocks * 512 // max(state.st_nlink, 1)


def _parts(folder: Path) -> list[Path]:
    """What lies in the folder, and in the folders that pytest-xdist gives its workers."""
    return [path for path in folder.glob("*") if not path.name.startswith("popen-")] + [*folder.glob("popen-*/*")]


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


WATCH = pytest.StashKey[Watch]()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if not _is_worker(config):
        folder = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        (folder / "tmp").mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")
        config.stash[WATCH] = Watch(folder)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    watch = session.config.stash.get(WATCH, None)
    if watch:
        watch.end()
        if watch.most > LIMIT:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    watch = config.stash[WATCH]
    terminalreporter.write_line(watch.said())
    if watch.most > LIMIT:
        terminalreporter.write_line(f"that is more than {LIMIT / 1e6:,.0f} MB: the session fails", red=True)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all processes of the session."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / SHARED
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="module", autouse=True)
def module_folders(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Removes what the fixtures of a module made when no test of it has failed."""
    failed, base = request.session.testsfailed, tmp_path_factory.getbasetemp()
    before = {*base.iterdir(), base / SHARED}
    yield
    if request.session.testsfailed == failed:
        for path in set(base.iterdir()) - before:
            path.unlink() if path.is_symlink() else rmtree(path, ignore_errors=True)
