"""Fixtures that are made once a session: the embedded model, and a small atlas of the bundled corpora."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingest.models.names import POCKET, parse_sae_name, pocket_sae_ids

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")


if TYPE_CHECKING:
    from ingest.models.language_model import LanguageModel
    from ingest.models.sae import LoadedSAE


POCKET_SAES = (f"{POCKET}/{pocket_sae_ids()[0]}", str(parse_sae_name(POCKET)))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may write to; those of pytest are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name).resolve()
        path.chmod(0o777)
        yield path


@pytest.fixture(scope="session")
def pocket() -> "tuple[LanguageModel, list[LoadedSAE]]":
    """The embedded model, its earliest SAE and its default one."""
    from ingest.models.matching import load_together

    return load_together(POCKET_SAES)


@pytest.fixture(scope="session")
def bundled_atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas of the bundled corpora through the default SAE; to be read, or copied before it is changed."""
    from ingest.jobs.ingest import IngestRequest, ingest

    path = tmp_path_factory.mktemp("bundled") / "atlas.duckdb"
    ingest(IngestRequest(path, ("bundled:medical", "bundled:control")))
    return path


@pytest.fixture
def atlas_copy(bundled_atlas: Path, tmp_path: Path) -> Path:
    """A copy of the atlas of the bundled corpora, to be changed."""
    return Path(shutil.copy(bundled_atlas, tmp_path / "atlas.duckdb"))


@pytest.fixture(scope="session")
def tiny_built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny atlas; to be copied."""
    from tests.made.tiny_atlas import build_tiny_atlas

    path = tmp_path_factory.mktemp("tiny_built") / "tiny.duckdb"
    build_tiny_atlas(path)
    return path


@pytest.fixture(scope="module")
def tiny(tiny_built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny atlas in a folder of the module's own."""
    return Path(shutil.copy(tiny_built, tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="session")
def tiny_snapshot(tiny_built: Path) -> Path:
    """The folder of the published tiny atlas; to be read."""
    from atlas.publish import publish

    return publish(tiny_built, tiny_built.parent / "site").folder
