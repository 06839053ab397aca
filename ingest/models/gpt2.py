"""GPT-2 as plain functions on transposed weights, 1.3x the speed of a hooked model on a CPU.

A block does not know how positions see each other: that is a function it is given,
so that whole windows, tries of prefixes and a last position over cached keys and
values all run through the same blocks.

Source: Radford et al. 2019; the sites are TransformerLens' hook points.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int

from ingest.models.language_model import LanguageModel
from ingest.models.linear import fused_linear, linear
from schema.errors import ModelError

Heads = Float[torch.Tensor, "*rows head d_head"]
Attend = Callable[[int, Heads, Heads, Heads], Heads]
"""From block, queries, keys and values to the values that each head reads (z)."""
BlockWeights = Mapping[str, tuple[torch.Tensor, torch.Tensor]]

NOTHING: Mapping[str, torch.Tensor] = {}
QKV = "attn.qkv"
"""The name in `instead` of what `GPT2.qkv` gives; no hook of TransformerLens."""
SITES = ("hook_resid_pre", "attn.hook_z", "hook_attn_out", "hook_resid_mid", "hook_mlp_out", "hook_resid_post")


@dataclass(frozen=True)
class GPT2:
    """The weights of a GPT-2, or of its first blocks; `fused` ones are multiplied faster, see `linear`.

    Shapes: W_E (d_vocab, d_model); W_pos (n_ctx, d_model); W_U (d_model, d_vocab); ln_final two of (d_model,).
    """

    W_E: Float[torch.Tensor, "d_vocab d_model"]
    W_pos: Float[torch.Tensor, "n_ctx d_model"]
    blocks: tuple[BlockWeights, ...]
    ln_final: tuple[torch.Tensor, torch.Tensor]
    W_U: Float[torch.Tensor, "d_model d_vocab"]
    b_U: Float[torch.Tensor, " d_vocab"]  # noqa: N815
    n_heads: int
    eps: float
    end_of_text: int
    fused: bool = False

    @classmethod
    def of(cls, bridge: Any, n_blocks: int | None = None) -> "GPT2":
        """The functions of TransformerLens' bridge of a plain GPT-2, cut after `n_blocks`."""
        return cls(
            W_E=bridge.W_E.detach(),
            W_pos=bridge.pos_embed.weight.detach(),
            blocks=tuple(_block_weights(block) for block in bridge.blocks[:n_blocks]),
            ln_final=(bridge.ln_final.weight.detach(), bridge.ln_final.bias.detach()),
            W_U=bridge.W_U.detach(),
            b_U=bridge.b_U.detach(),
            n_heads=int(bridge.cfg.n_heads),
            eps=float(bridge.cfg.eps),
            end_of_text=int(bridge.original_model.config.eos_token_id),
        )

    @property
    def last_hook(self) -> str:
        """The residual stream after the last block."""
        return f"blocks.{len(self.blocks) - 1}.hook_resid_post"

    def double(self) -> "GPT2":
        """The same in float64."""
        wide = [{name: (W.double(), b.double()) for name, (W, b) in block.items()} for block in self.blocks]
        return replace(
            self,
            W_E=self.W_E.double(),
            W_pos=self.W_pos.double(),
            blocks=tuple(wide),
            ln_final=(self.ln_final[0].double(), self.ln_final[1].double()),
            W_U=self.W_U.double(),
            b_U=self.b_U.double(),
        )

    def embed(self, tokens: Int[torch.Tensor, "*rows position"]) -> Float[torch.Tensor, "*rows position d_model"]:
        """Tokens that begin at position 0, with their positions."""
        return self.W_E[tokens] + self.W_pos[: tokens.shape[-1]]

    def sites(
        self,
        resid: Float[torch.Tensor, "*rows d_model"],
        attend: Attend,
        first: int = 0,
        instead: Mapping[str, torch.Tensor] = NOTHING,
    ) -> Iterator[tuple[str, torch.Tensor]]:
        """Every hook's name and value in order, from block `first` on; what is not asked for is not computed.

        The values in `instead` take the place of what the hooks of these names would give.
        """
        for layer in range(first, len(self.blocks)):
            for site, value in self._block(layer, resid, attend, instead):
                yield f"blocks.{layer}.{site}", value
                resid = value if site == "hook_resid_post" else resid

    def value_at(
        self,
        hook_name: str,
        resid: torch.Tensor,
        attend: Attend,
        first: int = 0,
        instead: Mapping[str, torch.Tensor] = NOTHING,
    ) -> torch.Tensor:
        """The value at one hook, from the residual stream before block `first`."""
        for name, value in self.sites(resid, attend, first, instead):
            if name == hook_name:
                return value
        raise ModelError(f"the model has no hook {hook_name} from block {first} on")

    def final_norm(self, resid: Float[torch.Tensor, "*rows d_model"]) -> Float[torch.Tensor, "*rows d_model"]:
        """What the unembedding reads."""
        return F.layer_norm(resid, (resid.shape[-1],), *self.ln_final, eps=self.eps)

    def logits(self, resid: Float[torch.Tensor, "*rows d_model"]) -> Float[torch.Tensor, "*rows d_vocab"]:
        """Logits from the residual stream after the last block."""
        return self.final_norm(resid) @ self.W_U + self.b_U

    def qkv(self, layer: int, resid: Float[torch.Tensor, "*rows d_model"]) -> Float[torch.Tensor, "*rows 3*d_model"]:
        """Queries, keys and values that a block makes, side by side."""
        w = self.blocks[layer]
        return self._apply(self._norm(resid, w["ln1"]), *w["qkv"])

    def _block(
        self, layer: int, resid: torch.Tensor, attend: Attend, instead: Mapping[str, torch.Tensor]
    ) -> Iterator[tuple[str, torch.Tensor]]:
        def put(site: str, value: torch.Tensor) -> torch.Tensor:
            return instead.get(f"blocks.{layer}.{site}", value)

        w, shape, apply = self.blocks[layer], resid.shape[:-1], self._apply
        resid = put("hook_resid_pre", resid)
        yield "hook_resid_pre", resid
        given = instead.get(f"blocks.{layer}.{QKV}")
        qkv = self.qkv(layer, resid) if given is None else given
        z = attend(layer, *qkv.view(*shape, 3, self.n_heads, -1).unbind(-3)).reshape(*shape, -1)
        z = put("attn.hook_z", z)
        yield "attn.hook_z", z
        attn_out = put("hook_attn_out", apply(z, *w["o"]))
        yield "hook_attn_out", attn_out
        mid = put("hook_resid_mid", resid + attn_out)
        yield "hook_resid_mid", mid
        hidden = apply(self._norm(mid, w["ln2"]), *w["in"], activation="gelu")
        mlp_out = put("hook_mlp_out", apply(hidden, *w["out"]))
        yield "hook_mlp_out", mlp_out
        yield "hook_resid_post", put("hook_resid_post", mid + mlp_out)

    @property
    def _apply(self) -> Callable[..., torch.Tensor]:
        return fused_linear if self.fused else linear

    def _norm(self, resid: torch.Tensor, weights: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return F.layer_norm(resid, (resid.shape[-1],), *weights, eps=self.eps)


def is_plain_gpt2(model: LanguageModel) -> bool:
    """Whether a model is what these functions compute."""
    config = model.bridge.original_model.config
    return bool(
        model.architecture == "GPT2LMHeadModel"
        and config.activation_function == "gelu_new"
        and config.scale_attn_weights
        and not config.scale_attn_by_inverse_layer_idx
    )


def causal_attention(layer: int, q: Heads, k: Heads, v: Heads) -> Heads:
    """Each position of a window sees itself and those before it: (batch, position, head, d_head) throughout."""
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # (batch, head, position, d_head)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)


def _block_weights(block: Any) -> BlockWeights:
    """Weight (out, in) and bias (out,) of each linear map of a block, and of its norms."""

    def rows(W: torch.Tensor) -> torch.Tensor:  # (head, d_model, d_head) -> (head * d_head, d_model)
        return W.detach().transpose(1, 2).reshape(-1, W.shape[1])

    attn, mlp = block.attn, block.mlp
    W_qkv = torch.cat([rows(attn.W_Q), rows(attn.W_K), rows(attn.W_V)])
    b_qkv = torch.cat([b.detach().reshape(-1) for b in (attn.b_Q, attn.b_K, attn.b_V)])
    W_O = attn.W_O.detach()  # (head, d_head, d_model)
    b_in, b_out = getattr(mlp, "in").bias, mlp.out.bias  # the bridge's own mlp.b_out stays as it was before processing
    return {
        "ln1": (block.ln1.weight.detach(), block.ln1.bias.detach()),
        "ln2": (block.ln2.weight.detach(), block.ln2.bias.detach()),
        "qkv": (W_qkv.contiguous(), b_qkv),
        "o": (W_O.reshape(-1, W_O.shape[2]).T.contiguous(), attn.b_O.detach()),
        "in": (mlp.W_in.detach().T.contiguous(), b_in.detach()),
        "out": (mlp.W_out.detach().T.contiguous(), b_out.detach()),
    }
