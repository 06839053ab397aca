"""SAEs from the package and from folders, their identity, and folders that are broken."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from sae_lens.registry import SAE_CLASS_REGISTRY, SAE_TRAINING_CLASS_REGISTRY, get_sae_training_class
from safetensors.torch import save_file

from ingest.models.hooked_model import HookedBridge
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.matching import load_together
from ingest.models.names import pocket_folder, pocket_sae_ids
from ingest.models.sae import SAE
from ingest.models.sae_files import load_sae
from schema import ModelError
from tests.conftest import POCKET_SAES
from tests.made.architectures import ARCHITECTURES, save_model
from tests.made.tiny_models import save_sae, tiny_sae

Pocket = tuple[LanguageModel, list[SAE]]


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


def test_an_sae_whose_features_fire_below_zero_is_refused(tmp_path: Path) -> None:
    name = save_sae(tiny_sae("abstopk", 256, k=5), tmp_path / "sae")
    assert "features of abstopk SAEs fire below zero as well" in refusal(name, model="pocket")


def test_an_sae_named_twice_is_loaded_once() -> None:
    _, saes = load_together(["pocket", "pocket"])
    assert len(saes) == 1


KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "abstopk": ({"k": 5}, "fire below zero"),
    "temporal": ({"d_sae": 512, "n_heads": 8, "bottleneck_factor": 64, "kval_topk": 8}, "look at the tokens before"),
    "transcoder": ({"d_out": 6, "apply_b_dec_to_input": False}, "writes at another, and an atlas"),
    "skip_transcoder": ({"d_out": 12, "apply_b_dec_to_input": False}, "writes at another, and an atlas"),
    "jumprelu_transcoder": ({"d_out": 12, "apply_b_dec_to_input": False}, "writes at another, and an atlas"),
    "jumprelu_skip_transcoder": ({"d_out": 12, "apply_b_dec_to_input": False}, "writes at another, and an atlas"),
    "topk": ({"k": 41}, "k = 41 largest of 40"),
}
LOADED: dict[str, dict[str, Any]] = {
    "standard": {},
    "gated": {},
    "jumprelu": {},
    "topk": {"k": 40},
    "matching_pursuit": {},
}


@pytest.mark.parametrize("architecture", KINDS)
def test_a_kind_that_an_atlas_cannot_hold_is_refused_in_one_line(tmp_path: Path, architecture: str) -> None:
    options, reason = KINDS[architecture]
    assert reason in refusal(save_sae(tiny_sae(architecture, **options), tmp_path / "sae"), model="pocket")


def test_every_kind_of_saelens_is_loaded_or_refused(tmp_path: Path) -> None:
    assert set(SAE_CLASS_REGISTRY) == set(KINDS) | set(LOADED)
    for architecture, options in LOADED.items():
        sae = load_sae(save_sae(tiny_sae(architecture, **options), tmp_path / architecture))
        assert sae.architecture == architecture


@pytest.mark.parametrize("architecture", sorted(set(SAE_TRAINING_CLASS_REGISTRY) - set(SAE_CLASS_REGISTRY)))
def test_a_checkpoint_of_training_is_said_to_be_one(tmp_path: Path, architecture: str) -> None:
    sae_class, config_class = get_sae_training_class(architecture)
    widths = {"matryoshka_widths": [20, 40]} if architecture.startswith("matryoshka") else {}
    sae_class(config_class(d_in=12, d_sae=40, k=6, **widths)).save_model(tmp_path / "checkpoint")
    said = refusal(str(tmp_path / "checkpoint"), model="pocket")
    assert f"checkpoint of training ({architecture})" in said
    assert "save_inference_model" in said


@pytest.mark.parametrize(
    ("tensors", "answer"),
    [
        ({"sparsity": torch.zeros(60)}, "has 60 numbers, but the SAE 512 features"),
        ({"log_feature_sparsity": torch.zeros(512)}, "no tensor 'sparsity', but log_feature_sparsity"),
        ({"sparsity": torch.zeros(1, 512)}, None),
        ({"sparsity": torch.zeros(512, dtype=torch.bfloat16)}, None),
    ],
)
def test_an_odd_sparsity_is_read_or_named(tmp_path: Path, tensors: dict[str, Any], answer: str | None) -> None:
    module = tiny_sae("standard", d_in=256, d_sae=512, hook_name="blocks.1.hook_resid_pre")
    folder = Path(save_sae(module, tmp_path / "sae", context_size=16))
    save_file(tensors, folder / "sparsity.safetensors")
    if answer is None:
        found = load_sae(str(folder)).log_sparsity
        assert found is not None
        assert found.shape == (512,)
    else:
        said = refusal(str(folder), model="pocket")
        assert answer in said
        assert "sparsity.safetensors" in said


@pytest.mark.parametrize(
    ("hook_name", "answer"),
    [
        ("blocks.1.hook_mlp_in", "switched off"),
        ("blocks.1.hook_attn_in", "switched off"),
        ("blocks.1.attn.hook_result", "switched off"),
        ("blocks.1.attn.qkv.hook_in", "never run"),
        ("blocks.1.attn.qkv.hook_out", "never run"),
        ("blocks.1.attn.hook_pattern", "no vector for each token"),
        ("blocks.1.mlp.hook_post", "vectors of 256, but pocket has 1024 at"),
        ("blocks.1.hook_nothing", "has no hook"),
    ],
)
def test_a_hook_point_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, hook_name: str, answer: str) -> None:
    module = tiny_sae("standard", d_in=256, d_sae=16, hook_name=hook_name)
    said = refusal(save_sae(module, tmp_path / "sae", context_size=16), model="pocket")
    assert answer in said
    assert hook_name in said


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hook_points_of_every_architecture_are_read_or_refused(tmp_path: Path, architecture: str) -> None:
    """None ends in an error of another kind."""
    save_model(architecture, tmp_path / "model")
    model = load_language_model(str(tmp_path / "model"), Processing())
    hooked, read = HookedBridge(model), []
    for name in [name for name in model.bridge.hook_dict if name.startswith("blocks.1.")]:
        try:
            read.append(hooked.run(torch.tensor([[0, 5]]), [name]).values[name])
        except ModelError as error:
            assert "\n" not in str(error)
    assert len(read) > 20


def test_wide_heads_side_by_side_are_read(tmp_path: Path) -> None:
    """Of Gemma 2, whose heads are together wider than its stream."""
    save_model("gemma2", tmp_path / "model")
    options: dict[str, Any] = {"hook_name": "blocks.1.attn.hook_z", "reshape_activations": "hook_z"}
    right = save_sae(tiny_sae("standard", d_in=64, **options), tmp_path / "right", context_size=16)
    model, (sae,) = load_together([right], str(tmp_path / "model"))
    assert (sae.d_in, model.config.d_model) == (64, 32)
    wrong = save_sae(tiny_sae("standard", d_in=32, **options), tmp_path / "wrong", context_size=16)
    assert "vectors of 32" in (said := refusal(wrong, model=str(tmp_path / "model")))
    assert "4 x 16 at blocks.1.attn.hook_z" in said


def test_windows_are_as_long_as_the_model_where_nothing_says_how_long(tmp_path: Path) -> None:
    save_model("gpt2", tmp_path / "model")
    module = tiny_sae("standard", d_in=32)
    for said, expected in ((None, 64), (20, 20)):
        name = save_sae(module, tmp_path / f"sae{said}", context_size=said)
        _, (sae,) = load_together([name], str(tmp_path / "model"))
        assert sae.context_size == expected


def test_an_sae_in_several_spellings_is_one(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    (tmp_path / "linked").symlink_to(folder)
    copy = shutil.copytree(folder, tmp_path / "copy" / "mine" / "sae")
    default = "pocket/blocks.3.hook_resid_pre"
    for names, expected in (
        (["pocket", default], 1),
        (["sae", "./sae", str(folder), str(tmp_path / "linked"), "../mine/sae"], 1),
        (["sae", str(copy)], 1),
        (["pocket", "sae"], 2),
    ):
        assert len(load_together(names, "pocket")[1]) == expected
    edit(Path(copy), apply_b_dec_to_input=not load_sae("sae").module.cfg.apply_b_dec_to_input)
    assert len(load_together(["sae", str(copy)], "pocket")[1]) == 2
