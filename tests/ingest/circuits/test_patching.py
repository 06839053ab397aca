"""Patching: sites of one batch give what one hook at a time gives; a whole stream the other prompt; nothing nothing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from ingest.circuits.patching.gradients import estimate_effects, rank_correlation
from ingest.circuits.patching.metrics import FeatureMetric, LogitMetric, Metric
from ingest.circuits.patching.patch_study import patch_pair
from ingest.circuits.patching.patched_runs import Patcher, Side, normalised_effects
from ingest.circuits.patching.prompt_pairs import pair_of_texts
from ingest.circuits.patching.sites import Site, hook_sites, patching_sites_before
from ingest.circuits.tracer import Tracer
from ingest.encode.windows import Tokenization
from ingest.models.hook_points import hook_kind
from ingest.models.hooked_model import hooked_model
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.sae import SAE
from ingest.rows.sae_keys import Keys
from schema import ModelError
from tests.made.architectures import save_model
from tests.made.tiny_models import loaded, tiny_sae

Pocket = tuple[LanguageModel, list[SAE]]
CLEAN = torch.tensor([0, 17, 300, 4000, 8191, 5, 21])
CORRUPTED = torch.tensor([0, 17, 301, 4001, 8191, 5, 21])
FIRST, LAST, N_HEADS = 2, 6, 8


def strongest(pocket: Pocket) -> FeatureMetric:
    """The feature of the deeper SAE that is strongest at the last position of the clean prompt."""
    model, saes = pocket
    hooked = hooked_model(model)
    acts = saes[1].encode(hooked.run(CLEAN[None], [saes[1].hook_name]).values[saes[1].hook_name][0, LAST])
    return FeatureMetric(saes[1], int(acts.argmax()), LAST)


def metrics(pocket: Pocket) -> dict[str, Metric]:
    return {"feature": strongest(pocket), "logit": LogitMetric(LAST, 99), "difference": LogitMetric(LAST, 99, 1234)}


def sides(patcher: Patcher) -> tuple[Side, Side, list[Site]]:
    """Both prompts, and every site that leads to the metric."""
    last = patcher.metric.hook_names[0] if patcher.metric.hook_names else None
    names = patching_sites_before(last, patcher.hooked.n_layers)
    clean, corrupted = (patcher.side(tokens, names) for tokens in (CLEAN, CORRUPTED))
    sites = [*hook_sites(names, range(FIRST, LAST + 1), N_HEADS), *patcher.feature_sites(clean, corrupted, FIRST)]
    return clean, corrupted, sites


def estimates(patcher: Patcher, base: Side, other: Side, sites: list[Site]) -> np.ndarray:
    return estimate_effects(patcher.hooked, patcher.metric, patcher.saes, (base, other), sites)


@torch.no_grad()
def one_hook(model: LanguageModel, saes: Sequence[SAE], metric: Metric, other: Any, site: Site) -> float:
    """TransformerLens' bridge, run once with a hook at the site; the clean prompt with the other's values."""

    def exchange(value: torch.Tensor, hook: Any) -> torch.Tensor:
        value = value.clone()
        positions = slice(None) if site.position is None else site.position
        if site.sae is not None:
            acts, theirs = (saes[site.sae].encode(x[0, positions]) for x in (value, other[site.hook_name]))
            value[0, positions] += (theirs - acts)[site.feature] * saes[site.sae].W_dec[site.feature]
        elif site.head is not None:
            value[0, positions, site.head] = other[site.hook_name][0, positions, site.head]
        else:
            value[0, positions] = other[site.hook_name][0, positions]
        return value

    read: list[torch.Tensor] = []

    def keep(value: torch.Tensor, hook: Any) -> None:
        read.append(value)

    reading = [(name, keep) for name in metric.hook_names]
    logits = model.bridge.run_with_hooks(CLEAN[None], fwd_hooks=[(site.hook_name, exchange), *reading])
    if isinstance(metric, FeatureMetric):
        module = metric.sae.module
        x = read[0][0, LAST] - module.b_dec
        return float(x @ module.W_enc[:, metric.feature] + module.b_enc[metric.feature])
    assert isinstance(metric, LogitMetric)
    against = 0.0 if metric.against_id is None else float(logits[0, LAST, metric.against_id])
    return float(logits[0, LAST, metric.target_id]) - against


def some_of(sites: list[Site], step: int) -> list[Site]:
    """Every so many sites, and one of each kind."""
    kinds = {
        (hook_kind(site.hook_name), site.position is None, site.head is None, site.sae): place
        for place, site in enumerate(sites)
    }
    return [sites[place] for place in sorted({*range(0, len(sites), step), *kinds.values()})]


@pytest.mark.parametrize("kind", ["feature", "logit", "difference"])
def test_every_site_equals_one_hook_at_a_time_of_transformer_lens(pocket: Pocket, kind: str) -> None:
    model, saes = pocket
    metric = metrics(pocket)[kind]
    patcher = Patcher(hooked_model(model), metric, saes[:1])
    clean, corrupted, sites = sides(patcher)
    compared = some_of(sites, 11 if kind == "feature" else 47)
    found = patcher.patched(clean, corrupted, compared)
    values = model.bridge.run_with_cache(CORRUPTED[None])[1]
    plain = [one_hook(model, saes, metric, values, site) for site in compared]
    size = max(abs(clean.value), abs(corrupted.value), 1)
    np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-4 * size)
    assert {hook_kind(site.hook_name) for site in compared} >= {"hook_resid_pre", "attn.hook_z", "hook_mlp_out"}
    assert any(site.feature is not None for site in compared)
    assert np.ptp(found) > 0.01


@pytest.mark.parametrize("kind", ["feature", "logit", "difference"])
def test_the_whole_stream_gives_the_other_prompt_and_own_values_change_nothing(pocket: Pocket, kind: str) -> None:
    patcher = Patcher(hooked_model(pocket[0]), metrics(pocket)[kind], pocket[1][:1])
    clean, corrupted, sites = sides(patcher)
    whole = [site for site in sites if "resid" in site.hook_name and site.position is None]
    size = max(abs(clean.value), abs(corrupted.value))
    for base, other in ((clean, corrupted), (corrupted, clean)):
        np.testing.assert_allclose(patcher.patched(base, other, whole), other.value, atol=1e-4 * size)
        np.testing.assert_allclose(patcher.patched(base, base, sites), base.value, atol=1e-5 * size)
    assert abs(clean.value - corrupted.value) > 0.01


def test_batches_of_any_size_give_the_same(pocket: Pocket) -> None:
    patcher = Patcher(hooked_model(pocket[0]), strongest(pocket), pocket[1][:1])
    clean, corrupted, sites = sides(patcher)
    whole = patcher.patched(clean, corrupted, sites)
    few = replace(patcher, tokens_at_once=30)
    np.testing.assert_allclose(few.patched(clean, corrupted, sites), whole, atol=1e-4)


@pytest.mark.parametrize("kind", ["feature", "logit"])
def test_gradients_estimate_small_exchanges_exactly_and_large_ones_by_their_slope(pocket: Pocket, kind: str) -> None:
    """The other prompt is the clean one moved by a hair: there the metric is linear."""
    model, saes = pocket
    patcher = Patcher(hooked_model(model), metrics(pocket)[kind], saes[:1])
    clean, corrupted, sites = sides(patcher)
    sites = [site for site in sites if site.feature is None]
    near = {name: value + 2e-3 * (corrupted.values[name] - value) for name, value in clean.values.items()}
    moved = replace(corrupted, values=near)
    exact = patcher.patched(clean, moved, sites) - clean.value
    small = estimates(patcher, clean, moved, sites) - clean.value
    np.testing.assert_allclose(small, exact, atol=0.05 * np.abs(exact).max())
    assert np.corrcoef(small, exact)[0, 1] > 0.999
    large = estimates(patcher, clean, corrupted, sites) - clean.value
    np.testing.assert_allclose(large, 500 * small, atol=1e-2 * np.abs(large).max())


def test_features_are_estimated_by_their_gradient(pocket: Pocket) -> None:
    """Nothing but the stream and the decoder's row lies between a feature and a metric."""
    model, saes = pocket
    patcher = Patcher(hooked_model(model), strongest(pocket), saes[:1])
    clean, corrupted, sites = sides(patcher)
    features = [site for site in sites if site.feature is not None]
    found = estimates(patcher, clean, corrupted, features) - clean.value
    run = patcher.hooked.run(CLEAN[None], [saes[0].hook_name, saes[1].hook_name], grad=True)
    (gradient,) = torch.autograd.grad(patcher.metric.of(run).sum(), [run.values[saes[0].hook_name]])
    acts = [saes[0].encode(side.values[saes[0].hook_name][0]) for side in (clean, corrupted)]
    by_hand = [
        float(
            (acts[1] - acts[0])[site.position, site.feature]
            * (gradient[0, site.position] @ saes[0].W_dec[site.feature])
        )
        for site in features
    ]
    np.testing.assert_allclose(found, by_hand, atol=1e-4)
    assert np.ptp(found) > 0.01


