"""A wheel holds all that is needed, and works from any folder in an environment of its own."""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NEEDED = (
    "ingest/pocket/gpt2/model.safetensors",
    "ingest/corpora/medical.jsonl",
    "ingest/statistics/sums/moments.sql",
    "schema/migrations/m001_create_tables.sql",
    "schema/verify.sql",
    "queries/contrast/candidates.sql",
)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (found,) = folder.glob("feature_atlas-*.whl")
    return found


def test_the_wheel_holds_data_files_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert set(NEEDED) <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {
        "atlas",
        "ingest",
        "queries",
        "schema",
        "feature_atlas",
    }
    assert wheel.stat().st_size < 45_000_000


def test_the_installed_wheel_works_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    """A clean environment whose only own package is the wheel; third-party packages come from this one."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    packages = next(environment.glob("lib/python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(packages)
    (packages / "third_party.pth").write_text("\n".join(_third_party_folders()) + "\n")
    python = environment / "bin" / "python"

    def run(*arguments: str) -> str:
        done = subprocess.run([python, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = run("-c", "import atlas, ingest, queries, schema; print(schema.__file__, ingest.__file__)")
    assert all(str(packages) in path for path in where.split())
    run("-m", "atlas", "ingest", "a.duckdb", "bundled:medical", "--limit", "3")
    run("-m", "atlas", "verify", "a.duckdb")
    listing = json.loads(run("-m", "atlas", "query", "a.duckdb", "sae_summary", "--format", "json"))
    assert listing[0]["sae"].startswith("pocket/")


def test_help_imports_no_torch() -> None:
    code = "import sys; from atlas.__main__ import cli; cli(['-h'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = done.stdout.splitlines()[-1].split()
    assert "click" in modules
    assert "torch" not in modules


def _third_party_folders() -> list[str]:
    """Where this environment's packages lie, the checkout itself left out."""
    return [path for path in sys.path if path.endswith("site-packages")]
