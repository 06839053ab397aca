"""A model whose blocks multiply bfloat16: what it computes and changes, and that nothing takes it for float32."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from atlas.cli.main import cli
from ingest.encode.batch import BatchEncoder
from ingest.encode.precision import changes_by_precision
from ingest.jobs.direct import DirectRequest, direct_into
from ingest.jobs.ingest import IngestRequest
from ingest.jobs.reader import Reader
from ingest.models.hooked_model import hooked_model
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.matching import load_together
from ingest.models.names import pocket_folder
from ingest.models.sae import SAE
from ingest.models.screen import multiplies_bfloat16
from ingest.rows.sae_keys import required_sae_keys
from schema import ModelError, open_atlas
from schema.errors import SelectionError
from schema.verify import verify
from tests.made.architectures import save_model
from tests.made.jobs import ingest_with
from tests.made.tiny_models import save_sae, tiny_sae

Pocket = tuple[LanguageModel, list[SAE]]

TOKENS = torch.randint(100, 8000, (3, 40), generator=torch.Generator().manual_seed(5))
TEXTS = [
    "The patient has a fever of 39 degrees and was given aspirin for it.",
    "Two lungs, a liver and a heart.",
    "No.",
]


def in_bfloat16(pocket: Pocket) -> LanguageModel:
    return replace(pocket[0], precision="bfloat16")


@torch.no_grad()
def rounded_by_hand() -> torch.Tensor:
    """The stream before block 3 by Hugging Face's model: what its linear maps hold, read and give is rounded."""
    from transformers import GPT2LMHeadModel
    from transformers.pytorch_utils import Conv1D

    plain = GPT2LMHeadModel.from_pretrained(pocket_folder() / "gpt2", dtype=torch.float32).eval()
    for module in plain.modules():
        if isinstance(module, Conv1D):
            for parameter in module.parameters():
                parameter.copy_(parameter.bfloat16())
            module.register_forward_pre_hook(lambda _, given: (given[0].bfloat16().float(),))
            module.register_forward_hook(lambda _, given, out: out.bfloat16().float())
    states: torch.Tensor = plain(TOKENS, output_hidden_states=True).hidden_states[3]
    return states


def test_it_computes_what_rounding_by_hand_gives(pocket: Pocket) -> None:
    """What is multiplied is the same; sums of another order fall to the other side of a rounding here and there."""
    name = "blocks.3.hook_resid_pre"
    expected = rounded_by_hand()
    with torch.inference_mode():
        exact, found = (
            hooked_model(model, [name], cut=True).run(TOKENS, [name]).values[name]
            for model in (pocket[0], in_bfloat16(pocket))
        )
    changed = (expected - exact).norm()
    assert 1e-3 < changed / exact.norm() < 1e-2
    assert (found - expected).norm() < 0.4 * changed
    assert found.dtype == torch.float32


