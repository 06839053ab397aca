"""A small GPT-2: Hugging Face's parameters, with a forward pass and a loss written for speed.

Hugging Face's `GPT2LMHeadModel` holds the weights and is what is saved; `residual_stream` computes what its own
forward computes (a test compares them) in about 0.85 of the time on a processor.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from ingest.pocket.recipe.corpus import BOS_ID
from ingest.pocket.recipe.windows import IGNORED

Heads = Float[Tensor, "batch heads position d_head"]

ROWS = 512
"""Tokens whose logits are held at once: few enough to stay near the processor's cache, as measured."""


def new_model(d_vocab: int, d_model: int, layers: int, heads: int, context_size: int) -> GPT2LMHeadModel:
    """A GPT-2 with output projections of zero, so that each block begins as the identity."""
    config = GPT2Config(
        vocab_size=d_vocab,
        n_positions=context_size,
        n_embd=d_model,
        n_layer=layers,
        n_head=heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=BOS_ID,
        eos_token_id=BOS_ID,
    )
    model = GPT2LMHeadModel(config)
    blocks: Any = model.transformer.h
    for block in blocks:
        nn.init.zeros_(block.attn.c_proj.weight)
        nn.init.zeros_(block.mlp.c_proj.weight)
    return model


def hook_name(block: int) -> str:
    """TransformerLens' name of the residual stream before a block."""
    return f"blocks.{block}.hook_resid_pre"


def training_residual_stream(
    model: GPT2LMHeadModel, ids: Int[Tensor, "batch position"], depth: int | None = None
) -> list[Float[Tensor, "batch position d_model"]]:
    """The residual stream before each of the first `depth` blocks, and after the last of them.

    Shapes: depth + 1 tensors, of which number L is `blocks.L.hook_resid_pre`.
    """
    body: Any = model.transformer
    stream = [body.wte(ids) + body.wpe.weight[: ids.shape[1]]]
    for block in body.h[:depth]:
        stream.append(_block(block, stream[-1]))
    return stream


def continue_training_model_from(
    model: GPT2LMHeadModel, residual: Float[Tensor, "batch position d_model"], block: int
) -> Float[Tensor, "batch position d_model"]:
    """The last residual stream, given what stands in place of `blocks.{block}.hook_resid_pre`."""
    body: Any = model.transformer
    for following in body.h[block:]:
        residual = _block(following, residual)
    return residual


@torch.no_grad()
def training_token_nats(
    model: GPT2LMHeadModel,
    residual: Float[Tensor, "batch position d_model"],
    targets: Int[Tensor, "batch position"],
) -> Float[Tensor, "batch position"]:
    """The loss at each position from the last residual stream; 0 where the target is padding.

    Units: nats.
    """
    body: Any = model.transformer
    x = body.ln_f(residual).flatten(0, 1)
    pieces = zip(torch.split(x, ROWS), torch.split(targets.flatten(), ROWS), strict=True)
    nats = torch.cat([F.cross_entropy(rows @ body.wte.weight.t(), at, reduction="none") for rows, at in pieces])
    return nats.view(targets.shape) * (targets != IGNORED)


def training_cross_entropy(
    model: GPT2LMHeadModel, windows: Int[Tensor, "batch position_and_next"], depth: int | None = None
) -> Float[Tensor, ""]:
    """The mean loss over the next tokens of the windows; padded targets do not count.

    Units: nats a token.
    """
    body: Any = model.transformer
    residual = training_residual_stream(model, windows[:, :-1], depth)[-1]
    x = body.ln_f(residual).flatten(0, 1)  # (batch, position, d_model) -> (batch * position, d_model)
    loss: Tensor = _UnembedLoss.apply(x, body.wte.weight, windows[:, 1:].flatten())  # type: ignore[no-untyped-call]
    return loss


def _block(block: Any, x: Tensor) -> Tensor:
    """One block, (batch, position, d_model) -> the same."""
    x = x + _attention(block.attn, block.ln_1(x))
    return x + _mlp(block.mlp, block.ln_2(x))


