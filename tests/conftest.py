"""Fixtures that are made once a session: the embedded model, and a small atlas of the bundled corpora."""

import fcntl
import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atlas import NEW_OBJECTS
from ingest.models.names import POCKET, parse_sae_name, pocket_sae_ids

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # what a process waits for its other threads is taken from its neighbour


if TYPE_CHECKING:
    from ingest.jobs.reader import Reader
    from ingest.models.language_model import LanguageModel
    from ingest.models.sae import SAE


pytest_plugins = ["tests.temporary_files"]

LONGEST = (
    "tests/test_kills.py",
    "tests/atlas/site/live/test_by_meaning.py",
    "tests/schema/test_backup.py",
    "tests/atlas/site/pages/test_browser.py",
    "tests/ingest/jobs/test_ingest.py",
    "tests/atlas/publish/test_publish.py",
    "tests/atlas/site/live/test_live.py",
    "tests/test_package.py",
)
"""Files that begin first, so that no process is left with one of them while the others have nothing to do."""

POCKET_SAES = (f"{POCKET}/{pocket_sae_ids()[0]}", str(parse_sae_name(POCKET)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a worker waits a sixth of its time for a browser, a server or a disk."""
    return 1 + (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """What is imported and collected stays to the end: Python does not look through it again and again for garbage.

    Later it looks ten times as seldom as in the command itself: tests make and drop much, and hold little.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10 * NEW_OBJECTS)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, all others in their order."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


def built_once(folder: Path, build: Callable[[Path], object]) -> Path:
    """A file, or a folder, that the first process of the session to ask for it builds in a new folder; all read it."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "built").exists():
            build(folder)
            (folder / "built").touch()
    return folder


@pytest.fixture
def open_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that every user may write to, above those of pytest, which are closed to others."""
    above = next(path for path in tmp_path.parents if path.stat().st_mode & 0o001)
    with tempfile.TemporaryDirectory(dir=above) as name:
        path = Path(name).resolve()
        path.chmod(0o777)
        yield path


@pytest.fixture(scope="session")
def pocket() -> "tuple[LanguageModel, list[SAE]]":
    """The embedded model, its earliest SAE and its default one."""
    from ingest.models.matching import load_together

    return load_together(POCKET_SAES)


@pytest.fixture(scope="session")
def pocket_reader(pocket: "tuple[LanguageModel, list[SAE]]") -> "Reader":
    """The embedded model and its default SAE in memory: a job that reads with them loads nothing."""
    from ingest.jobs.reader import Reader

    return Reader.of(pocket[0], pocket[1][1:])


@pytest.fixture(scope="session")
def small_saes(pocket: "tuple[LanguageModel, list[SAE]]", shared_folder: Path) -> tuple[str, ...]:
    """Names of a few dozen features of each of the two: what is stored of them is soon there, and soon read."""

    def build(folder: Path) -> None:
        from tests.made.small_saes import most_frequent, save_part

        for sae in pocket[1]:
            save_part(folder / sae.hook_name, sae, most_frequent(sae))

    folder = built_once(shared_folder / "small", build)
    return tuple(str(folder / sae.hook_name) for sae in pocket[1])


@pytest.fixture(scope="session")
def small(pocket: "tuple[LanguageModel, list[SAE]]", small_saes: tuple[str, ...]) -> "tuple[LanguageModel, list[SAE]]":
    """The embedded model with those small SAEs."""
    from ingest.models.sae_files import load_sae

    return pocket[0], [load_sae(name) for name in small_saes]


@pytest.fixture(scope="session")
def embedder_folder(shared_folder: Path) -> Path:
    """A small sentence-embedding model of random weights; to be read."""

    def build(folder: Path) -> None:
        from tests.made.tiny_embedder import build_tiny_embedder

        build_tiny_embedder(folder / "embedder")

    return built_once(shared_folder / "embedder", build) / "embedder"


@pytest.fixture(scope="session")
def bundled_atlas(shared_folder: Path) -> Path:
    """An atlas of the bundled corpora through the default SAE; to be read, or copied before it is changed."""

    def build(folder: Path) -> None:
        from ingest.jobs.ingest import IngestRequest, ingest
        from tests.temporary_files import small_blocks

        ingest(IngestRequest(small_blocks(folder / "atlas.duckdb"), ("bundled:medical", "bundled:control")))

    return built_once(shared_folder / "bundled", build) / "atlas.duckdb"


@pytest.fixture(scope="session")
def small_built(
    small: "tuple[LanguageModel, list[SAE]]", small_saes: tuple[str, ...], empty_built: Path, shared_folder: Path
) -> Path:
    """An atlas of twenty documents of each bundled corpus through the second small SAE; to be read, or copied."""

    def build(folder: Path) -> None:
        from ingest.jobs.ingest import IngestRequest, ingest_into
        from ingest.jobs.reader import Reader
        from schema import open_atlas

        path = Path(shutil.copy(empty_built, folder / "atlas.duckdb"))
        with open_atlas(path) as atlas:
            for source in ("bundled:medical", "bundled:control"):
                request = IngestRequest(path, (source,), limit=20, reader=Reader(small_saes[1:]))
                ingest_into(atlas, request, (small[0], small[1][1:]))

    return built_once(shared_folder / "small_atlas", build) / "atlas.duckdb"


@pytest.fixture
def small_copy(small_built: Path, tmp_path: Path) -> Path:
    """A copy of the atlas of the small SAE, to be changed."""
    return Path(shutil.copy(small_built, tmp_path / "atlas.duckdb"))


@pytest.fixture
def atlas_copy(bundled_atlas: Path, tmp_path: Path) -> Path:
    """A copy of the atlas of the bundled corpora, to be changed."""
    return Path(shutil.copy(bundled_atlas, tmp_path / "atlas.duckdb"))


@pytest.fixture(scope="session")
def bundled_site(bundled_atlas: Path, shared_folder: Path) -> Path:
    """The site of the atlas of the bundled corpora; to be read, or copied before it is published to."""

    def build(folder: Path) -> None:
        from atlas.publish import publish

        publish(bundled_atlas, folder / "site")

    return built_once(shared_folder / "bundled_site", build) / "site"


@pytest.fixture(scope="session")
def tiny_built(shared_folder: Path) -> Path:
    """The tiny atlas; to be copied."""

    def build(folder: Path) -> None:
        from tests.made.tiny_atlas import build_tiny_atlas
        from tests.temporary_files import small_blocks

        build_tiny_atlas(small_blocks(folder / "tiny.duckdb"))

    return built_once(shared_folder / "tiny", build) / "tiny.duckdb"


@pytest.fixture(scope="module")
def tiny(tiny_built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny atlas in a folder of the module's own."""
    return Path(shutil.copy(tiny_built, tmp_path_factory.mktemp("tiny")))


@pytest.fixture
def tiny_copy(tiny_built: Path, tmp_path: Path) -> Path:
    """A copy of the tiny atlas, to be changed."""
    return Path(shutil.copy(tiny_built, tmp_path / "atlas.duckdb"))


@pytest.fixture(scope="session")
def tiny_site(tiny_built: Path, shared_folder: Path) -> Path:
    """The site of the tiny atlas, which lies beside it; to be read, or copied before it is published to."""

    def build(folder: Path) -> None:
        from atlas.publish import publish

        publish(tiny_built, folder / "site")
        os.link(tiny_built, folder / "tiny.duckdb")

    return built_once(shared_folder / "published", build) / "site"


@pytest.fixture(scope="session")
def tiny_snapshot(tiny_site: Path) -> Path:
    """The folder of the published tiny atlas; to be read."""
    from atlas.site.serve import served_snapshot_folder

    return served_snapshot_folder(tiny_site)


@pytest.fixture
def site_copy(tiny_site: Path, tmp_path: Path) -> Path:
    """A copy of the site of the published tiny atlas, to be published to."""
    return Path(shutil.copytree(tiny_site, tmp_path / "site"))


@pytest.fixture(scope="session")
def empty_built(shared_folder: Path) -> Path:
    """An atlas without a row; to be copied."""

    def build(folder: Path) -> None:
        from tests.made.empty_atlas import write_empty_atlas

        write_empty_atlas(folder / "atlas.duckdb")

    return built_once(shared_folder / "empty", build) / "atlas.duckdb"


@pytest.fixture
def empty_atlas(empty_built: Path, tmp_path: Path) -> Path:
    """A copy of an atlas without a row, to be filled."""
    return Path(shutil.copy(empty_built, tmp_path / "atlas.duckdb"))
