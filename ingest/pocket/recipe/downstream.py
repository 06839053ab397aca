"""What becomes of the model's output where a reconstruction stands in a hook's place: the last thing that is trained.

An autoencoder that only reconstructs is as careful of directions that no later block reads as of those that matter. A
short training at the end, on whole windows, also asks that the model predicts as it does without it.

Source: Karvonen 2025, "Revisiting End-To-End Sparse Autoencoder Training: A Short Finetune Is All You Need", arXiv
2503.17272.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformers import GPT2LMHeadModel

from ingest.pocket.recipe.budget import mixed_precision
from ingest.pocket.recipe.language_model import ROWS, continue_training_model_from

Stream = Float[Tensor, "window position d_model"]


def downstream_divergence(
    model: GPT2LMHeadModel, stream: list[Stream], block: int, text: Bool[Tensor, "window position"]
) -> Callable[[Float[Tensor, "token d_model"]], Float[Tensor, ""]]:
    """A function of what stands in place of the text's residual stream at a block: the divergence of the predictions.

    `stream` is the residual stream at every block and after the last. Units: nats a token, from the predictions
    without it to those with it, over text; what stands at BOS stays.
    """
    body: Any = model.transformer

    def _divergence(reconstructed: Tensor) -> Tensor:
        with mixed_precision(reconstructed.device):
            residual = stream[block].masked_scatter(text[:, :, None], reconstructed.to(stream[block].dtype))
            changed = body.ln_f(continue_training_model_from(model, residual, block))[text]
            with torch.no_grad():
                clean = body.ln_f(stream[-1])[text]
            loss: Tensor = _Divergence.apply(changed, clean, body.wte.weight)  # type: ignore[no-untyped-call]
        return loss

    return _divergence


class _Divergence(torch.autograd.Function):
    """Mean Kullback-Leibler divergence of softmax(x @ W_U) from softmax(clean @ W_U), chunk by chunk.

    The gradient is taken on the way forward, so that the logits of all tokens never exist at once.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, clean: Tensor, embedding: Tensor) -> Tensor:
        """Shapes: x and clean (token, d_model), embedding (d_vocab, d_model)."""
        d_x, loss = torch.empty_like(x), x.new_zeros((), dtype=torch.float32)
        for start in range(0, len(x), ROWS):
            piece = slice(start, start + ROWS)
            log_q = torch.log_softmax(x[piece] @ embedding.t(), dim=-1, dtype=torch.float32)
            log_p = torch.log_softmax(clean[piece] @ embedding.t(), dim=-1, dtype=torch.float32)
            p = log_p.exp()
            loss += (p * (log_p - log_q)).sum()
            d_x[piece] = (log_q.exp() - p) @ embedding
        ctx.save_for_backward(d_x.div_(len(x)))
        return loss / len(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """The gradient kept by `forward`, scaled; the clean predictions and the model have none."""
        return ctx.saved_tensors[0] * gradients[0], None, None
