"""GPT-2 as plain functions, TransformerLens' bridge and Hugging Face's own model give the same, patched or not."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ingest.models.circuit_weights import block_norm, final_norm, head_weights
from ingest.models.gpt2 import HOOK_POINTS
from ingest.models.hooked import HookedModel
from ingest.models.hooked_model import HookedBridge, HookedGPT2, hooked_model
from ingest.models.language_model import LanguageModel, Processing, load_language_model
from ingest.models.patch import Patch, Splice
from ingest.models.sae import SAE
from ingest.models.sampling import Sampling
from schema import ModelError
from tests.made.gpt2_small import VOCABULARY, save_gpt2_small
from tests.made.tiny_models import loaded, tiny_sae

TOKENS = torch.tensor([[0, 17, 300, 4000, 8191, 5, 5], [0, 1, 2, 3, 2, 1, 0]])
KINDS = (*HOOK_POINTS, "attn.hook_pattern")
PROCESSING = {
    "centred": Processing(center_writing_weights=True),
    "folded": Processing(center_writing_weights=True, fold_ln=True, center_unembed=True),
}
Pocket = tuple[LanguageModel, list[SAE]]
Both = dict[str, HookedModel]


@pytest.fixture(scope="module", params=["as_is", *PROCESSING])
def model(request: pytest.FixtureRequest, pocket: Pocket) -> LanguageModel:
    if request.param == "as_is":
        return pocket[0]
    return load_language_model("pocket", PROCESSING[request.param])


@pytest.fixture(scope="module")
def both(pocket: Pocket) -> Both:
    fast = hooked_model(pocket[0])
    assert isinstance(fast, HookedGPT2)
    return {"fast": fast, "bridge": HookedBridge(pocket[0])}


@pytest.fixture(scope="module")
def plain() -> Any:
    """The embedded model as Hugging Face runs it, with no code of TransformerLens or of ours."""
    from transformers import GPT2LMHeadModel

    from ingest.models.names import pocket_folder

    return GPT2LMHeadModel.from_pretrained(pocket_folder() / "gpt2", dtype=torch.float32).eval()


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_every_hook_point_of_every_block_is_the_same(model: LanguageModel) -> None:
    fast, bridge = hooked_model(model), HookedBridge(model)
    assert isinstance(fast, HookedGPT2)
    names = [f"blocks.{layer}.{kind}" for layer in range(model.config.n_layers) for kind in KINDS]
    with torch.no_grad():
        ours, theirs = (each.run(TOKENS, names, logits=True) for each in (fast, bridge))
    assert set(ours.values) == set(theirs.values) == set(names)
    for name in names:
        close(ours.values[name], theirs.values[name])
    close(ours.logits(), theirs.logits())
    close(ours.next_logits, theirs.logits()[:, -1])
    chosen = torch.zeros(TOKENS.shape, dtype=torch.bool)
    chosen[0, 2] = chosen[1, 5] = True
    close(ours.logits(chosen), theirs.logits()[chosen])


def test_the_stream_and_attention_equal_hugging_faces(both: Both, plain: Any) -> None:
    n_layers = plain.config.n_layer
    names = [f"blocks.{layer}.hook_resid_pre" for layer in range(n_layers)]
    patterns = [f"blocks.{layer}.attn.hook_pattern" for layer in range(n_layers)]
    plain.set_attn_implementation("eager")
    with torch.no_grad():
        theirs = plain(TOKENS, output_hidden_states=True, output_attentions=True)
        for hooked in both.values():
            ours = hooked.run(TOKENS, [*names, *patterns], logits=True)
            for layer in range(n_layers):
                close(ours.values[names[layer]], theirs.hidden_states[layer])
                close(ours.values[patterns[layer]], theirs.attentions[layer])
            close(ours.logits(), theirs.logits)


WRITTEN = (
    "Diabetes causes high blood sugar, and a naïve reader — 再見 🙂 — is told so twice.",
    "In 1997 the NHS (UK) saw 3,000 patients; 12 % had asthma.\n\n\tdef f(x):  return <|endoftext|>",
)


@pytest.fixture(scope="module")
def gpt2_small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """GPT-2 small's layers and tokens, random weights, narrower."""
    return save_gpt2_small(tmp_path_factory.mktemp("hooked") / "gpt2-small", d_model=96)


