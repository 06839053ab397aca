"""The weights that direct effects go by: of each head, of norms, and what a feature adds to the residual stream.

Shapes are TransformerLens'; all is as processed. Grouped keys and values are repeated, so that every head has its own.

A decoder row at a point of the stream, or at what a block adds to it, is the direction in which a feature pushes when
it fires. One at hook_z or at hook_post of an MLP reaches the stream through the weights that follow. One at any other
point, such as what a norm gives, is read by what follows and written nowhere. A norm that stands between (Gemma 2 and
3) multiplies by its gain; its scale is left out, as all of ln_final is of logit weights.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch
from jaxtyping import Float

from ingest.models.hook_points import ATTN_OUT, MLP_OUT, RESID_MID, RESID_POST, RESID_PRE, Z, hook_kind
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE


@dataclass(frozen=True)
class HeadWeights:
    """A block's heads. Queries of a head are norm(resid) @ W_Q + b_Q; what it adds to the stream is z @ W_O.

    Shapes: W_Q, W_K, W_V (head, d_model, d_head); W_O (head, d_head, d_model); b_Q, b_K, b_V (head, d_head); b_O
    (d_model,), added once.
    """

    W_Q: Float[torch.Tensor, "head d_model d_head"]
    W_K: Float[torch.Tensor, "head d_model d_head"]
    W_V: Float[torch.Tensor, "head d_model d_head"]
    W_O: Float[torch.Tensor, "head d_head d_model"]
    b_Q: Float[torch.Tensor, "head d_head"]  # noqa: N815
    b_K: Float[torch.Tensor, "head d_head"]  # noqa: N815
    b_V: Float[torch.Tensor, "head d_head"]  # noqa: N815
    b_O: Float[torch.Tensor, " d_model"]  # noqa: N815


@dataclass(frozen=True)
class Norm:
    """A LayerNorm, or where `centred` is false an RMSNorm; linear once its scale is held fixed."""

    weight: Float[torch.Tensor, " d_model"]
    bias: Float[torch.Tensor, " d_model"]
    eps: float
    centred: bool

    def scale(self, resid: Float[torch.Tensor, "*rows d_model"]) -> Float[torch.Tensor, "*rows 1"]:
        """What it divides by."""
        return (self._centre(resid).square().mean(-1, keepdim=True) + self.eps).sqrt()

    def at_scale(
        self, parts: Float[torch.Tensor, "*rows d_model"], scale: Float[torch.Tensor, "*rows 1"]
    ) -> Float[torch.Tensor, "*rows d_model"]:
        """What parts of a stream become where the stream has that scale; with the bias, they add up to its norm."""
        return self._centre(parts) / scale * self.weight

    def _centre(self, resid: torch.Tensor) -> torch.Tensor:
        return resid - resid.mean(-1, keepdim=True) if self.centred else resid


def head_weights(model: LanguageModel, layer: int) -> HeadWeights:
    """The attention of a block."""
    attn, config = model.bridge.blocks[layer].attn, model.config
    W = {name: _per_head(getattr(attn, f"W_{name}"), config.n_heads) for name in "QKV"}
    b = {name: _bias(getattr(attn, f"b_{name}", None), W[name][:, 0]) for name in "QKV"}
    W_O = attn.W_O.detach()
    b_O = _bias(getattr(attn, "b_O", None), W_O[0, 0])
    return HeadWeights(W["Q"], W["K"], W["V"], W_O, b["Q"], b["K"], b["V"], b_O)


def block_norm(model: LanguageModel, layer: int, name: str) -> Norm:
    """The norm `ln1`, before attention, or `ln2`, before the MLP, of a block."""
    return _norm(getattr(model.bridge.blocks[layer], name), model)


def final_norm(model: LanguageModel) -> Norm:
    """The norm before the unembedding."""
    return _norm(model.bridge.ln_final, model)


def _norm(norm: Any, model: LanguageModel) -> Norm:
    weight = norm.weight.detach()
    if norm.uses_rms_norm and getattr(model.config, "rmsnorm_uses_offset", False):
        weight = 1 + weight
    bias = _bias(getattr(norm, "bias", None), weight)
    return Norm(weight, bias, float(model.config.eps), not norm.uses_rms_norm)


def _per_head(W: torch.Tensor, n_heads: int) -> torch.Tensor:
    return W.detach().repeat_interleave(n_heads // len(W), dim=0)


def _bias(bias: Any, like: torch.Tensor) -> torch.Tensor:
    """A bias for every head, or zeros."""
    if bias is None:
        return torch.zeros_like(like)
    found: torch.Tensor = bias.detach()
    return found.repeat_interleave(len(like) // len(found), dim=0)


Way = Literal["plain", "W_O", "W_out", "none"]

WAYS: MappingProxyType[str, Way] = MappingProxyType(
    {
        **dict.fromkeys((RESID_PRE, RESID_MID, RESID_POST, ATTN_OUT, MLP_OUT), "plain"),
        **dict.fromkeys(("hook_in", "hook_out", "attn.hook_out", "mlp.hook_out"), "plain"),
        Z: "W_O",
        "attn.o.hook_in": "W_O",
        "mlp.hook_post": "W_out",
        "mlp.out.hook_in": "W_out",
    }
)
"""How what stands at a hook point reaches the stream; at points that are not named here it does not."""
NORM_AFTER = MappingProxyType({"attn": "ln1_post", "mlp": "ln2_post"})
"""The norm between a part and the stream, where a block has one; hook_attn_out and hook_mlp_out are after it."""


def way_to_stream(hook_name: str) -> Way:
    """plain: it is of the stream itself; W_O, W_out: through these weights of its block; none: it writes nothing."""
    return WAYS.get(hook_kind(hook_name), "none")


def stream_directions(model: LanguageModel, sae: SAE) -> Float[torch.Tensor, "d_sae d_model"] | None:
    """The direction of each feature in the residual stream; None where its hook point writes nothing there."""
    match way_to_stream(sae.hook_name):
        case "plain":
            written = sae.W_dec
        case "W_O":
            written = sae.W_dec @ head_weights(model, sae.hook_layer).W_O.flatten(
                0, 1
            )  # (d_sae, d_in), (d_in, d_model)
        case "W_out":
            W_out: torch.Tensor = model.bridge.blocks[sae.hook_layer].mlp.W_out
            written = sae.W_dec @ W_out.detach()
        case "none":
            return None
    norm = NORM_AFTER.get(hook_kind(sae.hook_name).partition(".")[0])
    if norm is None or getattr(model.bridge.blocks[sae.hook_layer], norm, None) is None:
        return written
    return written * block_norm(model, sae.hook_layer, norm).weight
