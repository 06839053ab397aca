"""GPT-2 as plain functions on transposed weights, 1.3x the speed of a hooked model on a CPU.

A block does not know how positions see each other: that is a function it is given,
so that whole windows, tries of prefixes and a last position over cached keys and
values all run through the same blocks.

Source: Radford et al. 2019; the hook points are TransformerLens'.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int

from ingest.models.block_arithmetic import Attend, fused_linear, fused_mlp, linear, mlp
from ingest.models.hook_points import ATTN_OUT, MLP_OUT, RESID_MID, RESID_POST, RESID_PRE, Z, hook_at
from ingest.models.language_model import LanguageModel
from schema.errors import ModelError

BlockWeights = Mapping[str, tuple[torch.Tensor, torch.Tensor]]
LINEAR_MAPS = frozenset({"qkv", "o", "in", "out"})
"""Of a block's weights; the others are of norms."""

Patched = Callable[[str, torch.Tensor], torch.Tensor]
"""From a hook point's name and value to what the model goes on with."""

HOOK_POINTS = (RESID_PRE, Z, ATTN_OUT, RESID_MID, MLP_OUT, RESID_POST)


GELU = frozenset({"gelu_new", "gelu_pytorch_tanh"})
"""Hugging Face's names of the one activation function of these MLPs: GELU by its approximation with tanh."""


def unpatched_value(hook_name: str, value: torch.Tensor) -> torch.Tensor:
    """Every value as it is."""
    return value


@dataclass(frozen=True)
class GPT2:
    """The weights of a GPT-2, or of its first blocks; `fused` ones are multiplied faster, see `arithmetic`.

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
    def of(cls, bridge: Any, end_of_text: int, n_blocks: int | None = None) -> "GPT2":
        """The functions of TransformerLens' bridge of a plain GPT-2, cut after `n_blocks`; the tokenizer ends text."""
        return cls(
            W_E=bridge.W_E.detach(),
            W_pos=bridge.pos_embed.weight.detach(),
            blocks=tuple(_block_weights(block) for block in bridge.blocks[:n_blocks]),
            ln_final=(bridge.ln_final.weight.detach(), bridge.ln_final.bias.detach()),
            W_U=bridge.W_U.detach(),
            b_U=bridge.b_U.detach(),
            n_heads=int(bridge.cfg.n_heads),
            eps=float(bridge.cfg.eps),
            end_of_text=end_of_text,
        )

    @classmethod
    def of_model(cls, model: LanguageModel, n_blocks: int | None = None) -> "GPT2":
        """The functions of a plain GPT-2, in the precision it is to be run in."""
        found = cls.of(model.bridge, model.end_of_text, n_blocks)
        return found.rounded() if model.precision == "bfloat16" else found

    def rounded(self) -> "GPT2":
        """The same with the linear maps of blocks, and their biases, in bfloat16; what they give is float32 again."""
        return self._with_maps(lambda part: part.bfloat16())

    def by_columns(self) -> "GPT2":
        """The same weights, laid so that F.linear multiplies faster on a CPU; `fused_linear` wants them by rows."""
        return self._with_maps(_columns)

    def _with_maps(self, changed: Callable[[torch.Tensor], torch.Tensor]) -> "GPT2":
        """The same, the weight and bias of every linear map of a block changed."""
        blocks = [
            {name: (changed(W), changed(b)) if name in LINEAR_MAPS else (W, b) for name, (W, b) in block.items()}
            for block in self.blocks
        ]
        return replace(self, blocks=tuple(blocks))

    @property
    def last_hook(self) -> str:
        """The residual stream after the last block."""
        return hook_at(len(self.blocks) - 1, RESID_POST)

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

    def embed(
        self, tokens: Int[torch.Tensor, "*rows position"], first: int = 0
    ) -> Float[torch.Tensor, "*rows position d_model"]:
        """Tokens that begin at position `first`, with their positions."""
        return self.W_E[tokens] + self.W_pos[first : first + tokens.shape[-1]]

    def hook_points(
        self,
        resid: Float[torch.Tensor, "*rows d_model"],
        attend: Attend,
        first: int = 0,
        patched: Patched = unpatched_value,
        qkv: Float[torch.Tensor, "*rows 3*d_model"] | None = None,
    ) -> Iterator[tuple[str, torch.Tensor]]:
        """Every hook point's name and patched value in order, from block `first` on; what is not asked for is not run.

        Shapes: (*rows, d_model), but for hook_z (*rows, head, d_head). `qkv`, where known, are those of block `first`.
        """
        for layer in range(first, len(self.blocks)):
            for name, value in self._block(layer, resid, attend, patched, qkv if layer == first else None):
                yield name, value
            resid = value

    def value_at(
        self,
        hook_name: str,
        resid: torch.Tensor,
        attend: Attend,
        first: int = 0,
        qkv: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The value at one hook point from block `first` on; the end of the block before is `resid` itself."""
        if hook_name == hook_at(first - 1, RESID_POST):
            return resid
        for name, value in self.hook_points(resid, attend, first, qkv=qkv):
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
        self, layer: int, resid: torch.Tensor, attend: Attend, patched: Patched, qkv: torch.Tensor | None
    ) -> Iterator[tuple[str, torch.Tensor]]:
        def point(kind: str, value: torch.Tensor) -> tuple[str, torch.Tensor]:
            name = hook_at(layer, kind)
            return name, patched(name, value)

        w, shape, apply = self.blocks[layer], resid.shape[:-1], self._apply
        yield (pre := point(RESID_PRE, resid))
        qkv = self.qkv(layer, pre[1]) if qkv is None else qkv
        yield (z := point(Z, attend(layer, *qkv.view(*shape, 3, self.n_heads, -1).unbind(-3))))
        yield (attn_out := point(ATTN_OUT, apply(z[1].reshape(*shape, -1), *w["o"])))
        yield (mid := point(RESID_MID, pre[1] + attn_out[1]))
        written = (fused_mlp if self.fused else mlp)(self._norm(mid[1], w["ln2"]), w["in"], w["out"])
        yield (mlp_out := point(MLP_OUT, written))
        yield point(RESID_POST, mid[1] + mlp_out[1])

    @property
    def _apply(self) -> Callable[..., torch.Tensor]:
        return fused_linear if self.fused else linear

    def _norm(self, resid: torch.Tensor, weights: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return F.layer_norm(resid, (resid.shape[-1],), *weights, eps=self.eps)


def _columns(W: torch.Tensor) -> torch.Tensor:
    """The same matrix, the numbers of a column side by side; vectors, and what MKL does not multiply, as they are."""
    return W.T.contiguous().T if W.dim() == 2 and W.dtype == torch.float32 else W


def is_plain_gpt2(model: LanguageModel) -> bool:
    """Whether a model is what these functions compute."""
    return departure_from_gpt2(model) is None


def departure_from_gpt2(model: LanguageModel) -> str | None:
    """What these functions do not compute of a model; None where it is a plain GPT-2."""
    config = model.bridge.original_model.config
    if model.architecture != "GPT2LMHeadModel":
        return f"a {model.architecture}"
    if config.activation_function not in GELU:
        return f"a GPT-2 with the activation function {config.activation_function}"
    if not config.scale_attn_weights or config.scale_attn_by_inverse_layer_idx:
        return "a GPT-2 that scales its attention in another way"
    return None


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