@pytest.mark.skipif(not VOCABULARY.is_dir(), reason="GPT-2's own tokenizer is not beside the repository")
@pytest.mark.parametrize("centred", [False, True])
def test_the_stream_on_gpt2s_own_tokens_is_the_same_by_three_ways(gpt2_small: str, centred: bool) -> None:
    """Plain functions, TransformerLens' bridge and Hugging Face, before and after each of twelve blocks."""
    from transformers import AutoTokenizer, GPT2LMHeadModel

    plain = GPT2LMHeadModel.from_pretrained(gpt2_small, dtype=torch.float32).eval()
    tokenizer: Any = AutoTokenizer.from_pretrained(gpt2_small)
    model = load_language_model(gpt2_small, Processing(center_writing_weights=centred))
    fast, bridge, last = hooked_model(model), HookedBridge(model), plain.config.n_layer - 1
    assert isinstance(fast, HookedGPT2)
    names = [f"blocks.{layer}.hook_resid_pre" for layer in range(last + 1)] + [f"blocks.{last}.hook_resid_post"]
    ends: list[torch.Tensor] = []
    plain.transformer.ln_f.register_forward_pre_hook(lambda module, inputs: ends.append(inputs[0]))
    for text in WRITTEN:
        ids = tokenizer(text, split_special_tokens=True)["input_ids"]
        assert tokenizer.decode(ids) == text and len(ids) > 20
        tokens = torch.tensor([[tokenizer.bos_token_id, *ids]])
        with torch.no_grad():
            streams = [*plain(tokens, output_hidden_states=True).hidden_states[: last + 1], ends[-1]]
            for hooked in (fast, bridge):
                found = hooked.run(tokens, names).values
                for name, stream in zip(names, streams, strict=True):
                    expected = stream - stream.mean(-1, keepdim=True) if centred else stream
                    torch.testing.assert_close(found[name], expected, rtol=0, atol=1e-4)


def test_one_hook_point_gives_what_all_give(model: LanguageModel) -> None:
    names = [f"blocks.{layer}.hook_resid_pre" for layer in range(6)]
    with torch.inference_mode():
        together = hooked_model(model, names, cut=True).run(TOKENS, names).values
        for name in names:
            alone = hooked_model(model, [name], cut=True).run(TOKENS, [name]).values
            assert list(alone) == [name]
            assert torch.equal(alone[name], together[name])


def test_padding_on_the_right_is_never_seen(model: LanguageModel) -> None:
    name = "blocks.5.hook_resid_post"
    hooked = hooked_model(model, [name])
    padded = torch.cat([TOKENS, torch.full((2, 30), 7)], dim=1)
    with torch.inference_mode():
        alone = hooked.run(TOKENS, [name]).values[name]
        shown = hooked.run(padded, [name]).values[name][:, : TOKENS.shape[1]]
    torch.testing.assert_close(shown, alone, rtol=1e-5, atol=1e-6 * float(alone.abs().max()))


def test_other_hook_points_are_read_through_the_bridge(model: LanguageModel) -> None:
    names = ["blocks.1.attn.hook_q", "blocks.2.mlp.hook_post", "blocks.2.hook_resid_pre"]
    hooked = hooked_model(model, names)
    assert isinstance(hooked, HookedBridge)
    with torch.inference_mode():
        found = hooked.run(TOKENS, names).values
        plain = hooked_model(model, names[2:]).run(TOKENS, names[2:]).values
    assert {name: acts.shape for name, acts in found.items()} == {
        "blocks.1.attn.hook_q": (2, 7, 8, 32),
        "blocks.2.mlp.hook_post": (2, 7, 1024),
        "blocks.2.hook_resid_pre": (2, 7, 256),
    }
    close(found[names[2]], plain[names[2]])


