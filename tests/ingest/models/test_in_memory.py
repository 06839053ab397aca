"""Models and SAEs that are in memory: read as those of folders are, and left as they were."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ingest.jobs.ingest import IngestRequest, ingest
from ingest.jobs.reader import Reader
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.sae_files import load_sae, sae_in_memory
from schema import ModelError, open_atlas
from tests.made.architectures import D_MODEL, save_model
from tests.made.tiny_models import save_sae, tiny_sae

README = Path(__file__).resolve().parents[3] / "ingest" / "README.md"
TEXT = "A fever and a cough.\nThe heart, and two lungs.\n"
STORED = "SELECT feature, context, position, activation FROM activation ORDER BY ALL"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gpt2") / "model"
    save_model("gpt2", path)
    return path


def in_memory(folder: Path, **options: Any) -> tuple[Any, Any]:
    """Hugging Face's model and tokenizer."""
    return AutoModelForCausalLM.from_pretrained(folder, **options), AutoTokenizer.from_pretrained(folder)


def an_sae(**options: Any) -> Any:
    module = tiny_sae("standard", D_MODEL, hook_name="blocks.1.hook_resid_pre", **options)
    module.cfg.metadata.context_size = 16
    return module


@pytest.mark.parametrize("processing", [Processing(), Processing(center_writing_weights=True)])
def test_a_model_in_memory_is_the_one_of_its_folder(folder: Path, processing: Processing) -> None:
    found = LanguageModel.of(*in_memory(folder), processing=processing)
    expected = load_language_model(str(folder), processing)
    assert (found.name, found.weights_sha256, found.tokenizer_sha256, found.processing) == (
        str(folder),
        expected.weights_sha256,
        expected.tokenizer_sha256,
        processing,
    )
    tokens = torch.tensor([[0, 5, 6]])
    assert torch.equal(found.bridge(tokens), expected.bridge(tokens))


def test_what_is_given_stays_as_it_was(folder: Path) -> None:
    """In training, in half precision, with gradients; centred weights are the copy's."""
    model, tokenizer = in_memory(folder, dtype=torch.bfloat16)
    sae = an_sae(dtype="bfloat16").to(dtype=torch.bfloat16).train().requires_grad_()
    model.train()
    before = [(name, each.clone()) for given in (model, sae) for name, each in given.named_parameters()]
    held = LanguageModel.of(model, tokenizer, processing=Processing(center_writing_weights=True))
    read = sae_in_memory(sae)
    assert held.W_U.dtype == read.W_dec.dtype == torch.float32
    assert model.training and sae.training
    after = [each for given in (model, sae) for each in given.named_parameters()]
    for (name, old), (_, new) in zip(before, after, strict=True):
        assert torch.equal(old, new), name
        assert new.requires_grad and new.dtype == torch.bfloat16


def test_the_documented_lines_give_what_folders_give(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text(TEXT)
    (snippet,) = re.findall(r"```python\n(from ingest\.jobs\.ingest.*?)```", README.read_text(), re.DOTALL)
    hf_model, tokenizer = in_memory(folder)
    exec(snippet, {"hf_model": hf_model, "tokenizer": tokenizer, "sae": an_sae(), "Path": Path})
    name = save_sae(an_sae(), tmp_path / "sae")
    ingest(IngestRequest(Path("folders.duckdb"), ("notes.txt",), reader=Reader((name,), str(folder))))
    with open_atlas(Path("mine.duckdb"), read_only=True) as mine, open_atlas(Path("folders.duckdb")) as folders:
        assert mine.rows(STORED) == folders.rows(STORED) != []
        assert mine.rows("SELECT name FROM model") == [("my-gpt2",)]
        assert mine.rows("SELECT label FROM sae") == [("memory/blocks.1.hook_resid_pre",)]
        hashes = "SELECT model.weights_sha256, sae.weights_sha256, sae.config_sha256 FROM sae JOIN model USING (model)"
        assert mine.rows(hashes) == folders.rows(hashes)


def refused(model: LanguageModel, *saes: Any) -> str:
    with pytest.raises(ModelError) as caught:
        Reader.of(model, saes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_does_not_fit_is_refused_naming_both(folder: Path, tmp_path: Path) -> None:
    model = LanguageModel.of(*in_memory(folder), name="mine")
    assert "vectors of 12, but mine has d_model 32" in refused(model, tiny_sae("standard"))
    centred = save_sae(an_sae(), tmp_path / "sae", model_from_pretrained_kwargs={"center_writing_weights": True})
    said = refused(model, load_sae(centred))
    assert "with center_writing_weights, but mine is loaded with no processing" in said
    assert "processing=Processing.from_options" in said
    other = an_sae()
    other.cfg.metadata.context_size = 8
    assert "their context_size is 16 and 8" in refused(model, an_sae(), sae_in_memory(other, "mine/other"))
    assert "fire below zero" in refused(model, tiny_sae("abstopk", D_MODEL, k=5))
    with pytest.raises(ModelError, match="RELEASE/SAE_ID"):
        sae_in_memory(an_sae(), "nameless")


def test_a_model_without_usable_parts_is_refused(folder: Path) -> None:
    model, tokenizer = in_memory(folder)
    with pytest.raises(ModelError, match="gives no character spans"):
        LanguageModel.of(model, None, name="mine")
    with pytest.raises(ModelError, match="cannot wrap mine, a GPT2Model, as GPT2LMHeadModel"):
        LanguageModel.of(model.transformer, tokenizer, name="mine")
    with torch.no_grad():
        model.transformer.wte.weight[3, 1] = float("nan")
    with pytest.raises(ModelError, match=r"nan at transformer.wte.weight\[3, 1\]"):
        LanguageModel.of(model, tokenizer, name="mine")
