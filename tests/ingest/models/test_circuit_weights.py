"""What a feature does to the next token, by where its SAE reads: over all architectures, and in an atlas of any age."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from ingest.jobs.evaluate import EvaluateRequest, evaluate
from ingest.jobs.ingest import IngestRequest, ingest
from ingest.jobs.reader import Reader
from ingest.models.circuit_weights import stream_directions, way_to_stream
from ingest.models.hooked_model import HookedBridge
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.patch import Patch
from schema import open_atlas
from schema.verify import verify
from tests.made.architectures import ARCHITECTURES, save_model
from tests.made.empty_atlas import write_empty_atlas
from tests.made.older_atlas import build_older_atlas
from tests.made.tiny_models import loaded, save_sae, tiny_sae

D_SAE = 6
BEFORE = 16
"""The version that knew W_dec W_U alone."""
MOMENTS = "SELECT logit_mean, logit_std, logit_skewness, logit_kurtosis FROM feature ORDER BY feature"
TOKENS = torch.tensor([[0, 5, 6, 7, 8]])
STREAM = ("hook_resid_pre", "hook_resid_mid", "hook_resid_post", "hook_attn_out", "hook_mlp_out")
ELSEWHERE = ("ln1.hook_normalized", "ln2.hook_normalized", "mlp.hook_in", "attn.hook_in", "hook_mlp_in", "mlp.hook_pre")


def reading(hook_name: str, d_in: int, **options: Any) -> Any:
    return tiny_sae("standard", d_in=d_in, d_sae=D_SAE, hook_name=hook_name, **options)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param) / "model"
    save_model(request.param, path)
    return path


def gain_after(folder: Path, kind: str) -> Any:
    """What Gemma's norm between a part and the stream multiplies by; 1 where there is none."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    if not model.config.model_type.startswith("gemma"):
        return 1
    layer = model.model.layers[1]
    norm = layer.post_attention_layernorm if kind.startswith("attn") else layer.post_feedforward_layernorm
    return 1 + norm.weight.detach()


@cache
def loaded_once(folder: Path, processing: Processing) -> LanguageModel:
    return load_language_model(str(folder), processing)


@pytest.mark.parametrize("processing", [Processing(), Processing(center_writing_weights=True)])
@pytest.mark.parametrize(
    ("kind", "follows"), [("attn.hook_z", "attn.o.hook_out"), ("mlp.hook_post", "mlp.out.hook_out")]
)
def test_a_decoder_row_off_the_stream_goes_through_the_weights_that_follow(
    folder: Path, processing: Processing, kind: str, follows: str
) -> None:
    """Added where the SAE reads, it moves what those weights give by the direction, but for the gain of a norm."""
    model = loaded_once(folder, processing)
    hooked, name, after = HookedBridge(model), f"blocks.1.{kind}", f"blocks.1.{follows}"
    with torch.no_grad():
        clean = hooked.run(TOKENS, [name, after]).values
        sae = loaded(reading(name, clean[name][0, 0].numel()))
        row = sae.W_dec[2].view(clean[name].shape[2:])
        moved = hooked.run(TOKENS, [after], [Patch.replace(name, clean[name] + row)]).values
    directions = stream_directions(model, sae)
    assert directions is not None
    expected = directions[2].expand_as(moved[after])
    gain = gain_after(folder, kind)
    torch.testing.assert_close((moved[after] - clean[after]) * gain, expected, rtol=1e-3, atol=1e-4)


def test_points_of_the_stream_are_directions_themselves_and_others_are_none(folder: Path) -> None:
    model = load_language_model(str(folder), Processing())
    for kind in STREAM:
        sae = loaded(reading(f"blocks.1.{kind}", model.config.d_model))
        directions = stream_directions(model, sae)
        assert directions is not None
        assert torch.equal(directions, sae.W_dec)
    for kind in ELSEWHERE:
        assert stream_directions(model, loaded(reading(f"blocks.1.{kind}", model.config.d_model))) is None


