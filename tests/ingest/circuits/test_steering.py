"""Steering and removing features of the embedded model: what must be no change is none, what is planted is found."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ingest.attribution.prompts import Prompt, prompt_of_text
from ingest.circuits.effects.controls import Matching, control_features
from ingest.circuits.effects.next_token import NextToken, rank_among_controls
from ingest.circuits.effects.removal import losses_without_features
from ingest.circuits.effects.steering import KINDS, Kind, Steering
from ingest.circuits.effects.steering_study import Question, Steered, steer_prompt
from ingest.circuits.tracer import Tracer
from ingest.encode.windows import Tokenization, Window
from ingest.models.hooked_model import hooked_model
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.models.sampling import Sampling
from ingest.models.spelling import token_id
from ingest.rows.sae_keys import Keys
from tests.made.tiny_models import loaded, tiny_sae

TEXT = "The doctor found that the infection had spread to the"
Pocket = tuple[LanguageModel, list[SAE]]


def tracer_of(model: LanguageModel, sae: SAE) -> Tracer:
    """A tracer that no atlas knows."""
    tokenization = Tokenization(model.tokenizer, sae.context_size, sae.prepend_bos)
    return Tracer(model, [sae], hooked_model(model), tokenization, [Keys(0, 0, 0, "")])


@pytest.fixture(scope="module")
def tracer(pocket: Pocket) -> Tracer:
    """The embedded model with its default SAE."""
    return tracer_of(pocket[0], pocket[1][1])


@pytest.fixture(scope="module")
def prompt(tracer: Tracer) -> Prompt:
    """A prompt of ten words."""
    return prompt_of_text(TEXT, tracer.tokenization)


def activations(tracer: Tracer, prompt: Prompt) -> torch.Tensor:
    """What fires at each position of a prompt."""
    hook_name = tracer.sae.hook_name
    return tracer.sae.encode(tracer.hooked.run(tracer.tokens(prompt)[None], [hook_name]).values[hook_name][0])


def strongest(tracer: Tracer, prompt: Prompt) -> int:
    """The feature that fires most on the last token."""
    return int(activations(tracer, prompt)[-1].argmax())


def steered(tracer: Tracer, prompt: Prompt, feature: int, kind: Kind, dose: float, **changes: Any) -> Steered:
    """One dose of a feature in units of 1."""
    question = Question(Steering(tracer.sae, feature, kind), 1.0, (dose,))
    return steer_prompt(tracer, replace(question, **changes), prompt)


def test_a_dose_of_nothing_is_the_identity(tracer: Tracer, prompt: Prompt) -> None:
    found = steered(tracer, prompt, strongest(tracer, prompt), "add", 0.0, controls=(1, 2), new_tokens=8)
    assert [effect.divergence for effect in found.effects] == pytest.approx([0, 0, 0], abs=1e-9)
    assert found.effects[0].activation == pytest.approx(found.activation, rel=1e-5)
    assert {effect.continuation for effect in found.effects[:2]} == {found.continuation}


def test_removing_a_silent_feature_changes_nothing(tracer: Tracer, prompt: Prompt) -> None:
    silent = int((activations(tracer, prompt)[1:].amax(0) == 0).nonzero()[0])
    found = steered(tracer, prompt, silent, "remove", 0.0).effects[0]
    assert found.divergence == pytest.approx(0, abs=1e-9)
    assert found.activation == 0


def test_clamping_to_its_own_value_changes_nothing_and_to_another_does(tracer: Tracer, prompt: Prompt) -> None:
    feature = strongest(tracer, prompt)
    acts = activations(tracer, prompt)[:, feature]
    place = len(acts) - 1
    steering = Steering(tracer.sae, feature, "clamp", (place,))
    found = steer_prompt(tracer, Question(steering, float(acts[place]), (1.0, 3.0)), prompt).effects
    assert found[0].divergence == pytest.approx(0, abs=1e-9)
    assert found[1].divergence > 1e-4


def test_what_is_removed_is_what_the_decoder_writes_of_it(tracer: Tracer, prompt: Prompt) -> None:
    feature = strongest(tracer, prompt)
    resid = tracer.hooked.run(tracer.tokens(prompt)[None], [tracer.sae.hook_name]).values[tracer.sae.hook_name]
    W_dec, acts = tracer.sae.W_dec[feature], activations(tracer, prompt)[:, feature]
    lanes = Question(Steering(tracer.sae, feature, "remove"), 1.0, (0.0,)).lanes()
    changed = Steering(tracer.sae, feature, "remove").patch(lanes).change(resid, 0)[0]
    expected = resid[0] - acts[:, None] * W_dec
    assert torch.allclose(changed[1:], expected[1:], atol=1e-4)
    assert torch.equal(changed[0], resid[0, 0])  # BOS stays


def test_unsteered_probabilities_are_those_of_a_direct_pass_on_the_same_ids(tracer: Tracer, prompt: Prompt) -> None:
    found = steered(tracer, prompt, 0, "add", 0.0)
    ids = [tracer.model.bos_token_id, *prompt.token_ids.tolist()]
    bridge = tracer.model.bridge
    logits = bridge(torch.tensor([ids]), prepend_bos=False)[0, -1]
    direct = logits.double().softmax(-1)
    for number, before, _ in found.next_tokens:
        assert before == pytest.approx(float(direct[number]), rel=1e-4)
    assert [number for number, _, _ in found.next_tokens] == direct.topk(len(found.next_tokens)).indices.tolist()


def test_a_planted_feature_raises_its_token_first_and_random_ones_do_not(pocket: Pocket) -> None:
    model, (*_, real) = pocket
    module = tiny_sae("standard", d_in=256, d_sae=64, hook_name="blocks.5.hook_resid_pre")
    token = token_id(model, " disease")
    module.W_dec.data[7] = model.W_U[:, token]
    tracer = tracer_of(model, loaded(module, context_size=real.context_size))
    prompt = prompt_of_text(TEXT, tracer.tokenization)
    question = Question(
        Steering(tracer.sae, 7, "add"), 20.0, (1.0, 2.0), tuple(n for n in range(64) if n != 7)[:20], (token,)
    )
    found = steer_prompt(tracer, question, prompt)
    for effect in found.effects:
        first = effect.raised[0][0] == token
        assert first == (effect.control == 0)
    own = [effect for effect in found.effects if effect.control == 0]
    assert [effect.words_rank for effect in own] == [1, 1]
    assert own[0].words == [(token, *own[0].raised[0][1:])]


def test_controls_are_pushed_as_far_as_the_feature(tracer: Tracer, prompt: Prompt) -> None:
    feature = strongest(tracer, prompt)
    hook_name = tracer.sae.hook_name
    resid = tracer.hooked.run(tracer.tokens(prompt)[None], [hook_name]).values[hook_name].expand(3, -1, -1)
    for kind in KINDS:
        steering = Steering(tracer.sae, feature, kind)
        lanes = Question(steering, 4.0, (1.0,), (3, 9)).lanes()
        moved = (steering.patch(lanes).change(resid, 0) - resid).norm(dim=-1)
        assert torch.allclose(moved[1:], moved[:1].expand(2, -1), atol=1e-3)
        assert moved[0].max() > 1


def test_steering_by_positions_leaves_the_others_and_lasts_while_text_is_generated(tracer: Tracer) -> None:
    steering = Steering(tracer.sae, 5, "add")
    chosen = Steering(tracer.sae, 5, "add", (2, 4))
    assert steering.steered(torch.arange(5)).tolist() == [False, True, True, True, True]
    assert chosen.steered(torch.arange(3, 6)).tolist() == [False, True, False]
    lanes = Question(steering, 1.0, (6.0,)).lanes()
    x = torch.randn(1, 1, tracer.sae.d_in, generator=torch.Generator().manual_seed(0))
    later = steering.patch(lanes).change(x, 30)
    assert torch.allclose(later - x, 6 * tracer.sae.W_dec[5], atol=1e-5)
    assert torch.equal(chosen.patch(lanes).change(x, 30), x)


def test_a_scaled_sae_is_pushed_at_its_inputs_own_scale(pocket: Pocket) -> None:
    module = tiny_sae("standard", d_in=256, d_sae=16, normalize_activations="layer_norm")
    sae = loaded(module, hook_name=pocket[1][0].hook_name)
    x = torch.randn(2, 3, 256, generator=torch.Generator().manual_seed(1)) * 5
    acts = sae.encode(x)
    more = acts.clone()
    more[..., 4] += 2
    expected = x + sae.decode(more, x) - sae.decode(acts, x)
    lanes = Question(Steering(sae, 4, "add", first_position=0), 1.0, (2.0, 2.0)).lanes()
    assert torch.allclose(Steering(sae, 4, "add", first_position=0).patch(lanes).change(x, 0), expected, atol=1e-4)


def test_divergence_and_ranks_are_as_scipy_has_them() -> None:
    from scipy.stats import entropy

    generator = torch.Generator().manual_seed(2)
    before, after = torch.randn(30, generator=generator), torch.randn(4, 30, generator=generator) * 2
    found = NextToken.of(before, after)
    p, rows = before.softmax(-1).double().numpy(), after.softmax(-1).double().numpy()
    assert found.divergence().numpy() == pytest.approx([entropy(p, q) for q in rows], rel=1e-5)
    gained = rows[2] - p
    assert [number for number, *_ in found.raised(5)[2]] == np.argsort(-gained)[:5].tolist()
    assert [number for number, *_ in found.lowered(5)[2]] == np.argsort(gained)[:5].tolist()
    assert [
        rank_among_controls(2.0, []),
        rank_among_controls(2.0, [1.0, 2.0, 3.0]),
        rank_among_controls(2.0, [1.0]),
    ] == [1, 3, 1]


def test_control_features_are_as_dense_and_as_long_and_alive() -> None:
    rng = np.random.default_rng(3)
    density = np.where(rng.random(500) < 0.3, 0, 10 ** rng.uniform(-4, -1, 500))
    matching = Matching(np.arange(500), density, np.ones(500))
    own = int(np.argmax(density > 0))
    drawn = control_features(matching, own, 20, seed=0)
    assert len(set(drawn)) == 20
    assert own not in drawn
    assert (density[drawn] > 0).all()
    everywhere = np.abs(np.log(density[density > 0] / density[own]))
    assert np.abs(np.log(density[drawn] / density[own])).max() < np.quantile(everywhere, 0.4)
    assert drawn == control_features(matching, own, 20, seed=0) != control_features(matching, own, 20, seed=1)


def test_loss_without_a_feature_is_that_of_a_direct_pass_and_unchanged_where_it_is_silent(tracer: Tracer) -> None:
    texts = [TEXT, "He sold the old car for very little money and walked home"]
    windows = [part for parts in tracer.tokenization.windows(texts, ["a", "b"]) for part in parts]
    prompts = [prompt_of_text(text, tracer.tokenization) for text in texts]
    acts = torch.stack([activations(tracer, each)[1:].amax(0) for each in prompts])
    only_first = int(((acts[0] > 0) & (acts[1] == 0)).nonzero()[0])
    found = losses_without_features(tracer, [only_first, strongest(tracer, prompts[1])], windows)
    assert found.without[0, 1] == found.clean[1]
    assert found.without[0, 0] != found.clean[0]
    for place, window in enumerate(windows):
        assert found.clean[place] == pytest.approx(direct_nats(tracer, window, None), rel=1e-5)
        assert found.without[0, place] == pytest.approx(direct_nats(tracer, window, only_first), rel=1e-5)
        assert found.tokens[place] == len(window)
    assert found.active[0].tolist() == [int((activations(tracer, each)[1:, only_first] > 0).sum()) for each in prompts]


def direct_nats(tracer: Tracer, window: Window, feature: int | None) -> float:
    """The loss of a window by itself through TransformerLens' hooks, with a feature subtracted."""

    def without(x: torch.Tensor, hook: object) -> torch.Tensor:
        acts = tracer.sae.encode(x)[..., feature]
        acts[:, 0] = 0
        return x - acts[..., None] * tracer.sae.W_dec[feature]

    ids = torch.tensor([[tracer.model.bos_token_id, *window.token_ids.tolist()]])
    hooks = [] if feature is None else [(tracer.sae.hook_name, without)]
    with torch.no_grad():
        logits = tracer.model.bridge.run_with_hooks(ids, prepend_bos=False, fwd_hooks=hooks)
    return float(torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="sum"))


def test_seeded_continuations_are_the_same_again(tracer: Tracer, prompt: Prompt) -> None:
    feature, sampling = strongest(tracer, prompt), Sampling(0.9, 40, seed=4)
    first, second = (steered(tracer, prompt, feature, "add", 3.0, new_tokens=6, sampling=sampling) for _ in range(2))
    assert first.continuation == second.continuation
    assert first.effects[0].continuation == second.effects[0].continuation


def test_a_dose_of_nothing_writes_what_is_written_without_steering(tracer: Tracer, prompt: Prompt) -> None:
    """All texts of a prompt are drawn by the same random numbers."""
    feature, sampling = strongest(tracer, prompt), Sampling(1.0, seed=3)
    found = steered(tracer, prompt, feature, "add", 0.0, controls=(1,), new_tokens=12, sampling=sampling)
    assert [effect.continuation for effect in found.effects] == [found.continuation] * 2
    assert found.continuation != steered(tracer, prompt, feature, "add", 0.0, new_tokens=12).continuation