@pytest.mark.parametrize("name", ["blocks.1.hook_nonsense", "blocks.60.hook_resid_pre"])
def test_a_hook_that_the_model_does_not_have_is_refused(both: Both, model: LanguageModel, name: str) -> None:
    patch = Patch.of(name, torch.clone)
    for hooked in (*both.values(), hooked_model(model, [name])):
        with pytest.raises(ModelError, match=f"no hook {name}"):
            hooked.run(TOKENS, [name])
        with pytest.raises(ModelError, match=f"no hook {name}"):
            hooked.run(TOKENS, patches=[patch], logits=True)


def test_more_tokens_than_positions_are_refused(both: Both) -> None:
    for hooked in both.values():
        with pytest.raises(ModelError, match="129 tokens do not fit the model, which has 128 positions"):
            hooked.run(torch.zeros(1, 129, dtype=torch.long), logits=True)
        with pytest.raises(ModelError, match="positions"):
            hooked.generate(TOKENS, 123)


def randn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


PATCHES: dict[str, Callable[[str], Patch]] = {
    "whole": lambda name: Patch.replace(name, randn(2, 7, 256)),
    "position": lambda name: Patch.replace(name, randn(2, 256), positions=3),
    "positions": lambda name: Patch.replace(name, randn(2, 2, 256), positions=[2, 5]),
    "row by row": lambda name: Patch.replace(name, randn(2, 256), rows=[0, 1], positions=[4, 1]),
    "added from a position on": lambda name: Patch.add(name, 5 * randn(256), positions=slice(2, None)),
}
HEAD_PATCHES: dict[str, Callable[[str], Patch]] = {
    "head": lambda name: Patch.replace(name, torch.zeros(32), heads=5),
    "head at a position": lambda name: Patch.replace(name, randn(2, 32), positions=4, heads=2),
    "a head for each row": lambda name: Patch.replace(name, randn(2, 7, 32), rows=[0, 1], heads=[3, 6]),
    "side by side": lambda name: Patch.replace(name, randn(2, 7, 256)),
}


def by_hand(case: str, value: torch.Tensor) -> torch.Tensor:
    """The patches above, spelled out."""
    value = value.clone()
    match case:
        case "whole":
            return randn(2, 7, 256)
        case "position":
            value[:, 3] = randn(2, 256)
        case "positions":
            value[:, 2], value[:, 5] = randn(2, 2, 256).unbind(1)
        case "row by row":
            value[0, 4], value[1, 1] = randn(2, 256)
        case "added from a position on":
            value[:, 2:] += 5 * randn(256)
        case "head":
            value[:, :, 5] = 0
        case "head at a position":
            value[:, 4, 2] = randn(2, 32)
        case "a head for each row":
            value[0, :, 3], value[1, :, 6] = randn(2, 7, 32)
        case "side by side":
            return randn(2, 7, 256).view_as(value)
    return value


MODULES: dict[str, Callable[[Any], Any]] = {
    "hook_resid_pre": lambda block: block.register_forward_pre_hook,
    "hook_resid_post": lambda block: block.register_forward_hook,
    "hook_attn_out": lambda block: block.attn.register_forward_hook,
    "hook_mlp_out": lambda block: block.mlp.register_forward_hook,
    "attn.hook_z": lambda block: block.attn.c_proj.register_forward_pre_hook,
}
"""Where Hugging Face's block has a module that reads or gives the hook's value."""


@torch.no_grad()
def patched_plain(plain: Any, kind: str, case: str) -> torch.Tensor:
    """Logits of Hugging Face's model with the value in block 2 patched by hand."""

    def swap(module: Any, inputs: Any, output: Any = None) -> Any:
        given = inputs if output is None else output
        value = given[0] if isinstance(given, tuple) else given
        apart = value.unflatten(-1, (8, 32)) if kind == "attn.hook_z" else value
        changed = by_hand(case, apart).view_as(value)
        return (changed, *given[1:]) if isinstance(given, tuple) else changed

    handle = MODULES[kind](plain.transformer.h[2])(swap)
    logits: torch.Tensor = plain(TOKENS).logits
    handle.remove()
    return logits


