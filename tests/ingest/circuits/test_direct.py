"""Direct attribution: parts add up, and each is what the model loses when the part is taken away."""

import numpy as np
import pytest
import torch

from ingest.circuits.direct import attention_pairs, direct_attribution
from ingest.models.hooked_model import hooked_model
from ingest.models.language_model import LanguageModel
from ingest.models.patch import Patch
from ingest.models.sae import SAE
from schema import ModelError
from tests.made.tiny_models import loaded, tiny_sae

Pocket = tuple[LanguageModel, list[SAE]]
TOKENS = torch.tensor([0, 17, 300, 4000, 8191, 5, 300, 21])
LAST = len(TOKENS) - 1


def pre_activation(model: LanguageModel, sae: SAE, feature: int, patches: list[Patch] | None = None) -> float:
    run = hooked_model(model).run(TOKENS[None], [sae.hook_name], patches or [])
    direction, bias = sae.encoder_direction(feature)
    return float(run.values[sae.hook_name][0, LAST] @ direction) + bias


def strongest(model: LanguageModel, sae: SAE) -> int:
    run = hooked_model(model).run(TOKENS[None], [sae.hook_name])
    return int(sae.encode(run.values[sae.hook_name][0, LAST]).argmax())


@pytest.mark.parametrize("place", [0, 1])
def test_the_parts_add_up_to_the_pre_activation(pocket: Pocket, place: int) -> None:
    model, sae = pocket[0], pocket[1][place]
    for feature in (strongest(model, sae), 0, 99):
        found = direct_attribution(model, hooked_model(model), sae, feature, TOKENS)
        size = max(abs(found.pre_activation), *(abs(part.value) for part in found.parts))
        assert sum(part.value for part in found.parts) == pytest.approx(found.pre_activation, abs=1e-4 * size)
        assert found.pre_activation == pytest.approx(pre_activation(model, sae, feature), rel=1e-4)
        assert {part.kind for part in found.parts} == {
            "token",
            "position",
            "head",
            "mlp",
            "attention_bias",
            "encoder_bias",
        }


def test_the_last_block_loses_what_its_parts_write(pocket: Pocket) -> None:
    """What the block before the SAE writes goes through nothing on the way: taken away, the feature loses just that."""
    model, sae = pocket[0], pocket[1][1]
    feature, layer = strongest(model, sae), sae.hook_layer - 1
    found = direct_attribution(model, hooked_model(model), sae, feature, TOKENS)
    whole = pre_activation(model, sae, feature)
    mlp = next(part.value for part in found.parts if part.kind == "mlp" and part.layer == layer)
    without = pre_activation(model, sae, feature, [Patch.replace(f"blocks.{layer}.hook_mlp_out", torch.zeros(256))])
    assert whole - without == pytest.approx(mlp, rel=1e-3, abs=1e-3)


def test_a_source_position_is_what_a_head_reads_there(pocket: Pocket) -> None:
    """TransformerLens' own values and pattern give the same, its value bias left out."""
    model, sae = pocket[0], pocket[1][1]
    feature = strongest(model, sae)
    found = direct_attribution(model, hooked_model(model), sae, feature, TOKENS)
    cache = model.bridge.run_with_cache(TOKENS[None])[1]
    direction = sae.encoder_direction(feature)[0]
    for layer in range(sae.hook_layer):
        attn = model.bridge.blocks[layer].attn
        values = cache[f"blocks.{layer}.attn.hook_v"][0].view(len(TOKENS), 8, -1) - attn.b_V.view(8, -1)
        pattern = cache[f"blocks.{layer}.attn.hook_pattern"][0, :, -1]
        theirs = torch.einsum("hk, khd, hde, e -> hk", pattern, values, attn.W_O, direction)
        ours = [part.value for part in found.parts if part.kind == "head" and part.layer == layer]
        np.testing.assert_allclose(np.reshape(ours, (8, -1)), theirs.numpy(), atol=1e-4 * float(theirs.abs().max()))


def test_weight_times_gradient_is_what_a_hair_of_the_weight_changes(pocket: Pocket) -> None:
    model, sae = pocket[0], pocket[1][1]
    feature = strongest(model, sae)
    hooked = hooked_model(model)
    pairs, total = attention_pairs(hooked, sae, feature, TOKENS, 12)
    every, same = attention_pairs(hooked, sae, feature, TOKENS, 10_000)
    assert pairs == every[:12]
    assert total == pytest.approx(same)
    assert total == pytest.approx(sum(pair.value for pair in every), rel=1e-3)
    sizes = [abs(pair.value) for pair in every]
    assert sizes == sorted(sizes, reverse=True)
    whole = pre_activation(model, sae, feature)
    for pair in pairs:
        name = f"blocks.{pair.layer}.attn.hook_pattern"

        def hair(pattern: torch.Tensor, pair: object = pair) -> torch.Tensor:
            changed = pattern.clone()
            changed[0, pair.head, pair.query, pair.source] *= 1.01  # type: ignore[attr-defined]
            return changed

        moved = pre_activation(model, sae, feature, [Patch.of(name, hair)]) - whole
        assert 100 * moved == pytest.approx(pair.value, rel=0.1, abs=0.02 * sizes[0])


def test_an_sae_that_does_not_read_the_stream_is_refused(pocket: Pocket) -> None:
    model = pocket[0]
    sae = loaded(tiny_sae("standard", d_in=256, hook_name="blocks.1.hook_mlp_out"))
    with pytest.raises(ModelError, match="hook_mlp_out; direct attribution adds up the residual stream"):
        direct_attribution(model, hooked_model(model), sae, 0, TOKENS)


@pytest.mark.parametrize("kind", ["hook_resid_mid", "hook_resid_post"])
def test_the_stream_inside_and_after_a_block_adds_up_too(pocket: Pocket, kind: str) -> None:
    model = pocket[0]
    sae = loaded(tiny_sae("standard", d_in=256, hook_name=f"blocks.1.{kind}"))
    found = direct_attribution(model, hooked_model(model), sae, 3, TOKENS)
    assert abs(found.residual) < 1e-3
    assert sum(part.kind == "mlp" for part in found.parts) == (2 if kind == "hook_resid_post" else 1)
