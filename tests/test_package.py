"""A wheel holds all that is needed, and works from any folder in an environment of its own."""

import json
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
NEEDED = (
    "ingest/pocket/gpt2/model.safetensors",
    "ingest/corpora/medical.jsonl",
    "ingest/statistics/sums/moments.sql",
    "schema/migrations/m001_create_tables.sql",
    "schema/verify.sql",
    "queries/contrast/candidates.sql",
    "queries/parts/first_sae_asked.sql",
    "ingest/doctor/published/gpt2-small-res-jb.json",
    "atlas/cli/constraints.txt",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (found,) = folder.glob("feature_atlas-*.whl")
    return found


def test_the_wheel_holds_data_files_no_tests_and_no_recipe(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert set(NEEDED) <= set(names)
    assert not [name for name in names if name.startswith("ingest/pocket/recipe/")]
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


def test_the_core_works_without_torch(wheel: Path, tiny_built: Path, tmp_path: Path) -> None:
    """An environment with the core's packages and theirs, and none of the extra `model`."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    packages = next(environment.glob("lib/python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(packages)
    core = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    for name in _required(core):
        _link_distribution(name, packages)
    assert not {"torch", "transformers", "scipy", "shap"} & {path.name for path in packages.iterdir()}
    shutil.copy(tiny_built, tmp_path / "a.duckdb")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(environment / "bin" / "python"), "-m", "atlas", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    commands = (
        ("doctor",),
        ("query", "a.duckdb", "sae_summary"),
        ("verify", "a.duckdb"),
        ("backup", "a.duckdb", "b.duckdb"),
        ("compact", "b.duckdb"),
        ("publish", "a.duckdb", "site"),
        ("serve", "--help"),
    )
    for command in commands:
        done = run(*command)
        assert done.returncode == 0, (command, done.stderr)
        if command == ("doctor",):
            assert "to run models: pip install 'feature-atlas[model]'" in done.stdout
            assert "models need more packages; query, publish, serve and verify run" in done.stdout
    code = "import datasette.app as d; d.Datasette(config_dir=next(d.Path('site/snapshots').iterdir()))"
    served = subprocess.run(
        [environment / "bin" / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert served.returncode == 0, served.stderr
    done = run("ingest", "a.duckdb", "bundled:medical")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'feature-atlas[model]'" in done.stderr
    assert "pip install 'feature-atlas[model]'" in run("doctor", "gpt2-small-res-jb").stderr


def _required(lines: Iterable[str]) -> set[str]:
    """The names of the distributions that requirements ask for, and of those that these ask for, without extras."""
    found: set[str] = set()
    pending = list(lines)
    while pending:
        requirement = Requirement(pending.pop())
        name = canonicalize_name(requirement.name)
        if name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            found.add(name)
            pending += metadata.requires(name) or ()
    return found


def _link_distribution(name: str, packages: Path) -> None:
    """Link what a distribution has in this environment into another one."""
    distribution = metadata.distribution(name)
    for top in {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}:
        source, link = Path(str(distribution.locate_file(top))), packages / top
        if top != "__pycache__" and source.exists() and not link.exists():
            link.symlink_to(source)


def test_a_clone_holds_the_recipe() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ingest.pocket.recipe", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--sae-tokens" in done.stdout


def test_help_imports_no_torch() -> None:
    code = "import sys; from atlas.cli.main import cli; cli(['-h'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = done.stdout.splitlines()[-1].split()
    assert "click" in modules
    assert "torch" not in modules


def _third_party_folders() -> list[str]:
    """Where this environment's packages lie, the checkout itself left out."""
    return [path for path in sys.path if path.endswith("site-packages")]