def test_gradients_and_caches_go_through_it(pocket: Pocket) -> None:
    hooked, name = hooked_model(in_bfloat16(pocket)), "blocks.3.hook_resid_pre"
    run = hooked.run(TOKENS[:1], [name], logits=True, grad=True)
    with torch.inference_mode():
        plain = hooked.run(TOKENS[:1], [name], logits=True)
    torch.testing.assert_close(run.next_logits.detach(), plain.next_logits, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(run.values[name].detach(), plain.values[name], rtol=1e-4, atol=1e-4)
    (gradient,) = torch.autograd.grad(run.next_logits[:, 9].sum(), [run.values[name]])
    assert gradient.dtype == torch.float32
    assert gradient.abs().sum() > 0
    with torch.inference_mode():
        assert len(hooked.generate(TOKENS[:1, :5], 4)) == 1


def test_what_changes_is_counted_as_pandas_counts_it(pocket: Pocket) -> None:
    model, saes = in_bfloat16(pocket), pocket[1]
    changes = changes_by_precision(model, saes, TEXTS)
    for place, (sae, change) in enumerate(zip(saes, changes, strict=True)):
        held = [
            BatchEncoder.of(each, saes)
            .encode(TEXTS, [""] * 3, [[True] * 3] * len(saes))
            .activations[place]
            .to_pandas()
            .set_index(["window", "position", "feature"])
            .activation
            for each in (pocket[0], model)
        ]
        joined = pd.concat(held, axis=1, keys=["exact", "rounded"], join="outer")
        both = joined.dropna()
        assert (change.sae, change.texts, change.precision) == (str(sae.name), 3, "bfloat16")
        assert (change.either, change.both) == (len(joined), len(both))
        apart = (both.exact - both.rounded).abs()
        assert change.largest == pytest.approx(apart.max())
        assert change.median == pytest.approx((apart / both.exact).median())
        assert change.peak == pytest.approx(held[0].max())
        assert 0.9 < change.shared < 1
        assert f"{change.shared:.1%} of the active set" in str(change)


def test_float32_changes_nothing_and_no_text_tells_nothing(pocket: Pocket) -> None:
    (change, _) = changes_by_precision(*pocket, TEXTS)
    assert (change.shared, change.largest, change.median) == (1, 0, 0)
    (change, _) = changes_by_precision(in_bfloat16(pocket), pocket[1], [""])
    assert (change.texts, change.either, change.shared) == (1, 0, 1)


def test_an_atlas_keeps_it_apart_from_float32(tmp_path: Path, pocket: Pocket) -> None:
    path, source = tmp_path / "atlas.duckdb", tmp_path / "texts.txt"
    source.write_text("\n".join(TEXTS) + "\n")
    request, (sae, *_) = IngestRequest(path, (str(source),)), pocket[1]
    exact = ingest_with(request, pocket[0], [sae])
    with open_atlas(path) as atlas, pytest.raises(SelectionError, match=f"--sae {sae.name} --precision bfloat16"):
        required_sae_keys(atlas, in_bfloat16(pocket), sae)
    rounded, again = (ingest_with(request, in_bfloat16(pocket), [sae]) for _ in range(2))
    assert (exact.counts.documents, exact.notes) == (3, [])
    assert rounded.counts.documents == 3
    assert [note for note in rounded.notes if note.startswith(f"{sae.name}: bfloat16 changes what float32 gives")]
    assert (again.counts.documents, again.notes) == (0, [])
    with open_atlas(path) as atlas:
        assert len({required_sae_keys(atlas, model, sae) for model in (pocket[0], in_bfloat16(pocket))}) == 2
        assert not [finding for finding in verify(atlas) if finding.violations]
        names = [row[0] for row in atlas.rows("SELECT label FROM sae ORDER BY ordinal")]
        pins = [row[0] for row in atlas.rows("SELECT pinned FROM sae ORDER BY sae")]
    assert names == [str(sae.name), pins[1]], "the plain name is float32's, though the other is newer"
    for model, pin, precision in ((pocket[0], pins[1], "bfloat16"), (in_bfloat16(pocket), pins[0], "float32")):
        asked = replace(sae, name=replace(sae.name, pin=pin.partition("@")[2]))
        with (
            open_atlas(path) as atlas,
            pytest.raises(ModelError, match=f"runs in {precision}; say --precision {precision}"),
        ):
            required_sae_keys(atlas, model, asked)
    with duckdb.connect(str(path), read_only=True) as file:
        settings = [
            json.loads(config) for (config,) in file.execute("SELECT config FROM model ORDER BY model").fetchall()
        ]
        assert [each.get("precision") for each in settings] == [None, "bfloat16"]
        counts = file.execute("SELECT sae, COUNT(*) FROM activation GROUP BY sae ORDER BY sae").fetchall()
    assert [count for _, count in counts] == [exact.counts.activations, rounded.counts.activations]


def test_the_command_takes_it_and_its_run_says_so(tmp_path: Path) -> None:
    path, source = tmp_path / "atlas.duckdb", tmp_path / "texts.txt"
    source.write_text(TEXTS[0] + "\n")
    result = CliRunner().invoke(cli, ["ingest", str(path), str(source), "--precision", "bfloat16"])
    assert result.exit_code == 0, result.output
    assert "compared on 1 of these texts" in result.output
    with duckdb.connect(str(path), read_only=True) as file:
        ((arguments,),) = file.execute("SELECT arguments FROM ingest_run").fetchall()
    assert json.loads(arguments)["precision"] == "bfloat16"


def test_another_architecture_is_refused_in_one_line(tmp_path: Path) -> None:
    save_model("gptneox", tmp_path / "model")
    sae = save_sae(tiny_sae("standard", d_in=32, d_sae=64), tmp_path / "sae", context_size=16)
    with pytest.raises(ModelError, match="--precision bfloat16 is for GPT-2's") as caught:
        load_together([sae], str(tmp_path / "model"), precision="bfloat16")
    assert "\n" not in str(caught.value)


def test_a_precision_that_there_is_not_is_refused() -> None:
    with pytest.raises(ModelError, match="no precision 'float16'; it is float32 or bfloat16"):
        Reader(precision="float16").load()  # type: ignore[arg-type]


def test_features_are_taken_apart_in_float32(tmp_path: Path, pocket: Pocket) -> None:
    path = tmp_path / "atlas.duckdb"
    with open_atlas(path, create=True) as atlas, pytest.raises(ModelError, match="leave out --precision bfloat16"):
        direct_into(atlas, DirectRequest(path, (3,), texts=(TEXTS[0],)), (in_bfloat16(pocket), pocket[1]))


def test_settings_that_an_older_file_leaves_unsaid_are_those_of_float32(tmp_path: Path, pocket: Pocket) -> None:
    path, source = tmp_path / "atlas.duckdb", tmp_path / "texts.txt"
    source.write_text("\n".join(TEXTS) + "\n")
    request, saes = IngestRequest(path, (str(source),)), pocket[1][:1]
    ingest_with(request, pocket[0], saes)
    with open_atlas(path) as atlas, atlas.transaction():
        for table in ("sae", "model"):
            atlas.rows(f"UPDATE {table} SET config = NULL, config_sha256 = NULL")
    counted = [ingest_with(request, model, saes).counts.documents for model in (in_bfloat16(pocket), pocket[0])]
    assert counted == [3, 0]


@pytest.mark.parametrize(
    ("instructions", "warned"), [({}, True), ({"avx512_bf16": True}, False), ({"amx_bf16": True}, False)]
)
def test_a_processor_that_is_slower_with_it_is_named(
    instructions: dict[str, bool],
    warned: bool,
    small_saes: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    multiplies_bfloat16.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", lambda: instructions)
        load_together(small_saes[1:])
        assert "bfloat16" not in caplog.text
        load_together(small_saes[1:], precision="bfloat16")
    multiplies_bfloat16.cache_clear()
    assert ("faster without --precision bfloat16" in caplog.text) == warned


def test_it_runs_where_onednn_has_no_bfloat16(tmp_path: Path, small_saes: tuple[str, ...]) -> None:
    source = tmp_path / "texts.txt"
    source.write_text(TEXTS[0] + "\n")
    command = [sys.executable, "-m", "atlas", "ingest", str(tmp_path / "atlas.duckdb"), str(source)]
    older = os.environ | {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    options = ["--precision", "bfloat16", "--sae", small_saes[1]]
    done = subprocess.run([*command, *options], env=older, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 documents" in done.stdout


def test_a_model_in_memory_keeps_its_precision(pocket: Pocket) -> None:
    assert Reader.of(in_bfloat16(pocket), pocket[1]).precision == "bfloat16"
    assert load_language_model("pocket", Processing()).precision == "float32"
