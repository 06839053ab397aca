"""How SAEs are spelled, and what a spelling that means nothing is answered."""

import shutil
from pathlib import Path

import pytest

from ingest.models.names import parse_sae_name, pocket_folder, pocket_sae_ids
from schema import ModelError


def refusal(name: str) -> str:
    with pytest.raises(ModelError) as caught:
        parse_sae_name(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["pocket", "pocket/"])
def test_pocket_alone_is_its_middle_hook(name: str) -> None:
    assert str(parse_sae_name(name)) == f"pocket/{pocket_sae_ids()[1]}"


def test_every_pocket_sae_has_a_name() -> None:
    assert len(pocket_sae_ids()) > 1
    for sae_id in pocket_sae_ids():
        parsed = parse_sae_name(f"pocket/{sae_id}")
        assert (parsed.release, parsed.sae_id) == ("pocket", sae_id)
        assert parsed.folder == pocket_folder() / "sae" / sae_id


@pytest.mark.parametrize("layer", range(12))
def test_an_entry_of_the_registry_is_known_without_network(layer: int) -> None:
    parsed = parse_sae_name(f"gpt2-small-res-jb/blocks.{layer}.hook_resid_pre")
    assert (parsed.release, parsed.folder) == ("gpt2-small-res-jb", None)


def test_a_folder_is_named_by_itself_and_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my-release" / "layer-4"
    shutil.copytree(pocket_folder() / "sae" / pocket_sae_ids()[0], folder)
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    for name in (str(folder), f"{folder}/", "layer-4", "./layer-4", "~/layer-4"):
        parsed = parse_sae_name(name)
        assert str(parsed) == "my-release/layer-4"
        assert parsed.folder == folder


def test_a_folder_goes_before_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gpt2-small-res-jb" / "blocks.8.hook_resid_pre"
    shutil.copytree(pocket_folder() / "sae" / pocket_sae_ids()[0], folder)
    monkeypatch.chdir(tmp_path)
    assert parse_sae_name("gpt2-small-res-jb/blocks.8.hook_resid_pre").folder == folder


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("pocket/blocks.9.hook_resid_pre", ", ".join(f"pocket/{sae_id}" for sae_id in pocket_sae_ids())),
        ("poket", "near it: pocket"),
        ("gpt2-smal-res-jb/blocks.8.hook_resid_pre", "near it: gpt2-small-res-jb"),
        ("gpt2-small-res-jb/blocks.8.hook_resid_prae", "near it: blocks.8.hook_resid_pre"),
        ("gpt2-small-res-jb", "RELEASE/SAE_ID"),
        ("gpt2-small-res-jb/", "such as blocks.0.hook_resid_pre"),
        ("gpt2-small-res-jb/zzz", "it has 13, such as blocks.0.hook_resid_pre"),
        ("qqqqqq/zzz", "'qqqqqq/zzz' is no folder and no release"),
        ("", "no folder and no release"),
        ("~nobody-of-this-name/sae", "no folder and no release"),
    ],
)
def test_a_name_that_means_nothing_is_answered_with_what_is_near(name: str, answer: str) -> None:
    assert answer in refusal(name)


def test_a_folder_that_holds_no_sae_is_refused(tmp_path: Path) -> None:
    assert "cfg.json" in refusal(str(tmp_path))
