"""`atlas evaluate`: the figures of an SAE equal an independent computation, and are stored once."""

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.cli.main import cli
from ingest.encode.windows import Tokenization, Window
from ingest.jobs.evaluate import Evaluated, EvaluateRequest, evaluate_into
from ingest.jobs.ingest import IngestRequest
from ingest.jobs.progress import Progress
from ingest.models.hooked_model import HookedBridge
from ingest.models.language_model import LanguageModel
from ingest.models.names import pocket_folder
from ingest.models.sae import SAE
from ingest.quality.measuring import Meter
from ingest.quality.quality_sums import Losses, Quality, Reconstruction, quality_figures
from schema import AtlasError, ModelError, SelectionError, open_atlas
from schema.verify import verify
from tests.made.jobs import ingest_with
from tests.made.tiny_models import loaded, tiny_sae

Pocket = tuple[LanguageModel, list[SAE]]
D_MODEL, WINDOW = 256, 12
TEXTS = {
    "sea": ["The tide goes out at noon.", "Waves.", "A harbour keeps its boats from the storm and the long swell."],
    "law": ["The court heard the case on Monday and put off its judgement until the following month.", "An appeal."],
}
LONG = " ".join(TEXTS["sea"] + TEXTS["law"])


def sae_at(hook_name: str, architecture: str = "standard", **options: Any) -> SAE:
    """A small SAE with random weights, some of whose features never fire."""
    d_in = 4 * D_MODEL if hook_name.endswith("mlp.hook_post") else D_MODEL
    module = tiny_sae(architecture, d_in, 48, hook_name=hook_name, **options)
    module.W_enc.data *= 0.3
    if "b_enc" in dict(module.named_parameters()):
        module.b_enc.data[:5] = -1e4
    return loaded(module, context_size=WINDOW)


def windows_of(model: LanguageModel, sae: SAE, texts: list[str]) -> list[Window]:
    tokenization = Tokenization(model.tokenizer, sae.context_size, sae.prepend_bos)
    return [window for parts in tokenization.windows(texts, texts) for window in parts]


def measured(model: LanguageModel, sae: SAE, texts: list[str]) -> Quality:
    """The figures of some texts, without an atlas."""
    return figures(Meter(model, sae), model, sae, texts)


def figures(meter: Meter, model: LanguageModel, sae: SAE, texts: list[str]) -> Quality:
    sums = list(meter.measure(windows_of(model, sae, texts)))
    reconstruction, losses = sums[0]
    for one, other in sums[1:]:
        reconstruction, losses = reconstruction + one, losses + other
    return quality_figures(reconstruction, losses, model.config.d_vocab)


@pytest.fixture(scope="module")
def plain() -> Any:
    """The embedded model as Hugging Face runs it, with no code of TransformerLens or of ours."""
    from transformers import GPT2LMHeadModel

    return GPT2LMHeadModel.from_pretrained(pocket_folder() / "gpt2", dtype=torch.float32).eval()


PLACES: dict[str, Callable[[Any], tuple[Any, bool]]] = {
    "hook_resid_pre": lambda block: (block, True),
    "hook_resid_post": lambda block: (block, False),
    "hook_attn_out": lambda block: (block.attn, False),
    "hook_mlp_out": lambda block: (block.mlp, False),
    "attn.hook_z": lambda block: (block.attn.c_proj, True),
    "mlp.hook_post": lambda block: (block.mlp.act, False),
    "hook_resid_mid": lambda block: (block.ln_2, True),
}
"""The module of a Hugging Face block whose input (true) or output is the hook's value."""


@torch.no_grad()
def run_plain(
    plain: Any, hook_name: str, ids: Sequence[int], change: Callable[[torch.Tensor], torch.Tensor]
) -> np.ndarray:
    """Log-probabilities of each next token, with the value at the hook changed; one window, unpadded."""
    _, layer, site = hook_name.split(".", 2)
    module, before = PLACES[site](plain.transformer.h[int(layer)])

    def swap(value: Any) -> Any:
        return (change(value[0]), *value[1:]) if isinstance(value, tuple) else change(value)

    if site == "hook_resid_mid":
        handles = _change_mid(plain.transformer.h[int(layer)], change)
    elif before:
        handles = [module.register_forward_pre_hook(lambda module, inputs: swap(inputs))]
    else:
        handles = [module.register_forward_hook(lambda module, inputs, output: swap(output))]
    logits = plain(torch.tensor([ids])).logits[0].double()
    for handle in handles:
        handle.remove()
    return logits.log_softmax(-1)[torch.arange(len(ids) - 1), ids[1:]].numpy()


