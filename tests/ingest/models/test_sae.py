"""SAEs from the package and from folders, their identity, and folders that are broken."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from ingest.models.language_model import LanguageModel
from ingest.models.matching import load_together
from ingest.models.names import pocket_folder, pocket_sae_ids
from ingest.models.sae import LoadedSAE, load_sae
from schema import ModelError
from tests.conftest import POCKET_SAES
from tests.made.tiny_models import save_sae, tiny_sae

Pocket = tuple[LanguageModel, list[LoadedSAE]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of an SAE of the embedded model."""
    return Path(shutil.copytree(pocket_folder() / "sae" / pocket_sae_ids()[1], tmp_path / "mine" / "sae"))


def edit(folder: Path, **values: Any) -> None:
    """Change the configuration, at the top level or under its metadata; None takes an entry out."""
    config = json.loads((folder / "cfg.json").read_text())
    for name, value in values.items():
        place = config if name in config else config["metadata"]
        place[name] = value
        if value is None:
            del place[name]
    (folder / "cfg.json").write_text(json.dumps(config))


def refusal(*names: str, model: str | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        load_together(names, model)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pocket_is_whole(pocket: Pocket) -> None:
    model, saes = pocket
    for sae, name in zip(saes, POCKET_SAES, strict=True):
        assert name == f"pocket/{sae.hook_name}" == f"pocket/blocks.{sae.hook_layer}.hook_resid_pre"
        assert sae.d_in == model.config.d_model
        assert sae.W_dec.shape == (sae.d_sae, sae.d_in)
        assert sae.log_sparsity is not None
        assert sae.log_sparsity.shape == (sae.d_sae,)
        assert sae.model_name == "pocket"
        assert (sae.context_size, sae.prepend_bos) == (128, True)


def test_a_folder_is_the_same_sae_under_another_name(folder: Path, pocket: Pocket) -> None:
    copied, original = load_sae(str(folder)), pocket[1][1]
    assert str(copied.name) == "mine/sae"
    assert copied.weights_sha256 == original.weights_sha256
    assert copied.log_sparsity is not None
    assert original.log_sparsity is not None
    assert torch.equal(copied.log_sparsity, original.log_sparsity)


@pytest.mark.parametrize("architecture", ["standard", "jumprelu", "topk", "gated"])
def test_every_architecture_comes_back_from_its_folder(tmp_path: Path, architecture: str) -> None:
    module = tiny_sae(architecture, **({"k": 5} if architecture == "topk" else {}))
    sae = load_sae(save_sae(module, tmp_path / "sae"))
    assert sae.architecture == architecture
    assert sae.log_sparsity is None
    x = torch.randn(5, sae.d_in, generator=torch.Generator().manual_seed(1))
    assert torch.equal(sae.module.encode(x), module.encode(x))


def test_other_weights_are_another_identity(tmp_path: Path) -> None:
    seeds = {"same": 0, "again": 0, "other": 1}
    names = [save_sae(tiny_sae("standard", seed=seed), tmp_path / name) for name, seed in seeds.items()]
    same, again, other = (load_sae(name).weights_sha256 for name in names)
    assert same == again != other


def test_half_precision_is_read_in_float32(tmp_path: Path) -> None:
    sae = load_sae(save_sae(tiny_sae("standard", dtype="float16").half(), tmp_path / "sae"))
    assert sae.module.W_enc.dtype == torch.float32


def test_defaults_where_the_folder_does_not_say(tmp_path: Path) -> None:
    sae = load_sae(save_sae(tiny_sae("standard"), tmp_path / "sae"))
    assert (sae.context_size, sae.prepend_bos, sae.model_options, sae.neuronpedia_id) == (128, True, {}, None)


def test_model_options_are_read_without_advice_to_the_user(tmp_path: Path) -> None:
    options = {"model_from_pretrained_kwargs": {"center_writing_weights": True}}
    assert load_sae(save_sae(tiny_sae("standard"), tmp_path / "sae", **options)).model_options == {
        "center_writing_weights": True
    }


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("cfg.json", "{"),
        ("cfg.json", "[]"),
        ("cfg.json", '{"architecture": "nonsense", "d_in": 3, "d_sae": 4}'),
        ("sae_weights.safetensors", "junk"),
        ("sae_weights.safetensors", None),
        ("sparsity.safetensors", "junk"),
    ],
)
def test_a_broken_folder_is_refused_in_one_line(folder: Path, file: str, content: str | None) -> None:
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    assert str(folder) in refusal(str(folder), model="pocket")


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ({"hook_name": None}, "no hook_name"),
        ({"hook_name": "hook_embed"}, "in no block"),
        ({"hook_name": "blocks.60.hook_resid_pre"}, "pocket has 6 blocks"),
        ({"d_in": 64}, "cannot be loaded"),
        ({"context_size": 129}, "pocket has 128 positions"),
        ({"context_size": 1}, "no room for text"),
        ({"model_from_pretrained_kwargs": {"fold_value_biases": True}}, "fold_value_biases"),
    ],
)
def test_an_sae_that_does_not_fit_is_refused(folder: Path, values: dict[str, Any], answer: str) -> None:
    edit(folder, **values)
    assert answer in refusal(str(folder), model="pocket")


def test_a_width_that_the_model_does_not_have_is_refused(tmp_path: Path) -> None:
    name = save_sae(tiny_sae("standard", d_in=12), tmp_path / "sae")
    assert "vectors of 12, but pocket has d_model 256" in refusal(name, model="pocket")


def test_an_sae_that_names_no_model_asks_for_one(folder: Path) -> None:
    edit(folder, model_name=None)
    assert "--model FOLDER" in refusal(str(folder))


@pytest.mark.parametrize("values", [{"context_size": 64}, {"prepend_bos": False}, {"model_name": "gpt2-small"}])
def test_saes_that_cannot_share_a_pass_are_refused(folder: Path, tmp_path: Path, values: dict[str, Any]) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "mine" / "other"))
    edit(other, **values)
    answer = refusal(str(folder), str(other), model="pocket")
    assert next(iter(values)) in answer
    assert "one after the other" in answer


def test_an_sae_named_twice_is_loaded_once() -> None:
    _, saes = load_together(["pocket", "pocket"])
    assert len(saes) == 1