def test_effects_are_nought_for_the_corrupted_and_one_for_the_clean_prompt() -> None:
    np.testing.assert_allclose(normalised_effects(np.array([2.0, 5.0, 3.5]), 5.0, 2.0, 0.01), [0, 1, 0.5])
    assert np.isnan(normalised_effects(np.array([2.0, 5.0]), 2.005, 2.0, 0.01)).all()


def test_rank_correlation_is_scipys() -> None:
    rng = np.random.default_rng(0)
    one = np.round(rng.normal(size=50), 1)
    other = np.round(one + rng.normal(size=50), 1)
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert rank_correlation(one, np.ones(50)) is None
    assert rank_correlation(one[:0], other[:0]) is None


def test_an_encoder_that_is_not_linear_is_refused() -> None:
    sae = loaded(tiny_sae("topk", k=3))
    with pytest.raises(ModelError, match="architecture topk, whose pre-activations are not linear"):
        sae.encoder_direction(1)


@pytest.mark.parametrize("architecture", ["standard", "jumprelu"])
def test_a_pre_activation_is_what_the_encoder_cuts_off(architecture: str) -> None:
    sae = loaded(tiny_sae(architecture))
    x = torch.randn(20, sae.d_in, generator=torch.Generator().manual_seed(1))
    for feature in range(5):
        direction, bias = sae.encoder_direction(feature)
        pre, acts = x @ direction + bias, sae.encode(x)[:, feature]
        torch.testing.assert_close(acts[acts > 0], pre[acts > 0])
        assert bool(
            (pre[acts == 0] <= max(0, float(sae.module.threshold[feature]) if architecture == "jumprelu" else 0)).all()
        )