def _change_mid(block: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> list[Any]:
    """Two things read the stream between attention and MLP: the MLP's norm, and the sum after it."""
    added: list[torch.Tensor] = []

    def before_mlp(module: Any, inputs: Any) -> Any:
        changed = change(inputs[0])
        added.append(changed - inputs[0])
        return (changed,)

    def after_block(module: Any, inputs: Any, output: Any) -> Any:
        return (output[0] + added.pop(), *output[1:]) if isinstance(output, tuple) else output + added.pop()

    return [block.ln_2.register_forward_pre_hook(before_mlp), block.register_forward_hook(after_block)]


@cache
def without_sae(
    plain: Any, hook_name: str, ids: tuple[int, ...], first: int
) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """What every SAE is held against: the value at a hook, and the nats of each next token, with it and with zeros."""
    seen: list[torch.Tensor] = []

    def look(value: torch.Tensor) -> torch.Tensor:
        seen.append(value.clone())
        return value

    def zeroed(value: torch.Tensor) -> torch.Tensor:
        return torch.cat([value[:, :first], torch.zeros_like(value[:, first:])], 1)

    clean, zero = (-run_plain(plain, hook_name, ids, change) for change in (look, zeroed))
    return seen[0], clean, zero


def independent(plain: Any, model: LanguageModel, sae: SAE, texts: list[str]) -> Quality:
    """The same figures from whole matrices, window by window."""
    first, own = int(sae.prepend_bos), copy.deepcopy(sae.module)
    own.turn_off_forward_pass_hook_z_reshaping()  # here heads come side by side
    x, x_hat, acts, nats = [], [], [], {"clean": [], "sae": [], "zero": []}  # type: ignore[var-annotated]
    for window in windows_of(model, sae, texts):
        ids = (*[model.bos_token_id] * first, *window.token_ids.tolist())
        value, nats_clean, nats_zero = without_sae(plain, sae.hook_name, ids, first)
        x.append(value[0, first:].double().numpy())
        acts.append(own.encode(value)[0, first:].numpy())
        x_hat.append(own.decode(own.encode(value))[0, first:].double().numpy())

        def reconstructed(value: torch.Tensor) -> torch.Tensor:
            return torch.cat([value[:, :first], own.decode(own.encode(value))[:, first:]], 1)

        nats["clean"].append(nats_clean)
        nats["sae"].append(-run_plain(plain, sae.hook_name, ids, reconstructed))
        nats["zero"].append(nats_zero)
    matrix, error, active = np.concatenate(x), np.concatenate(x) - np.concatenate(x_hat), np.concatenate(acts) > 0
    entropies = {name: np.concatenate(values) for name, values in nats.items()}
    return Quality(
        tokens=len(matrix),
        explained_variance=1 - (error**2).sum(1).mean() / ((matrix - matrix.mean(0)) ** 2).sum(1).mean(),
        l0=active.sum(1).mean(),
        dead_share=(~active.any(0)).mean(),
        predicted_tokens=len(entropies["clean"]),
        ce_clean=entropies["clean"].mean(),
        ce_sae=entropies["sae"].mean(),
        ce_zero=entropies["zero"].mean(),
        ce_uniform=float(np.log(model.bridge.cfg.d_vocab)),
    )


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "standard": ("blocks.2.hook_resid_pre", {"apply_b_dec_to_input": True}),
    "standard without b_dec": ("blocks.0.hook_resid_pre", {"apply_b_dec_to_input": False}),
    "jumprelu": ("blocks.5.hook_resid_post", {"architecture": "jumprelu"}),
    "topk": ("blocks.1.hook_mlp_out", {"architecture": "topk", "k": 7}),
    "gated": ("blocks.3.hook_attn_out", {"architecture": "gated"}),
    "normalised": ("blocks.4.hook_resid_pre", {"normalize_activations": "layer_norm"}),
    "between attention and MLP": ("blocks.3.hook_resid_mid", {}),
    "heads": ("blocks.2.attn.hook_z", {"reshape_activations": "hook_z"}),
    "through the bridge": ("blocks.2.mlp.hook_post", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_figures_equal_an_independent_computation(pocket: Pocket, plain: Any, case: str) -> None:
    hook_name, options = CASES[case]
    sae = sae_at(hook_name, **options)
    ours = measured(pocket[0], sae, [*TEXTS["sea"], LONG])
    alike(ours, independent(plain, pocket[0], sae, [*TEXTS["sea"], LONG]), plain)


def alike(ours: Quality, theirs: Quality, plain: Any) -> None:
    """The figures are those of an independent computation."""
    assert (ours.tokens, ours.predicted_tokens) == (theirs.tokens, theirs.predicted_tokens)
    assert ours.l0 == pytest.approx(theirs.l0, rel=2e-3)
    assert ours.dead_share == theirs.dead_share
    assert ours.explained_variance == pytest.approx(theirs.explained_variance, rel=1e-4, abs=1e-4)
    for name in ("ce_clean", "ce_sae", "ce_zero", "ce_rise"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=2e-4, abs=2e-4), name
    # A ratio of differences, which may be small: it follows from the three, each of which is compared.
    recovered = (ours.ce_zero - ours.ce_sae) / (ours.ce_zero - ours.ce_clean)
    assert ours.ce_recovered == pytest.approx(recovered, rel=1e-9)
    assert ours.ce_recovered == pytest.approx(theirs.ce_recovered, rel=2e-3, abs=2e-3)
    guess = np.log(plain.config.vocab_size)
    recovered = (guess - theirs.ce_sae) / (guess - theirs.ce_clean)
    assert ours.ce_recovered_uniform == pytest.approx(recovered, rel=2e-3, abs=2e-3)


ARCHITECTURES: dict[str, dict[str, Any]] = {
    "standard": {},
    "jumprelu": {},
    "topk": {"k": 7},
    "topk of unit rows": {"k": 7, "rescale_acts_by_decoder_norm": True},
    "gated": {},
    "matching_pursuit": {"residual_threshold": 1e-2, "max_iterations": 8},
}
SCALINGS = ("none", "layer_norm", "constant_norm_rescale", "expected_average_only_in")


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("case", ARCHITECTURES)
def test_every_architecture_and_scaling_has_the_figures_of_a_computation_by_hand(
    pocket: Pocket, plain: Any, case: str, scaling: str
) -> None:
    """In forward passes of 1, 8 and 64 tokens and more."""
    options = ARCHITECTURES[case] | {"normalize_activations": scaling}
    sae, texts = sae_at("blocks.2.hook_resid_pre", case.partition(" ")[0], **options), [*TEXTS["sea"], *TEXTS["law"]]
    theirs = independent(plain, pocket[0], sae, texts)
    for tokens in (1, 8, 64):
        alike(figures(Meter(pocket[0], sae, forward_tokens=tokens), pocket[0], sae, texts), theirs, plain)


def test_windows_without_bos_are_replaced_whole(pocket: Pocket, plain: Any) -> None:
    sae = replace(sae_at("blocks.2.hook_resid_pre"), prepend_bos=False)
    ours, theirs = (measured(pocket[0], sae, [LONG]), independent(plain, pocket[0], sae, [LONG]))
    assert ours.predicted_tokens == theirs.predicted_tokens < ours.tokens
    assert ours.ce_sae == pytest.approx(theirs.ce_sae, rel=2e-4)
    assert ours.ce_zero == pytest.approx(theirs.ce_zero, rel=2e-4)


@pytest.mark.parametrize("site", ["hook_resid_pre", "hook_resid_post", "hook_mlp_out"])
def test_cross_entropies_equal_those_of_sae_lens(pocket: Pocket, site: str) -> None:
    """SAELens keeps BOS in the reconstruction's place alone, so zeros are compared where no BOS stands."""
    from sae_lens.evals import get_recons_loss
    from sae_lens.training.activation_scaler import ActivationScaler

    model, _ = pocket
    sae = replace(sae_at(f"blocks.3.{site}"), prepend_bos=False)
    for window in windows_of(model, sae, [LONG])[:2]:
        tokens = torch.tensor([window.token_ids.tolist()])
        theirs = get_recons_loss(sae.module, model.bridge, ActivationScaler(), tokens, False, True)
        _, losses = Meter(model, sae).batch(tokens, torch.ones_like(tokens, dtype=torch.bool))
        for name, total in (("without", losses.clean), ("with_sae", losses.sae), ("with_ablation", losses.zero)):
            expected = theirs["ce_loss_without_sae" if name == "without" else f"ce_loss_{name}"]
            assert total == pytest.approx(float(expected.sum()), rel=1e-4)


def test_an_sae_that_loses_nothing_explains_everything(pocket: Pocket) -> None:
    sae = sae_at("blocks.3.hook_resid_pre", apply_b_dec_to_input=False)
    module = tiny_sae("standard", D_MODEL, 2 * D_MODEL, hook_name=sae.hook_name, apply_b_dec_to_input=False)
    both = torch.cat([torch.eye(D_MODEL), -torch.eye(D_MODEL)])
    module.W_enc.data, module.W_dec.data = both.T.contiguous(), both
    module.b_enc.data.zero_(), module.b_dec.data.zero_()
    found = measured(pocket[0], replace(sae, module=module), [LONG])
    assert found.explained_variance == pytest.approx(1, abs=1e-12)
    assert found.ce_recovered == pytest.approx(1, abs=1e-6)
    assert found.ce_rise == pytest.approx(0, abs=1e-6)
    assert found.l0 == D_MODEL


def test_an_sae_that_gives_zeros_recovers_nothing_and_one_that_gives_the_mean_explains_nothing(pocket: Pocket) -> None:
    sae = sae_at("blocks.3.hook_resid_pre")
    sae.module.W_dec.data.zero_(), sae.module.b_dec.data.zero_()
    assert measured(pocket[0], sae, [LONG]).ce_recovered == 0
    reconstruction, _ = next(Meter(pocket[0], sae).measure(windows_of(pocket[0], sae, [LONG])))
    sae.module.b_dec.data = torch.from_numpy(reconstruction.mean).float()
    assert measured(pocket[0], sae, [LONG]).explained_variance == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("tokens", [1, 30, 100_000])
def test_the_size_of_a_forward_pass_does_not_matter(pocket: Pocket, tokens: int) -> None:
    sae, texts = sae_at("blocks.3.hook_resid_pre"), [*TEXTS["sea"], LONG, *TEXTS["law"]]
    whole = measured(pocket[0], sae, texts)
    parts = figures(Meter(pocket[0], sae, forward_tokens=tokens, chunk_rows=5), pocket[0], sae, texts)
    for name in Quality.__dataclass_fields__:
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), rel=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 9), min_size=1, max_size=6), st.floats(0, 1e4))
def test_sums_of_parts_are_those_of_the_whole(seed: int, sizes: list[int], offset: float) -> None:
    """Also far from zero, where E x² - (E x)² loses every digit."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(sum(sizes), 3, generator=generator).double() + offset
    x_hat, acts = x + 0.1 * torch.randn(x.shape, generator=generator), torch.randn(len(x), 7, generator=generator)
    parts = zip(x.split(sizes), x_hat.split(sizes), acts.split(sizes), strict=True)
    first, *rest = (Reconstruction.of(*part) for part in parts)
    for part in rest:
        first = first + part
    matrix, error = x.numpy(), (x - x_hat).numpy()
    assert first.scatter == pytest.approx(((matrix - matrix.mean(0)) ** 2).sum(), rel=1e-9)
    assert first.squared_error == pytest.approx((error**2).sum(), rel=1e-9)
    np.testing.assert_allclose(first.mean, matrix.mean(0), rtol=1e-12)
    assert (first.tokens, first.activations) == (len(x), int((acts > 0).sum()))
    np.testing.assert_array_equal(first.fired, (acts > 0).any(0).numpy())


def test_what_does_not_vary_has_no_explained_variance() -> None:
    rows = torch.ones(4, 2)
    found = quality_figures(Reconstruction.of(rows, rows, torch.zeros(4, 3)), Losses(4, 1.0, 1.0, 1.0), 2)
    assert (found.explained_variance, found.ce_recovered, found.dead_share) == (None, None, 1.0)
    assert found.ce_recovered_uniform == 1
    worse = quality_figures(Reconstruction.of(rows, rows, torch.zeros(4, 3)), Losses(4, 4.0, 4.0, 4.0), 2)
    assert worse.ce_recovered_uniform is None, "the model does worse than a guess between two"


def test_a_transcoder_is_refused(pocket: Pocket) -> None:
    module = tiny_sae("transcoder", D_MODEL, 48, d_out=D_MODEL, apply_b_dec_to_input=False)
    with pytest.raises(ModelError, match="reconstructs another place than it reads"):
        Meter(pocket[0], loaded(module))


def test_the_stream_inside_a_block_is_replaced_through_the_bridge_as_in_gpt2(pocket: Pocket) -> None:
    """There the hook is the MLP's input alone: what is replaced is added to the stream as well."""
    model, sae = pocket[0], sae_at("blocks.3.hook_resid_mid")
    through_bridge = Meter(model, sae)
    through_bridge.model = HookedBridge(model)
    ours, theirs = measured(model, sae, [LONG]), figures(through_bridge, model, sae, [LONG])
    for name in Quality.__dataclass_fields__:
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-4), name


