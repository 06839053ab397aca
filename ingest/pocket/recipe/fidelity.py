"""What autoencoders keep of the model: sums of each hook, and the loss with a hook reconstructed or set to zero.

Sums are taken over the evaluated text in parts that merge. Definitions: explained variance is 1 - E|x - x̂|² / E|x -
x̄|², the expectations taken separately over all non-BOS tokens; cross-entropy recovered is (CE_zero - CE_sae) /
(CE_zero - CE_clean), with BOS left intact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt16
from torch import Tensor
from transformers import GPT2LMHeadModel

from ingest.pocket.recipe.budget import Workers
from ingest.pocket.recipe.language_model import (
    continue_training_model_from,
    training_residual_stream,
    training_token_nats,
)
from ingest.pocket.recipe.sparse import Selection, decode, sparse_training_features
from ingest.pocket.recipe.windows import IGNORED, Text, trained_evaluation_batches


@dataclass
class HookSums:
    """Running sums of one hook over non-BOS tokens, and what its features did in each first window."""

    d_in: int
    d_sae: int
    tokens: int = 0
    squared_error: float = 0.0
    squared: float = 0.0
    maxima: list[Float[np.ndarray, "document feature"]] = field(default_factory=list)
    active: list[Int[np.ndarray, "pair 2"]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.total = torch.zeros(self.d_in, dtype=torch.float64)
        self.fired = torch.zeros(self.d_sae, dtype=torch.int64)

    def add(self, x: Tensor, chosen: Selection, x_hat: Tensor) -> None:
        """Shapes: x and x_hat (token, d_in)."""
        self.tokens += len(x)
        self.squared_error += float((x - x_hat).pow(2).sum())
        self.squared += float(x.pow(2).sum())
        self.total += x.sum(0).double().cpu()
        self.fired += torch.bincount(chosen.feature, minlength=self.d_sae).cpu()

    def keep(self, chosen: Selection, window: Tensor, first: Tensor) -> None:
        """Keep the maxima of each document's first window, and which features fired on which of its words.

        Shapes: window (token), the row of each token; first (window), whether a document begins with it.
        """
        maxima = torch.zeros(len(first) * self.d_sae, device=chosen.value.device)
        maxima.scatter_reduce_(0, window[chosen.token] * self.d_sae + chosen.feature, chosen.value, "amax")
        self.maxima.append(maxima.view(len(first), self.d_sae)[first].cpu().numpy())
        counted = first[window]
        word, kept = counted.cumsum(0) - 1, counted[chosen.token]
        self.active.append(torch.stack([word[chosen.token[kept]], chosen.feature[kept]], dim=1).int().cpu().numpy())

    def merge(self, other: HookSums, words_before: int) -> None:
        """Take in the sums of the windows that follow, whose words are numbered on."""
        self.tokens += other.tokens
        self.squared_error += other.squared_error
        self.squared += other.squared
        self.total += other.total
        self.fired += other.fired
        self.maxima += other.maxima
        self.active += [pairs + np.array([words_before, 0], dtype=np.int32) for pairs in other.active]

    def summary(self) -> dict[str, float]:
        """Explained variance, mean L0 and the share of features that never fired."""
        mean = self.total / self.tokens
        variance = self.squared / self.tokens - float(mean.pow(2).sum())
        return {
            "explained_variance": 1 - self.squared_error / self.tokens / variance,
            "l0": float(self.fired.sum()) / self.tokens,
            "dead": float((self.fired == 0).double().mean()),
            "tokens": self.tokens,
        }


def measure_hooks(
    model: GPT2LMHeadModel, saes: dict[int, Any], text: Text, workers: Workers
) -> tuple[float, dict[int, HookSums]]:
    """One pass over all windows: the total loss in nats, and the sums of every hook."""
    sums = {block: HookSums(sae.cfg.d_in, sae.cfg.d_sae) for block, sae in saes.items()}
    nats, words_before = 0.0, 0

    @torch.no_grad()
    def _run(piece: tuple[Tensor, Tensor]) -> tuple[float, dict[int, HookSums], int]:
        ids, first = piece
        stream = training_residual_stream(model, ids)
        is_text = ids != IGNORED
        window = is_text.nonzero()[:, 0]
        here = {block: HookSums(sae.cfg.d_in, sae.cfg.d_sae) for block, sae in saes.items()}
        for block, sae in saes.items():
            x = stream[block][is_text]
            chosen = sparse_training_features(sae, x)
            here[block].add(x, chosen, decode(sae, chosen, len(x)))
            here[block].keep(chosen, window, first)
        loss = training_token_nats(model, stream[-1][:, :-1], ids[:, 1:]).sum(dtype=torch.float64)
        return float(loss), here, int(is_text[first].sum())

    for loss, here, words in workers.map(_run, trained_evaluation_batches(text.windows, text.first), "evaluation"):
        nats += loss
        for block, hook in here.items():
            sums[block].merge(hook, words_before)
        words_before += words
    return nats, sums


def trained_hooks_cross_entropies(
    model: GPT2LMHeadModel, saes: dict[int, Any], windows: UInt16[np.ndarray, "window position"], workers: Workers
) -> dict[int, dict[str, float]]:
    """The mean loss with each hook as it is, reconstructed, and set to zero; BOS is left as it is.

    Units: nats a token.
    """

    @torch.no_grad()
    def _run(piece: tuple[Tensor, Tensor]) -> dict[int, dict[str, float]]:
        ids, _ = piece
        stream = training_residual_stream(model, ids)
        clean = float(training_token_nats(model, stream[-1][:, :-1], ids[:, 1:]).sum(dtype=torch.float64))
        return {
            block: {"clean": clean}
            | {
                name: _nats_with(model, ids, stream[block], block, other)
                for name, other in (
                    ("sae", _reconstruction(sae, stream[block])),
                    ("zero", torch.zeros_like(stream[block])),
                )
            }
            for block, sae in saes.items()
        }

    parts = workers.map(_run, trained_evaluation_batches(windows, np.zeros(len(windows), dtype=bool)), "cross-entropy")
    tokens = int((windows != IGNORED).sum())
    return {
        block: {name: sum(part[block][name] for part in parts) / tokens for name in ("clean", "sae", "zero")}
        for block in saes
    }


def _reconstruction(sae: Any, x: Tensor) -> Tensor:
    """(batch, position, d_model) -> the same."""
    flat = x.flatten(0, 1)
    return decode(sae, sparse_training_features(sae, flat), len(flat)).view(x.shape)


def _nats_with(model: GPT2LMHeadModel, ids: Tensor, x: Tensor, block: int, other: Tensor) -> float:
    """The total loss with `other` in place of the residual stream `x`, but for BOS."""
    last = continue_training_model_from(model, torch.cat([x[:, :1], other[:, 1:]], dim=1), block)
    return float(training_token_nats(model, last[:, :-1], ids[:, 1:]).sum(dtype=torch.float64))


def cross_entropy_recovered(ce: dict[str, float]) -> dict[str, float]:
    """The share of the cross-entropy that the reconstruction recovers, and its rise in nats."""
    return {
        "ce_clean": ce["clean"],
        "ce_sae": ce["sae"],
        "ce_zero": ce["zero"],
        "ce_recovered": (ce["zero"] - ce["sae"]) / (ce["zero"] - ce["clean"]),
        "ce_rise": ce["sae"] - ce["clean"],
    }