CASES = [(kind, case) for kind in MODULES for case in (HEAD_PATCHES if kind == "attn.hook_z" else PATCHES)]


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_patched_runs_equal_hugging_faces(both: Both, plain: Any, kind: str, case: str) -> None:
    name = f"blocks.2.{kind}"
    patch = (PATCHES | HEAD_PATCHES)[case](name)
    expected = patched_plain(plain, kind, case)
    with torch.no_grad():
        for hooked in both.values():
            run = hooked.run(TOKENS, [name, "blocks.2.hook_resid_pre"], [patch], logits=True)
            close(run.logits(), expected)
            clean = hooked.run(TOKENS, [name, "blocks.2.hook_resid_pre"])
            close(run.values[name], by_hand(case, clean.values[name]).view_as(run.values[name]))
            resumed = hooked.resume(clean.values["blocks.2.hook_resid_pre"], 2, [name], [patch], logits=True)
            close(resumed.logits(), expected)
            close(resumed.values[name], run.values[name])


def test_the_stream_between_attention_and_mlp_is_patched_for_all_that_read_it(both: Both) -> None:
    name = "blocks.2.hook_resid_mid"
    patch = Patch.replace(name, randn(2, 256), positions=3)
    with torch.no_grad():
        fast, bridge = (hooked.run(TOKENS, [name], [patch], logits=True) for hooked in both.values())
        mid = fast.values[name]
        mlp_out = both["fast"].run(TOKENS, ["blocks.2.hook_mlp_out"], [patch]).values["blocks.2.hook_mlp_out"]
        by_parts = both["fast"].resume(mid + mlp_out, 3, logits=True)
    close(bridge.values[name], mid)
    close(bridge.logits(), fast.logits())
    close(by_parts.logits(), fast.logits())


def test_a_pattern_can_be_patched(both: Both) -> None:
    name = "blocks.1.attn.hook_pattern"

    def looks_at_itself(pattern: torch.Tensor) -> torch.Tensor:
        return torch.eye(pattern.shape[-1]).expand_as(pattern)

    with torch.no_grad():
        fast, bridge = (
            hooked.run(TOKENS, [name], [Patch.of(name, looks_at_itself)], logits=True) for hooked in both.values()
        )
        clean = both["fast"].run(TOKENS, logits=True)
    close(fast.logits(), bridge.logits())
    assert (fast.logits() - clean.logits()).abs().max() > 0.1


def test_many_patched_runs_of_one_batch_equal_runs_of_their_own(both: Both) -> None:
    """Row i has the other prompt's stream at position i; all of them resume from the patched block."""
    name = "blocks.3.hook_resid_pre"
    with torch.no_grad():
        for hooked in both.values():
            first, second = hooked.run(TOKENS, [name]).values[name]
            places = range(len(first))
            patch = Patch.replace(name, second, rows=places, positions=places)
            together = hooked.resume(first.expand(7, -1, -1), 3, patches=[patch], logits=True).next_logits
            for place in places:
                alone = Patch.replace(name, second[place], positions=place)
                close(hooked.run(TOKENS[:1], patches=[alone], logits=True).next_logits[0], together[place])


def test_after_the_last_block_only_the_logits_are_left(both: Both) -> None:
    name = "blocks.5.hook_resid_post"
    with torch.no_grad():
        for hooked in both.values():
            run = hooked.run(TOKENS, [name], logits=True)
            close(hooked.resume(run.values[name], hooked.n_layers, logits=True).logits(), run.logits())


def test_a_run_that_was_not_to_give_logits_says_so(both: Both) -> None:
    with pytest.raises(ModelError, match="logits=True"):
        both["fast"].run(TOKENS, ["blocks.0.hook_resid_pre"]).logits()