def test_a_hook_that_the_model_does_not_have_is_refused(pocket: Pocket) -> None:
    sae = sae_at("blocks.1.hook_nonsense")
    with pytest.raises(ModelError, match=r"no hook blocks\.1\.hook_nonsense"):
        measured(pocket[0], sae, [LONG])


HOOK_NAME = "blocks.3.hook_resid_pre"


def write(path: Path, texts: dict[str, list[str]]) -> str:
    rows = [
        {"text": text, "domain": domain, "id": f"{domain}{n}"}
        for domain in texts
        for n, text in enumerate(texts[domain])
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def atlas(tmp_path: Path, pocket: Pocket) -> Path:
    """An atlas of two corpora, read by a small SAE."""
    path = tmp_path / "atlas.duckdb"
    ingest_with(IngestRequest(path, (write(tmp_path / "notes.jsonl", TEXTS),)), pocket[0], [sae_at(HOOK_NAME)])
    return path


def evaluated(
    path: Path, pocket: Pocket, corpus: str = "notes", sae: SAE | None = None, **rest: Any
) -> list[Evaluated]:
    with open_atlas(path) as opened:
        return evaluate_into(opened, EvaluateRequest(path, corpus, **rest), (pocket[0], [sae or sae_at(HOOK_NAME)]))


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_atlas(path, read_only=True) as opened:
        return opened.rows(sql)


HELD = "SELECT name, sae_quality.* EXCLUDE (corpus) FROM sae_quality JOIN corpus USING (corpus) ORDER BY name"


def test_every_corpus_of_a_source_has_a_row_that_agrees_with_the_ingest(atlas: Path, pocket: Pocket) -> None:
    found = evaluated(atlas, pocket)
    assert [(one.corpus.name, one.corpus.documents, one.known) for one in found] == [
        ("notes/law", 2, False),
        ("notes/sea", 3, False),
    ]
    assert found[0].quality == measured(pocket[0], sae_at(HOOK_NAME), TEXTS["law"])
    for l0, ingested, tokens, read in rows(
        atlas,
        """
        SELECT l0, activations / c.tokens, q.tokens, c.tokens
        FROM sae_quality AS q
        JOIN sae_corpus AS c USING (sae, corpus)
        """,
    ):
        assert l0 == pytest.approx(ingested, rel=1e-2)
        assert tokens == read
    fired = "(SELECT COUNT(*) FROM feature_corpus AS f WHERE f.corpus = q.corpus)"
    dead = f"SELECT dead_share, 1 - {fired} / 48 FROM sae_quality AS q"
    assert all(share == pytest.approx(expected, abs=1e-12) for share, expected in rows(atlas, dead))
    with open_atlas(atlas, read_only=True) as opened:
        assert [finding for finding in verify(opened) if finding.violations] == []
        runs = opened.rows("SELECT command, status, documents, tokens FROM ingest_run ORDER BY ingest_run DESC LIMIT 1")
    assert runs == [("evaluate", "done", 5, sum(one.quality.tokens for one in found))]


def test_what_is_stored_of_the_same_documents_is_not_computed_again(
    atlas: Path, pocket: Pocket, tmp_path: Path
) -> None:
    first = evaluated(atlas, pocket)
    held = rows(atlas, HELD)
    again = evaluated(atlas, pocket)
    assert [one.known for one in again] == [True, True]
    assert [one.quality for one in again] == [one.quality for one in first]
    assert rows(atlas, HELD) == held
    assert [one.known for one in evaluated(atlas, pocket, limit=2)] == [True, False]
    more = TEXTS | {"law": [*TEXTS["law"], "A new law came into force."]}
    ingest_with(IngestRequest(atlas, (write(tmp_path / "notes.jsonl", more),)), pocket[0], [sae_at(HOOK_NAME)])
    assert [one.known for one in evaluated(atlas, pocket)] == [False, False]
    assert rows(atlas, "SELECT name, documents FROM sae_quality JOIN corpus USING (corpus) ORDER BY name") == [
        ("notes/law", 3),
        ("notes/sea", 3),
    ]


def test_a_removed_or_replaced_document_takes_the_figures_of_its_corpus_along(
    atlas: Path, pocket: Pocket, tmp_path: Path
) -> None:
    evaluated(atlas, pocket)
    changed = TEXTS | {"sea": [*TEXTS["sea"][:2], "The harbour is empty tonight."]}
    ingest_with(IngestRequest(atlas, (write(tmp_path / "notes.jsonl", changed),)), pocket[0], [sae_at(HOOK_NAME)])
    assert [row[0] for row in rows(atlas, HELD)] == ["notes/law"]
    assert CliRunner().invoke(cli, ["remove", str(atlas), "--corpus", "notes/law"]).exit_code == 0
    assert rows(atlas, "SELECT COUNT(*) FROM sae_quality") == [(0,)]


def test_an_sae_that_the_atlas_does_not_know_is_registered(atlas: Path, pocket: Pocket) -> None:
    other = sae_at("blocks.1.hook_mlp_out")
    evaluated(atlas, pocket, "notes/sea", other)
    assert rows(atlas, "SELECT sae_id, name FROM sae_quality JOIN sae USING (sae) JOIN corpus USING (corpus)") == [
        ("blocks.1.hook_mlp_out", "notes/sea")
    ]
    assert rows(atlas, "SELECT COUNT(*) FROM feature WHERE sae = 1") == [(48,)]


def test_a_stopped_job_keeps_whole_corpora_and_goes_on_from_there(atlas: Path, pocket: Pocket) -> None:
    def stop(progress: Progress) -> None:
        if progress.done > 2:
            raise KeyboardInterrupt

    with open_atlas(atlas) as opened, pytest.raises(KeyboardInterrupt):
        evaluate_into(opened, EvaluateRequest(atlas, "notes"), (pocket[0], [sae_at(HOOK_NAME)]), stop)
    assert [row[0] for row in rows(atlas, HELD)] == ["notes/law"]
    assert rows(atlas, "SELECT status FROM ingest_run ORDER BY ingest_run DESC LIMIT 1") == [("failed",)]
    assert [one.known for one in evaluated(atlas, pocket)] == [True, False]


def test_the_command_says_it_in_words(atlas_copy: Path) -> None:
    arguments = ["evaluate", str(atlas_copy), "--corpus", "medical", "--limit", "2"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    assert line.startswith("medical/medical: ")
    assert "of variance explained by" in line
    assert "against a uniform guess, +" in line
    assert CliRunner().invoke(cli, arguments).stdout == f"{line} (known before)\n"


@pytest.mark.parametrize(
    ("corpus", "message"), [("medcal", "selects no document; near it: medical"), ("domain=medical", "whole corpora")]
)
def test_what_is_no_corpus_is_named_and_changes_nothing(atlas_copy: Path, corpus: str, message: str) -> None:
    before = atlas_copy.read_bytes()
    result = CliRunner().invoke(cli, ["evaluate", str(atlas_copy), "--corpus", corpus])
    assert isinstance(result.exception, AtlasError)
    assert message in str(result.exception)
    assert atlas_copy.read_bytes() == before


def test_a_corpus_with_nothing_to_predict_is_refused(tmp_path: Path, pocket: Pocket) -> None:
    path, sae = tmp_path / "a.duckdb", replace(sae_at(HOOK_NAME), prepend_bos=False)
    ingest_with(IngestRequest(path, (write(tmp_path / "one.jsonl", {"x": ["a"]}),)), pocket[0], [sae])
    with pytest.raises(SelectionError, match="no token that could be predicted"):
        evaluated(path, pocket, "one", sae)
    assert rows(path, "SELECT COUNT(*) FROM sae_quality") == [(0,)]