def _attention(attention: Any, x: Tensor) -> Tensor:
    """Causal self-attention, (batch, position, d_model) -> the same."""
    batch, position, d_model = x.shape
    heads = attention.num_heads
    qkv = torch.addmm(attention.c_attn.bias, x.reshape(-1, d_model), attention.c_attn.weight)
    # (batch * position, 3 * d_model) -> 3 x (batch, heads, position, d_head)
    q, k, v = qkv.view(batch, position, 3, heads, d_model // heads).permute(2, 0, 3, 1, 4).unbind(0)
    attend = _written_out if q.dtype == torch.bfloat16 and q.device.type == "cpu" else _built_in
    z = attend(q, k, v)
    mixed = z.transpose(1, 2).reshape(-1, d_model)  # (batch, heads, position, d_head) -> (batch * position, d_model)
    return torch.addmm(attention.c_proj.bias, mixed, attention.c_proj.weight).view(batch, position, d_model)


def _built_in(q: Heads, k: Heads, v: Heads) -> Heads:
    """PyTorch's own causal attention: (batch, heads, position, d_head) throughout."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def _written_out(q: Heads, k: Heads, v: Heads) -> Heads:
    """The same, in a quarter of the time that PyTorch's takes in bfloat16 on a processor, forward and backward."""
    position, d_head = q.shape[-2:]
    q, k, values = (each.reshape(-1, position, d_head) for each in (q, k, v))  # (batch * heads, position, d_head)
    later = q.new_full((position, position), float("-inf")).triu(1)
    weights = torch.baddbmm(later, q, k.mT, alpha=d_head**-0.5).softmax(-1)
    return (weights @ values).view(v.shape)


def _mlp(mlp: Any, x: Tensor) -> Tensor:
    """Two linear maps around GPT-2's tanh-approximated GELU, (batch, position, d_model) -> the same."""
    hidden = torch.addmm(mlp.c_fc.bias, x.reshape(-1, x.shape[-1]), mlp.c_fc.weight)
    active = F.gelu(hidden, approximate="tanh")
    return torch.addmm(mlp.c_proj.bias, active, mlp.c_proj.weight).view(x.shape)


class _UnembedLoss(torch.autograd.Function):
    """Mean cross-entropy of `x @ W_U` whose gradients are taken chunk by chunk, on the way forward.

    The logits of all tokens never exist at once: each chunk becomes its probabilities in place, and these,
    less one at the target, are the gradient.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, embedding: Tensor, targets: Tensor) -> Tensor:
        """Shapes: x (token, d_model), embedding (d_vocab, d_model), targets (token)."""
        d_x, d_embedding = torch.empty_like(x), torch.zeros_like(embedding)
        counted = targets != IGNORED
        total = counted.sum().clamp(min=1)
        loss = x.new_zeros(())
        for start in range(0, len(x), ROWS):
            piece = slice(start, start + ROWS)
            keep = counted[piece]
            error = torch.softmax(x[piece] @ embedding.t(), dim=-1, dtype=torch.float32)
            at_target = error.gather(1, targets[piece, None])[:, 0]
            loss -= (at_target.clamp(min=1e-30).log() * keep).sum()
            error.scatter_add_(1, targets[piece, None], -torch.ones_like(at_target)[:, None])
            error[~keep] = 0.0
            d_x[piece] = error @ embedding
            d_embedding += error.t() @ x[piece]
        ctx.save_for_backward(d_x.div_(total), d_embedding.div_(total))
        return loss / total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """The gradients kept by `forward`, scaled."""
        d_x, d_embedding = ctx.saved_tensors
        return d_x * gradients[0], d_embedding * gradients[0], None


def parameter_groups(model: GPT2LMHeadModel) -> tuple[list[tuple[nn.Parameter, int]], list[nn.Parameter]]:
    """The blocks' matrices, each with the number of maps it fuses, and all other parameters."""
    matrices: list[tuple[nn.Parameter, int]] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2 and ".h." in name:
            matrices.append((parameter, 3 if "c_attn" in name else 1))
        else:
            others.append(parameter)
    return matrices, others