def test_taking_a_top_feature_away_moves_the_logits_and_a_silent_one_nothing(pocket: Pocket) -> None:
    """The SAE's error stays as it is: it does not put back what is taken away."""
    model, saes = pocket
    patcher = Patcher(hooked_model(model), LogitMetric(LAST, 99), saes[:1])
    clean, corrupted, _ = sides(patcher)
    acts, theirs = (saes[0].encode(side.values[saes[0].hook_name][0]) for side in (clean, corrupted))
    only_clean = torch.where(theirs[FIRST] == 0, acts[FIRST], 0)
    top, silent = int(only_clean.argmax()), int(((acts[FIRST] == 0) & (theirs[FIRST] == 0)).nonzero()[0])
    sites = [Site(saes[0].hook_name, FIRST, None, 0, feature) for feature in (top, silent)]
    found = patcher.patched(clean, corrupted, sites)
    same = patcher.patched(clean, clean, sites)
    assert abs(found[0] - same[0]) > 1e-3
    assert found[1] == same[1]


@pytest.mark.parametrize("architecture", ["gptneox", "gptj"])
def test_what_attention_adds_does_not_lead_to_the_mlp_beside_it(architecture: str, tmp_path: Path) -> None:
    save_model(architecture, tmp_path / "model")
    model = load_language_model(str(tmp_path / "model"), Processing())
    sae = loaded(tiny_sae("standard", d_in=32, hook_name="blocks.1.hook_mlp_out"))
    tracer = Tracer(model, [sae], hooked_model(model), Tokenization(model.tokenizer, 16, True), [Keys(0, 0, 0, "")])
    pair = pair_of_texts("The nurse gave him some medicine", "The judge gave him some medicine", tracer.tokenization)
    metric = FeatureMetric(sae, 0, len(pair))
    found = patch_pair(tracer, metric, pair, 0.0)
    assert np.ptp(found.denoised.values) > 0.01
    assert {(site.layer, hook_kind(site.hook_name)) for site in found.sites if site.layer == 1} == {
        (1, "hook_resid_pre"),
        (1, "hook_mlp_out"),
    }
    patcher = Patcher(tracer.hooked, metric)
    beside = [f"blocks.1.{kind}" for kind in ("hook_attn_out", "attn.hook_z")]
    sides = [patcher.side(tracer.tokens(prompt), beside) for prompt in (pair.clean, pair.corrupted)]
    left_out = [Site(name, None) for name in beside]
    np.testing.assert_allclose(patcher.patched(sides[0], sides[1], left_out), sides[0].value, atol=1e-5)
    np.testing.assert_array_equal(estimates(patcher, sides[0], sides[1], left_out), sides[0].value)