@pytest.mark.parametrize("architecture", ["gemma2", "gemma3"])
@pytest.mark.parametrize("kind", ["attn.hook_z", "mlp.hook_post"])
def test_a_norm_before_the_stream_multiplies_by_its_gain(tmp_path: Path, architecture: str, kind: str) -> None:
    """A row that stands alone at the hook point is written along its direction, whatever the norm scales by."""
    save_model(architecture, tmp_path / "model")
    model = load_language_model(str(tmp_path / "model"), Processing())
    name, written = f"blocks.1.{kind}", f"blocks.1.hook_{'attn' if kind.startswith('attn') else 'mlp'}_out"
    hooked = HookedBridge(model)
    with torch.no_grad():
        value = hooked.run(TOKENS, [name]).values[name]
        sae = loaded(reading(name, value[0, 0].numel()))
        alone = sae.W_dec[2].view(value.shape[2:]).expand_as(value)
        found = hooked.run(TOKENS, [written], [Patch.replace(name, alone)]).values[written]
    directions = stream_directions(model, sae)
    assert directions is not None
    cosines = torch.cosine_similarity(found, directions[2].expand_as(found), dim=-1)
    torch.testing.assert_close(cosines, torch.ones_like(cosines), rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    path = tmp_path_factory.mktemp("gpt2") / "model"
    return str(path), save_model("gpt2", path)


def ingested(path: Path, gpt2: tuple[str, Any], kind: str, **options: Any) -> Any:
    """An atlas of two documents through an SAE of that hook point; SAELens' object."""
    module = reading(f"blocks.1.{kind}", 32, **options)
    name = save_sae(module, path / "sae", context_size=16)
    source = path / "d.txt"
    source.write_text("The nurse measured a fever.\nA heart and two lungs.\n")
    atlas = write_empty_atlas(path / "atlas.duckdb")
    ingest(IngestRequest(atlas, (str(source),), reader=Reader((name,), gpt2[0])))
    return module


def moments(logits: np.ndarray) -> np.ndarray:
    return np.stack(
        [logits.mean(1), logits.std(1), stats.skew(logits, axis=1), stats.kurtosis(logits, axis=1, fisher=False)], 1
    )


def through_attention(module: Any, model: Any) -> np.ndarray:
    """W_dec W_O W_U in float64, from Hugging Face's weights."""
    W_O = model.transformer.h[1].attn.c_proj.weight.detach().double()
    found: np.ndarray = (module.W_dec.double() @ W_O @ model.lm_head.weight.detach().double().T).numpy()
    return found


def test_an_atlas_holds_the_logit_weights_of_z_through_w_o(tmp_path: Path, gpt2: tuple[str, Any]) -> None:
    module = ingested(tmp_path, gpt2, "attn.hook_z", reshape_activations="hook_z")
    expected = through_attention(module, gpt2[1])
    with open_atlas(tmp_path / "atlas.duckdb", read_only=True) as atlas:
        assert atlas.rows("SELECT logit_weights FROM sae") == [("W_O",)]
        np.testing.assert_allclose(np.array(atlas.rows(MOMENTS)), moments(expected), rtol=1e-3, atol=1e-5)
        text = dict(atlas.rows("SELECT token_id, text FROM vocabulary"))
        tops = atlas.rows("SELECT top_logits, bottom_logits FROM feature ORDER BY feature")
    for feature, (top, bottom) in enumerate(tops):
        assert json.loads(top)[0][0] == text[int(expected[feature].argmax())]
        assert json.loads(bottom)[0][0] == text[int(expected[feature].argmin())]


@pytest.mark.parametrize("kind", ["ln1.hook_normalized", "ln2.hook_normalized", "mlp.hook_in"])
def test_a_point_that_is_written_nowhere_has_no_logit_weights(tmp_path: Path, gpt2: tuple[str, Any], kind: str) -> None:
    ingested(tmp_path, gpt2, kind)
    with open_atlas(tmp_path / "atlas.duckdb", read_only=True) as atlas:
        assert atlas.rows("SELECT logit_weights FROM sae") == [("none",)]
        assert set(atlas.rows(MOMENTS)) == {(None, None, None, None)}
        assert set(atlas.rows("SELECT top_logits, bottom_logits FROM feature")) == {("[]", "[]")}
        assert not any(finding.violations for finding in verify(atlas))


def as_version_16(today: Path, path: Path) -> None:
    """The file as version 16 left it: figures of W_dec W_U, whatever the hook point."""
    figures = {"logit_mean": "7.0", "logit_std": "7.0", "top_logits": "'[[\"x\", 1.0]]'"}
    build_older_atlas(today, path, BEFORE, {"sae": {"logit_weights": "'plain'"}, "feature": figures})


def test_an_older_atlas_is_marked_and_its_figures_computed_by_the_next_command(
    tmp_path: Path, gpt2: tuple[str, Any]
) -> None:
    module = ingested(tmp_path, gpt2, "attn.hook_z", reshape_activations="hook_z")
    older = tmp_path / "older.duckdb"
    as_version_16(tmp_path / "atlas.duckdb", older)
    with open_atlas(older) as atlas:
        assert atlas.rows("SELECT logit_weights FROM sae") == [("W_O",)]
        assert set(atlas.rows(MOMENTS)) == {(None, None, None, None)}
        assert not any(finding.violations for finding in verify(atlas))
    evaluate(EvaluateRequest(older, "d", reader=Reader((str(tmp_path / "sae"),), gpt2[0])))
    with open_atlas(older) as atlas:
        expected = moments(through_attention(module, gpt2[1]))
        np.testing.assert_allclose(np.array(atlas.rows(MOMENTS)), expected, rtol=1e-3, atol=1e-5)
        assert not any(finding.violations for finding in verify(atlas))


def test_figures_of_an_older_atlas_that_mean_nothing_are_taken_out(tmp_path: Path, gpt2: tuple[str, Any]) -> None:
    ingested(tmp_path, gpt2, "ln1.hook_normalized")
    older = tmp_path / "older.duckdb"
    as_version_16(tmp_path / "atlas.duckdb", older)
    with open_atlas(older) as atlas:
        assert atlas.rows("SELECT logit_weights FROM sae") == [("none",)]
        assert set(atlas.rows(MOMENTS)) == {(None, None, None, None)}


@pytest.mark.parametrize("kind", STREAM)
def test_figures_of_the_stream_stay_as_they_are(tmp_path: Path, gpt2: tuple[str, Any], kind: str) -> None:
    ingested(tmp_path, gpt2, kind)
    older = tmp_path / "older.duckdb"
    build_older_atlas(tmp_path / "atlas.duckdb", older, BEFORE)
    with open_atlas(tmp_path / "atlas.duckdb", read_only=True) as atlas:
        expected = atlas.rows("FROM feature ORDER BY ALL")
        assert atlas.rows("SELECT logit_weights FROM sae") == [(way_to_stream(f"blocks.1.{kind}"),)] == [("plain",)]
    with open_atlas(older) as atlas:
        assert atlas.rows("FROM feature ORDER BY ALL") == expected
