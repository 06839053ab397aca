"""`atlas doctor`: what a machine can run, and a release held against what was published."""

import json
import shutil
from pathlib import Path

import huggingface_hub.constants
import pytest
from click.testing import CliRunner, Result

from atlas.cli.machine import required_packages
from atlas.cli.main import cli
from ingest.models.names import pocket_folder
from tests.made.published_release import D_SAE, Reference, hook, save_release, write_known

SNAPSHOT = "0" * 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("release")
    save_release(path)
    write_known(path / "known.json", Reference(path).known(1))
    return path


def atlas(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["doctor", *map(str, arguments)])


def cached(cache: Path, repository: str, *paths: str) -> None:
    """Paths of a repository, as Hugging Face's libraries keep it; models are the embedded one."""
    for path in paths:
        target = cache / f"models--{repository.replace('/', '--')}" / "snapshots" / SNAPSHOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pocket_folder() / "gpt2" / "config.json", target)


def test_a_machine_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    cached(tmp_path, "jbloom/GPT2-Small-SAEs-Reformatted", "blocks.8.hook_resid_pre/cfg.json")
    done = atlas()
    assert done.exit_code == 0, done.output
    for said in ("feature-atlas ", "as required: ", "torch ", "cores", "1 repositories of models", "170 releases"):
        assert said in done.output
    assert "blocks.1.hook_resid_pre, blocks.3.hook_resid_pre" in done.output
    assert "1 of 13 SAEs are here, but not their model gpt2-small" in done.output
    assert "for gpt2-small-res-jb: fetch gpt2-small" in done.output
    cached(tmp_path, "openai-community/gpt2", "config.json")
    assert "1 of 13 SAEs are here, and their model gpt2-small: atlas doctor gpt2-small-res-jb" in atlas().output


def test_a_package_of_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older click and a newer rich than tested, found before the true ones."""
    for name, version in (("click", "7.0"), ("rich", "99.0")):
        (tmp_path / f"{name}-{version}.dist-info").mkdir()
        (tmp_path / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(tmp_path)
    done = atlas()
    assert done.exit_code == 1
    assert "click 7.0: pip install 'click>=8.1'" in done.output
    assert "rich 99.0 (tested: " in done.output
    assert "1 packages are not as required" in str(done.exception)


def test_every_package_that_is_required_was_tested() -> None:
    packages = list(required_packages())
    assert {each.extra for each in packages} == {"", "model"}
    assert not [each.name for each in packages if each.tested is None]


def test_a_release_is_held_against_a_file(folder: Path) -> None:
    arguments = (
        folder / "standin",
        "--model",
        folder / "model",
        "--device",
        "cpu",
        "--expected",
        folder / "known.json",
    )
    done = atlas(*arguments)
    assert done.exit_code == 0, done.output
    assert f"standin/{hook(1)}" in done.output
    assert "ok" in done.output and "MISSED" not in done.output
    rows = json.loads(atlas(*arguments, "--format", "json").stdout)
    assert {row["verdict"] for row in rows} == {"ok"}
    assert {"standin", "computed"} == {row["source"] for row in rows}


def test_a_miss_is_told_and_is_an_error(folder: Path, tmp_path: Path) -> None:
    known = json.loads((folder / "known.json").read_text())
    for entry in known["expected"]:
        if entry["kind"] == "activations":
            entry["feature"] += 1
    (tmp_path / "off.json").write_text(json.dumps(known))
    done = atlas(folder / "standin" / hook(1), "--model", folder / "model", "--expected", tmp_path / "off.json")
    assert done.exit_code == 1
    assert "MISSED" in done.output
    assert f"standin/{hook(1)}: 5 missed: the values are what feature number -1 gives here" in done.output
    assert "5 of 11 values are not as published" in str(done.exception)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no file of expected values"),
        ('{"release": "a"}', "'expected'"),
        ('{"release": "a", "expected": [{"kind": "guess"}]}', "entry 1: its kind is 'guess'; there are: activations"),
        ('{"release": "a", "expected": [{"kind": "decoder"}]}', "entry 1: decoder has no sae_id, feature, entries"),
        (
            '{"release": "a", "expected": [{"kind": "places", "sae_id": "blocks.3.x", "feature": 1, "places": []}]}',
            "on which only blocks.0.hook_resid_pre depends",
        ),
        (
            '{"release": "a", "expected": [{"kind": "completion", "prompt": "", "text": "", "sea_id": 3}]}',
            "completion has sea_id, which is not known",
        ),
        (None, "cannot be read"),
    ],
)
def test_a_file_of_another_form_is_refused_in_one_line(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "known.json").write_text(content)
    done = atlas("pocket", "--expected", tmp_path / "known.json")
    assert done.exit_code == 1
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)
    assert "known.json" in str(done.exception)


def test_options_of_a_release_need_one() -> None:
    assert atlas("--model", "x").exit_code == 2


def test_a_registered_release_is_loaded_from_the_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the way but the download: another model and another SAE lie under the names of the real ones."""
    place = "models--jbloom--GPT2-Small-SAEs-Reformatted/snapshots"
    sae = shutil.copytree(folder / "standin" / hook(1), tmp_path / place / SNAPSHOT / hook(10))
    (sae / "cfg.json").write_text((sae / "cfg.json").read_text().replace('"tiny"', '"gpt2-small"'))
    shutil.copytree(folder / "model", tmp_path / "models--gpt2/snapshots" / SNAPSHOT)
    for refs in [each / "refs" for each in tmp_path.iterdir()]:
        refs.mkdir()
        (refs / "main").write_text(SNAPSHOT)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    done = atlas(f"gpt2-small-res-jb/{hook(10)}", "--format", "json")
    assert done.exit_code == 1
    found = {(row["of"], row["what"]): row["found"] for row in json.loads(done.stdout)}
    said = found[f"gpt2-small-res-jb/{hook(10)}", "after 'My favorite animal is', 16899 times 45"]
    assert said == f"gpt2-small-res-jb/{hook(10)} has no feature 16899: they are 0 to {D_SAE - 1}"
    stream = found["gpt2-small", "blocks.7.hook_resid_post on 'The capital of France is'"]
    assert stream == "the model has no hook blocks.7.hook_resid_post"
    assert "not those of this model: it is another one" in done.stderr


def test_a_release_that_is_not_at_hand_is_one_line() -> None:
    for name, said in (
        ("gpt2-small-res-jb", "cannot be loaded"),
        ("gpt2-small-res-jx", "near it: gpt2-small-res-jb"),
        ("pocket/blocks.9.hook_resid_pre", "the embedded model has no SAE"),
    ):
        done = atlas(name)
        assert done.exit_code == 1
        assert said in str(done.exception)
        assert "\n" not in str(done.exception)