def test_gradients_are_those_of_finite_differences_and_the_same_in_both(both: Both) -> None:
    names = ["blocks.1.hook_resid_pre", "blocks.3.attn.hook_z", "blocks.4.hook_mlp_out"]
    found = {}
    for kind, hooked in both.items():
        run = hooked.run(TOKENS, names, logits=True, grad=True)
        found[kind] = torch.autograd.grad(run.next_logits[:, 5].sum(), [run.values[name] for name in names])
    for fast, bridge in zip(*found.values(), strict=True):
        close(fast, bridge)
    step = torch.zeros(2, 7, 256)
    step[0, 2] = 0.05 * randn(256)
    with torch.no_grad():
        up, down = (
            both["fast"].run(TOKENS, patches=[Patch.add(names[0], sign * step)], logits=True).next_logits[:, 5].sum()
            for sign in (1, -1)
        )
    assert float((found["fast"][0] * step).sum()) == pytest.approx(float(up - down) / 2, rel=0.02)


def test_nothing_is_recorded_for_gradients_unasked(both: Both) -> None:
    for hooked in both.values():
        run = hooked.run(TOKENS, ["blocks.1.hook_resid_pre"], logits=True)
        assert not run.logits().requires_grad
        assert not run.values["blocks.1.hook_resid_pre"].requires_grad


def test_weights_give_what_heads_add_and_what_parts_of_the_stream_add_to_a_logit(model: LanguageModel) -> None:
    hooked, last = hooked_model(model), model.config.n_layers - 1
    names = [f"blocks.{last}.{kind}" for kind in KINDS]
    with torch.no_grad():
        run = hooked.run(TOKENS, names, logits=True)
        pre, z, attn_out, _, mlp_out, post, pattern = (run.values[name] for name in names)
        heads, norm = head_weights(model, last), final_norm(model)
        close(torch.einsum("bphd, hdm -> bpm", z, heads.W_O) + heads.b_O, attn_out)
        ln1 = block_norm(model, last, "ln1")
        normed = ln1.at_scale(pre, ln1.scale(pre)) + ln1.bias
        values = torch.einsum("bpm, hmd -> bphd", normed, heads.W_V) + heads.b_V
        close(torch.einsum("bhqk, bkhd -> bqhd", pattern, values), z)
        parts = norm.at_scale(torch.stack([pre, attn_out, mlp_out]), norm.scale(post))  # (part, batch, position, d)
        logits = (parts.sum(0) + norm.bias) @ model.W_U + model.b_U
    close(logits, run.logits())
    assert model.W_E.shape == model.W_U.T.shape


PROMPT = TOKENS[:, :4]


@torch.no_grad()
def without_cache(hooked: HookedModel, steps: int, patches: list[Patch]) -> torch.Tensor:
    """Greedy tokens, each by a pass over all before it."""
    tokens = PROMPT
    for _ in range(steps):
        chosen = hooked.run(tokens, patches=patches, logits=True).next_logits.argmax(-1)
        tokens = torch.cat([tokens, chosen[:, None]], 1)
    return tokens[:, PROMPT.shape[1] :]


STEERING = {
    "plain": [],
    "everywhere": [Patch.add("blocks.2.hook_resid_pre", 12 * randn(256))],
    "from the prompt's end on": [Patch.add("blocks.2.hook_resid_pre", 12 * randn(256), positions=slice(3, None))],
    "at positions to come": [Patch.add("blocks.4.hook_mlp_out", 40 * randn(2, 3, 256), positions=[1, 4, 9])],
    "a head": [Patch.replace("blocks.3.attn.hook_z", 9 * randn(32), heads=1, positions=slice(4, None))],
}


@pytest.mark.parametrize("case", STEERING)
def test_generation_with_a_cache_equals_generation_without(both: Both, case: str) -> None:
    expected = without_cache(both["fast"], 12, STEERING[case])
    for hooked in both.values():
        generated = hooked.generate(PROMPT, 12, STEERING[case])
        assert hooked.end_of_text not in expected.flatten().tolist()
        assert torch.equal(generated, expected)
    if case != "plain":
        assert not torch.equal(expected, without_cache(both["fast"], 12, []))


