"""What does not fit together is refused naming both sides, before a row is written."""

import contextlib
import dataclasses
import gc
from pathlib import Path
from typing import Any

import pytest

from ingest.jobs.ingest import IngestRequest, ingest
from ingest.jobs.reader import InMemory, Reader
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.matching import fit_saes_to_model, load_together
from schema import AtlasError, ModelError, open_atlas
from tests.made.architectures import D_MODEL, N_CTX, N_LAYERS, save_model
from tests.made.tiny_models import loaded, save_sae, tiny_sae
from tests.made.tokenizers import make_tokenizer

HELD = "SELECT (SELECT COUNT(*) FROM sae), (SELECT COUNT(*) FROM document), (SELECT COUNT(*) FROM activation)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, an atlas that an SAE of it has read a text into, and another text."""
    path = tmp_path_factory.mktemp("matching")
    save_model("gpt2", path / "model")
    (path / "one.txt").write_text("The heart and two lungs.\n")
    (path / "two.txt").write_text("A fever.\n")
    name = save_sae(tiny_sae("standard", D_MODEL), path / "sae", context_size=16)
    ingest(IngestRequest(path / "a.duckdb", (str(path / "one.txt"),), reader=Reader((name,), str(path / "model"))))
    return path


MISMATCHES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, str]]] = {
    "d_in": ({"d_in": 12}, {}, ("reads vectors of 12", f"d_model {D_MODEL}")),
    "block": ({"hook_name": "blocks.7.hook_resid_pre"}, {}, ("blocks.7.hook_resid_pre", f"has {N_LAYERS} blocks")),
    "hook": ({"hook_name": "blocks.1.hook_nothing"}, {}, ("has no hook blocks.1.hook_nothing", "another model")),
    "heads": (
        {"hook_name": "blocks.1.attn.hook_pattern"},
        {},
        ("reads blocks.1.attn.hook_pattern", "no vector for each token of"),
    ),
    "context": ({}, {"context_size": N_CTX + 1}, (f"windows of {N_CTX + 1}", f"has {N_CTX} positions")),
}


def refused(folder: Path, reader: Reader) -> str:
    """Why nothing is ingested; the atlas is as it was, and a new one holds no row."""
    with open_atlas(folder / "a.duckdb", read_only=True) as atlas:
        before = atlas.rows(HELD)
    for path in (folder / "a.duckdb", folder / "new.duckdb"):
        with pytest.raises(ModelError) as caught:
            ingest(IngestRequest(path, (str(folder / "two.txt"),), reader=reader))
    assert "\n" not in str(caught.value)
    with open_atlas(folder / "a.duckdb", read_only=True) as atlas:
        assert atlas.rows(HELD) == before
    if (folder / "new.duckdb").exists():
        with open_atlas(folder / "new.duckdb", read_only=True) as atlas:
            assert atlas.rows(HELD) == [(0, 0, 0)]
    return str(caught.value)


@pytest.mark.parametrize("kind", MISMATCHES)
def test_a_mismatch_stops_before_a_row_is_written(folder: Path, tmp_path: Path, kind: str) -> None:
    module, metadata, words = MISMATCHES[kind]
    options = {"d_in": D_MODEL} | module
    name = save_sae(tiny_sae("standard", **options), tmp_path / "tiny" / "sae", **({"context_size": 16} | metadata))
    said = refused(folder, Reader((name,), str(folder / "model")))
    assert all(word in said for word in words), said
    assert "tiny/sae" in said or kind == "hook"
    assert str(folder / "model") in said


def test_a_tokenizer_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    """Whose last token the model does not embed; a model that embeds more than there are is one."""
    name = save_sae(tiny_sae("standard", D_MODEL), tmp_path / "sae", context_size=16)
    tokenizer = make_tokenizer("bytes")
    last = max(tokenizer.get_vocab().values())
    tokenizer.add_tokens(["<image>"])  # as Gemma 3 has, and no text becomes
    for d_vocab, fits in ((last, False), (last + 1, True), (last + 60, True)):
        model = str(tmp_path / f"model{d_vocab}")
        save_model("gpt2", Path(model), tokenizer, vocab_size=d_vocab)
        reader = Reader((name,), model)
        if fits:
            assert reader.load()[0].config.d_vocab == d_vocab
        else:
            said = refused(folder, reader)
            assert f"the tokenizer of {model} has tokens up to {last}, but the model embeds {last}" in said


def test_weights_that_were_processed_otherwise_are_refused(folder: Path) -> None:
    model = load_language_model(str(folder / "model"), Processing(center_writing_weights=True))
    sae = loaded(tiny_sae("standard", D_MODEL))
    with pytest.raises(ModelError, match=r"with no processing, but .* is loaded with center_writing_weights"):
        fit_saes_to_model(model, [sae])
    folded = {"fold_ln": True, "center_writing_weights": True}
    with pytest.raises(ModelError, match="with center_writing_weights and fold_ln, but"):
        fit_saes_to_model(model, [dataclasses.replace(sae, model_options=folded)])


def test_a_reader_in_memory_equals_one_of_the_same_names(folder: Path) -> None:
    model: LanguageModel = load_language_model(str(folder / "model"), Processing())
    one, other = (Reader.of(model, [loaded(tiny_sae("standard", D_MODEL))]) for _ in range(2))
    assert isinstance(one, InMemory)
    assert one == other
    assert one.load()[0] is model
    assert "held" not in repr(one)


@pytest.mark.parametrize("name", ["pocket", "no such SAE"])
def test_garbage_is_searched_for_again_once_a_model_is_loaded_or_refused(name: str) -> None:
    with contextlib.suppress(AtlasError):
        load_together([name])
    assert gc.isenabled()
