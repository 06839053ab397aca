"""Direct attribution: what every part of the model writes onto the direction that a feature reads, at one position.

The residual stream is a sum, and a feature's pre-activation is linear in it: token and position embeddings, each head
by the position that it reads from, each MLP and every bias add up to it.

Source: Elhage et al. 2021, "A mathematical framework for transformer circuits"; Kissane et al. 2024, "Interpreting
attention layer outputs with sparse autoencoders", for the split by source position.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int

from ingest.models.circuit_weights import HeadWeights, block_norm, head_weights
from ingest.models.hook_points import MLP_OUT, PATTERN, RESID_MID, RESID_POST, RESID_PRE, hook_at, hook_kind, hook_layer
from ingest.models.hooked import HookedModel
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from schema.errors import ModelError

TOLERANCE = 1e-4
"""Relative to the sizes of the parts; a model whose parts do not add up so nearly is no plain sum."""


class Part(NamedTuple):
    """What one part writes; kind: token, position, head, mlp, attention_bias (of a block), encoder_bias."""

    kind: str
    value: float
    layer: int | None = None
    head: int | None = None
    source: int | None = None


@dataclass(frozen=True)
class Direct:
    """The parts of a feature's pre-activation at a position; `residual` is what they leave over."""

    parts: list[Part]
    pre_activation: float

    @property
    def residual(self) -> float:
        """Rounding, of 32 bits."""
        return self.pre_activation - sum(part.value for part in self.parts)


@torch.no_grad()
def direct_attribution(
    model: LanguageModel, hooked: HookedModel, sae: SAE, feature: int, tokens: Int[torch.Tensor, " position"]
) -> Direct:
    """The parts at the last of the tokens.

    Raises:
        ModelError: the SAE does not read the residual stream, its encoder is not linear, or the model is no plain sum.
    """
    direction, bias = sae.encoder_direction(feature)
    attentions, mlps = _blocks(sae)
    names = [hook_at(layer, kind) for layer in range(attentions) for kind in (RESID_PRE, PATTERN)]
    names += [hook_at(layer, MLP_OUT) for layer in range(mlps)]
    first = hook_at(0, RESID_PRE)
    values = hooked.run(tokens[None], {*names, first, sae.hook_name}).values
    parts = [Part("encoder_bias", bias)]
    embedded = model.W_E[tokens[-1]]
    parts.append(Part("token", float(embedded @ direction)))
    parts.append(Part("position", float((values[first][0, -1] - embedded) @ direction)))
    for layer in range(attentions):
        resid, pattern = values[hook_at(layer, RESID_PRE)][0], values[hook_at(layer, PATTERN)][0, :, -1]
        parts += _of_heads(model, layer, resid, pattern, direction)
    parts += [Part("mlp", float(values[hook_at(layer, MLP_OUT)][0, -1] @ direction), layer) for layer in range(mlps)]
    found = Direct(parts, float(values[sae.hook_name][0, -1] @ direction) + bias)
    if abs(found.residual) > TOLERANCE * max(1.0, *(abs(part.value) for part in parts)):
        raise ModelError(
            f"the parts of {model.name} add up to {found.residual:g} less than what {sae.name} reads of it: its blocks "
            "are no plain sum, so that nothing can be said of what they write"
        )
    return found


def _blocks(sae: SAE) -> tuple[int, int]:
    """How many attentions and MLPs have written what the SAE reads."""
    layer, kind = hook_layer(sae.hook_name), hook_kind(sae.hook_name)
    if kind not in (RESID_PRE, RESID_MID, RESID_POST):
        raise ModelError(
            f"{sae.name} reads {sae.hook_name}; direct attribution adds up the residual stream, so that it needs "
            "an SAE of hook_resid_pre, hook_resid_mid or hook_resid_post"
        )
    return layer + (kind != RESID_PRE), layer + (kind == RESID_POST)


def _of_heads(
    model: LanguageModel,
    layer: int,
    resid: Float[torch.Tensor, "position d_model"],
    pattern: Float[torch.Tensor, "head position"],
    direction: Float[torch.Tensor, " d_model"],
) -> Iterator[Part]:
    """What each head writes from each position it reads, and what all write whatever they read."""
    heads = head_weights(model, layer)
    norm = block_norm(model, layer, "ln1")
    normed = norm.at_scale(resid, norm.scale(resid)) + norm.bias
    written = heads.W_O @ direction  # (head, d_head)
    by_source = torch.einsum("hk, kd, hde, he -> hk", pattern, normed, heads.W_V, written)
    for head, row in enumerate(by_source.tolist()):
        for source, value in enumerate(row):
            yield Part("head", value, layer, head, source)
    yield Part("attention_bias", _bias(heads, written, direction), layer)


def _bias(heads: HeadWeights, written: torch.Tensor, direction: torch.Tensor) -> float:
    """A head's weights add up to 1, so that its value bias is written in full."""
    return float((heads.b_V * written).sum() + heads.b_O @ direction)


class AttentionPair(NamedTuple):
    """How a feature's pre-activation answers to one weight of a head: the weight times its gradient."""

    layer: int
    head: int
    query: int
    source: int
    weight: float
    value: float


def attention_pairs(
    hooked: HookedModel, sae: SAE, feature: int, tokens: Int[torch.Tensor, " position"], most: int
) -> tuple[list[AttentionPair], float]:
    """The pairs of positions whose weight matters most to the last of the tokens, and the sum over all pairs.

    Source: Mossing et al. 2024, "Transformer debugger": a latent is attributed to a pair of tokens by A x dL/dA.
    """
    direction, bias = sae.encoder_direction(feature)
    names = [hook_at(layer, PATTERN) for layer in range(_blocks(sae)[0])]
    if not names:
        return [], 0.0
    run = hooked.run(tokens[None], [*names, sae.hook_name], grad=True)
    read = run.values[sae.hook_name][0, -1] @ direction + bias
    gradients = torch.autograd.grad(read, [run.values[name] for name in names])
    with torch.no_grad():
        weights = torch.stack([run.values[name][0] for name in names])  # (layer, head, query, source)
        products = weights * torch.stack([gradient[0] for gradient in gradients])
        order = products.abs().flatten().argsort(descending=True, stable=True)[:most]
        places = torch.stack(torch.unravel_index(order, products.shape), 1).tolist()
    found = [
        AttentionPair(layer, head, query, source, float(weights[layer, head, query, source]), value)
        for layer, head, query, source in places
        if (value := float(products[layer, head, query, source])) != 0
    ]
    return found, float(products.sum())