def test_a_row_that_ended_repeats_its_end(both: Both) -> None:
    """Steered so hard that the end-of-text token is the only one left for the first row."""
    for hooked in both.values():
        towards = 500 * both["fast"].gpt2.W_U[:, hooked.end_of_text]  # type: ignore[attr-defined]
        only = Patch.add("blocks.5.hook_resid_post", towards, rows=0, positions=5)
        generated = hooked.generate(PROMPT, 8, [only])
        assert generated.shape == (2, 8)
        assert (generated[0, 2:] == hooked.end_of_text).all()
        assert (generated[:, :2] != hooked.end_of_text).all()
        both_rows = Patch.add("blocks.5.hook_resid_post", towards, positions=5)
        assert hooked.generate(PROMPT, 8, [both_rows]).shape == (2, 3)


def test_drawn_tokens_are_those_of_their_seed_and_row(both: Both) -> None:
    sampling = Sampling(temperature=1.0, top_k=50, seed=4)
    drawn = both["fast"].generate(PROMPT, 8, sampling=sampling)
    assert torch.equal(drawn, both["fast"].generate(PROMPT, 8, sampling=sampling))
    assert torch.equal(drawn, both["bridge"].generate(PROMPT, 8, sampling=sampling))
    assert torch.equal(drawn[:1], both["fast"].generate(PROMPT[:1], 8, sampling=sampling)[:, : drawn.shape[1]])
    assert not torch.equal(drawn, both["fast"].generate(PROMPT, 8, sampling=Sampling(1.0, 50, seed=5)))
    greedy = both["fast"].generate(PROMPT, 8)
    assert torch.equal(greedy, both["fast"].generate(PROMPT, 8, sampling=Sampling(1.0, top_k=1)))


def test_several_saes_in_one_run_keep_their_errors(both: Both, pocket: Pocket) -> None:
    """Features and errors add up to the stream, and features are differentiated by; a changed one changes the rest."""
    saes = [pocket[1][0], pocket[1][1], loaded(tiny_sae("topk", 256, 64, k=5, hook_name="blocks.4.attn.hook_z"))]
    for hooked in both.values():
        clean = hooked.run(TOKENS, [sae.hook_name for sae in saes], logits=True)
        run = hooked.run(TOKENS, splices=[Splice(sae) for sae in saes], logits=True, grad=True)
        torch.testing.assert_close(run.logits(), clean.logits(), rtol=1e-3, atol=1e-3)
        for sae in saes:
            parts, x = run.features[sae.hook_name], clean.values[sae.hook_name]
            torch.testing.assert_close(parts.feature_acts, sae.encode(x), rtol=1e-3, atol=1e-3)
            torch.testing.assert_close(parts.error, sae.error(x).flatten(2), rtol=1e-3, atol=1e-3)
        targets = [part for sae in saes for part in (run.features[sae.hook_name].feature_acts,)]
        gradients = torch.autograd.grad(run.next_logits[:, 5].sum(), targets)
        assert all(bool(gradient.any()) for gradient in gradients)


def test_a_feature_taken_out_of_a_splice_is_its_direction_taken_out_of_the_stream(both: Both, pocket: Pocket) -> None:
    sae = pocket[1][1]
    with torch.no_grad():
        for hooked in both.values():
            acts = sae.encode(hooked.run(TOKENS, [sae.hook_name]).values[sae.hook_name])
            feature = int(acts[0, -1].argmax())

            def without(acts: torch.Tensor, feature: int = feature) -> torch.Tensor:
                return acts.index_fill(-1, torch.tensor(feature), 0)

            spliced = hooked.run(TOKENS, splices=[Splice(sae, without)], logits=True)
            taken = Patch.add(sae.hook_name, -acts[..., feature, None] * sae.W_dec[feature])
            torch.testing.assert_close(
                spliced.logits(), hooked.run(TOKENS, patches=[taken], logits=True).logits(), rtol=1e-3, atol=1e-3
            )
