"""Language models by name and folder, the hub out of reach, and how weights are processed."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ingest.jobs.ingest import IngestRequest, ingest
from ingest.jobs.reader import Reader
from ingest.models.gpt2 import departure_from_gpt2
from ingest.models.hooked_model import HookedBridge, hooked_model
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.matching import load_together
from ingest.models.names import pocket_folder
from ingest.models.sae import SAE
from ingest.models.weights import choose_device
from schema import ModelError, open_atlas
from tests.made.patience import busyness
from tests.made.tiny_models import save_sae, tiny_sae

Pocket = tuple[LanguageModel, list[SAE]]
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
    assert time.perf_counter() - start < 10 * busyness()


def test_an_sae_of_the_hub_fails_at_once_without_network() -> None:
    start = time.perf_counter()
    with pytest.raises(ModelError) as caught:
        load_together(["gpt2-small-res-jb/blocks.8.hook_resid_pre"])
    message = str(caught.value)
    assert "\n" not in message
    assert "gpt2-small-res-jb/blocks.8.hook_resid_pre" in message
    assert all(part in message for part in ("hub", "--sae pocket", "--sae FOLDER --model FOLDER"))
    assert time.perf_counter() - start < 10 * busyness()


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


def test_a_folder_without_a_tokenizer_is_refused(folder: Path) -> None:
    for file in folder.glob("tokeni*"):
        file.unlink()
    with pytest.raises(ModelError, match="holds no tokenizer"):
        load_language_model(str(folder), Processing())


@pytest.mark.parametrize("eos_token_id", [300, None, [0, 5], "not said"])
def test_the_tokenizer_says_what_ends_a_text(folder: Path, eos_token_id: object) -> None:
    """config.json may say another token, none, several, or leave it to a default beyond the vocabulary."""
    config = json.loads((folder / "config.json").read_text())
    config["eos_token_id"] = eos_token_id
    if eos_token_id == "not said":
        del config["eos_token_id"]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").unlink(missing_ok=True)
    model = load_language_model(str(folder), Processing())
    assert model.end_of_text == model.tokenizer.convert_tokens_to_ids("<|endoftext|>") == 0
    hooked = hooked_model(model)
    assert hooked.end_of_text == 0
    assert hooked.generate(torch.tensor([[0, 17, 300]]), 2).shape == (1, 2)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text()) | {"n_embd": 128}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_language_model(str(folder), Processing())


def without_bos(folder: Path) -> None:
    config = json.loads((folder / "tokenizer_config.json").read_text())
    kept = {name: value for name, value in config.items() if not name.endswith("_token")}
    (folder / "tokenizer_config.json").write_text(json.dumps(kept | {"tokenizer_class": "PreTrainedTokenizerFast"}))


def test_a_tokenizer_without_bos_is_refused_where_windows_begin_with_it(folder: Path) -> None:
    without_bos(folder)
    with pytest.raises(ModelError, match="no BOS token"):
        load_together(["pocket"], str(folder))


def test_a_tokenizer_without_bos_reads_windows_that_begin_with_text(folder: Path, tmp_path: Path) -> None:
    without_bos(folder)
    module = tiny_sae("standard", d_in=256, d_sae=16, hook_name="blocks.1.hook_resid_pre")
    name = save_sae(module, tmp_path / "sae", prepend_bos=False, context_size=16)
    path, source = tmp_path / "atlas.duckdb", tmp_path / "d.txt"
    source.write_text("A fever.\nA heart and two lungs, and more of it.\n")
    ingest(IngestRequest(path, (str(source),), reader=Reader((name,), str(folder))))
    with open_atlas(path, read_only=True) as atlas:
        assert atlas.rows("SELECT MIN(position) FROM token") == [(0,)]
        assert atlas.rows("SELECT COUNT(*) > 0 FROM activation WHERE position = 0") == [(True,)]
        assert atlas.rows("SELECT COUNT(*) FROM bos_activation") == [(0,)]


@pytest.mark.parametrize("architectures", [None, [], ["GPT2Model"], ["Nonsense"]])
def test_a_config_that_names_no_causal_model_is_the_one_that_is_loaded(
    folder: Path, pocket: Pocket, architectures: list[str] | None
) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = architectures
    if architectures is None:
        del config["architectures"]
    (folder / "config.json").write_text(json.dumps(config))
    model = load_language_model(str(folder), Processing())
    assert (model.architecture, model.weights_sha256) == ("GPT2LMHeadModel", pocket[0].weights_sha256)
    assert torch.equal(logits(model, torch.tensor([[0, 17]])), logits(pocket[0], torch.tensor([[0, 17]])))


def test_a_model_saved_without_its_head_is_the_same(folder: Path, pocket: Pocket, tmp_path: Path) -> None:
    """GPT-2's unembedding is its embedding, so nothing is missing."""
    from transformers import GPT2Model

    GPT2Model.from_pretrained(folder).save_pretrained(tmp_path / "headless")
    for file in folder.glob("tokeni*"):
        shutil.copy(file, tmp_path / "headless")
    model = load_language_model(str(tmp_path / "headless"), Processing())
    assert model.architecture == "GPT2LMHeadModel"
    assert torch.equal(model.W_U, pocket[0].W_U)


def test_another_name_of_the_same_gelu_is_a_plain_gpt2(folder: Path, pocket: Pocket) -> None:
    config = json.loads((folder / "config.json").read_text())
    for name, expected in (("gelu_pytorch_tanh", None), ("relu", "a GPT-2 with the activation function relu")):
        (folder / "config.json").write_text(json.dumps(config | {"activation_function": name}))
        model = load_language_model(str(folder), Processing())
        assert departure_from_gpt2(model) == expected
        tokens, point = torch.tensor([[0, 17, 300]]), "blocks.5.hook_resid_post"
        ours = hooked_model(model).run(tokens, [point]).values[point]
        torch.testing.assert_close(ours, HookedBridge(model).run(tokens, [point]).values[point], rtol=1e-4, atol=1e-4)


LOADED_UNDER_BOTH = """
import os
from pathlib import Path
from ingest.models.language_model import Processing, load_language_model

os.chdir(os.environ["HF_HUB_CACHE"])
for before, after in (("none--gpt2", "gpt2"), ("gpt2", "openai-community--gpt2")):
    Path(f"models--{before}").rename(f"models--{after}")
    model = load_language_model("gpt2-small", Processing())
    print(model.name, model.config.n_layers)
"""


def test_gpt2_small_is_found_under_the_names_it_is_cached_by(tmp_path: Path) -> None:
    """A cache as huggingface_hub lays it out, first under one name, then under the other; a process sees no other."""
    snapshot = tmp_path / "models--none--gpt2" / "snapshots" / ("0" * 40)
    shutil.copytree(pocket_folder() / "gpt2", snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", LOADED_UNDER_BOTH]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert run.stdout.split() == ["gpt2-small", "6"] * 2, run.stderr[-2000:]


def test_a_device_that_is_not_there_is_refused() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device(None) in ("cpu", "cuda")
    for name in ("cuda:77", "nonsense"):
        with pytest.raises(ModelError, match="--device cpu"):
            choose_device(name)
