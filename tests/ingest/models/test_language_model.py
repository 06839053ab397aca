"""Language models by name and folder, the hub out of reach, and how weights are processed."""

import json
import shutil
import time
from pathlib import Path

import pytest
import torch

from ingest.models.device import choose_device
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.matching import load_together
from ingest.models.names import pocket_folder
from ingest.models.sae import LoadedSAE
from schema import ModelError

Pocket = tuple[LanguageModel, list[LoadedSAE]]
CENTRED = Processing(center_writing_weights=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the embedded model."""
    return Path(shutil.copytree(pocket_folder() / "gpt2", tmp_path / "gpt2"))


def logits(model: LanguageModel, tokens: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model.bridge(tokens)
    return found


def test_pocket_is_a_gpt2_with_its_own_tokenizer(pocket: Pocket) -> None:
    model = pocket[0]
    assert (model.name, model.architecture) == ("pocket", "GPT2LMHeadModel")
    assert model.W_U.shape == (model.config.d_model, model.config.d_vocab) == (256, 8192)
    assert len(model.tokenizer) == model.config.d_vocab
    assert model.tokenizer.convert_ids_to_tokens(model.bos_token_id) == "<|endoftext|>"


def test_a_folder_is_the_same_model_under_another_name(folder: Path, pocket: Pocket) -> None:
    copied = load_language_model(str(folder), Processing())
    assert copied.name == str(folder)
    assert copied.weights_sha256 == pocket[0].weights_sha256
    assert copied.tokenizer_sha256 == pocket[0].tokenizer_sha256


def test_processing_keeps_the_identity_of_the_weights_and_what_they_say(pocket: Pocket) -> None:
    centred = load_language_model("pocket", CENTRED)
    assert centred.processing == CENTRED
    assert centred.weights_sha256 == pocket[0].weights_sha256
    tokens = torch.tensor([[0, 17, 300, 4000, 8191]])
    plain = logits(pocket[0], tokens)
    torch.testing.assert_close(logits(centred, tokens), plain, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(centred.W_U, pocket[0].W_U)
    assert centred.bridge.W_E.mean(dim=1).abs().max() < 1e-6 < pocket[0].bridge.W_E.mean(dim=1).abs().max()


def test_processing_reads_the_options_of_an_sae() -> None:
    assert Processing.from_options({"center_writing_weights": True}) == CENTRED
    assert Processing.from_options({}) == Processing()
    with pytest.raises(ModelError, match="fold_value_biases, n_devices"):
        Processing.from_options({"n_devices": 2, "fold_value_biases": True})


@pytest.mark.parametrize("name", ["gpt2-small", "gpt2", "EleutherAI/pythia-70m", "no-such-model", "no/such/model"])
def test_a_model_of_the_hub_fails_at_once_without_network(name: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ModelError) as caught:
        load_together(["pocket"], name)
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in (name, "hub", "--sae pocket", "--model FOLDER"))
    assert time.perf_counter() - start < 10


def test_an_sae_of_the_hub_fails_at_once_without_network() -> None:
    start = time.perf_counter()
    with pytest.raises(ModelError) as caught:
        load_together(["gpt2-small-res-jb/blocks.8.hook_resid_pre"])
    message = str(caught.value)
    assert "\n" not in message
    assert "gpt2-small-res-jb/blocks.8.hook_resid_pre" in message
    assert all(part in message for part in ("hub", "--sae pocket", "--sae FOLDER --model FOLDER"))
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", "{"),
        ("config.json", '{"model_type": "nonsense"}'),
        ("config.json", None),
        ("model.safetensors", "junk"),
        ("model.safetensors", None),
        ("tokenizer.json", "{"),
        ("tokenizer.json", None),
    ],
)
def test_a_broken_folder_is_refused_in_one_line(folder: Path, file: str, content: str | None) -> None:
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    with pytest.raises(ModelError) as caught:
        load_language_model(str(folder), Processing())
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_of_another_kind_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no Hugging Face folder: it holds no config\.json"):
        load_language_model(str(tmp_path), Processing())


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text()) | {"n_embd": 128}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_language_model(str(folder), Processing())


def test_a_tokenizer_without_bos_is_refused(folder: Path) -> None:
    config = json.loads((folder / "tokenizer_config.json").read_text())
    kept = {name: value for name, value in config.items() if not name.endswith("_token")}
    (folder / "tokenizer_config.json").write_text(json.dumps(kept | {"tokenizer_class": "PreTrainedTokenizerFast"}))
    with pytest.raises(ModelError, match="no BOS token"):
        load_language_model(str(folder), Processing())


def test_a_device_that_is_not_there_is_refused() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device(None) in ("cpu", "cuda")
    for name in ("cuda:77", "nonsense"):
        with pytest.raises(ModelError, match="--device cpu"):
            choose_device(name)
