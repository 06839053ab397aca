"""A model run with something else at a hook: what that costs its predictions.

GPT-2 runs as plain functions and is taken up again at the hook's own block, every other architecture through
TransformerLens' bridge. Positions that are not text (BOS, padding) keep what they have.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int

from ingest.models.gpt2 import GPT2, SITES, causal_attention, is_plain_gpt2
from ingest.models.language_model import LanguageModel
from ingest.models.sae import hook_layer
from schema.errors import ModelError

LOGIT_ROWS = 256
"""Positions unembedded at a time: a vocabulary is wide."""

Tokens = Int[torch.Tensor, "batch position"]
AtHook = Float[torch.Tensor, "batch position d_in"]
Outputs = torch.Tensor
"""Logits, or what the unembedding makes logits of: (batch, position, width)."""


@dataclass(frozen=True)
class Run:
    """A batch as the model runs it: the values at the hook, and the outputs, also with other values there."""

    at_hook: AtHook
    outputs: Outputs
    outputs_with: Callable[[AtHook], Outputs]


@dataclass(frozen=True)
class Replaceable:
    """A model that can be run with something else at one hook."""

    run: Callable[[Tokens], Run]
    unembed: Callable[[Float[torch.Tensor, "row width"]], Float[torch.Tensor, "row d_vocab"]]

    def nats(self, outputs: Outputs, tokens: Tokens, text: Bool[torch.Tensor, "batch position"]) -> float:
        """The cross-entropy of all tokens of text that something stands before, added up."""
        counted = text[:, 1:]
        before, wanted = outputs[:, :-1][counted], tokens[:, 1:][counted]
        parts = zip(torch.split(before, LOGIT_ROWS), torch.split(wanted, LOGIT_ROWS), strict=True)
        return sum(
            float(F.cross_entropy(self.unembed(rows), ids, reduction="none").double().sum()) for rows, ids in parts
        )


def replaceable(model: LanguageModel, hook_name: str) -> Replaceable:
    """The model, to be run with something else at that hook.

    Raises:
        ModelError: nothing can be put there.
    """
    site = hook_name.split(".", 2)[2]
    if is_plain_gpt2(model) and site in SITES:
        gpt2 = GPT2.of(model.bridge)
        return Replaceable(_gpt2_run(gpt2, hook_name), gpt2.logits)
    if site == "hook_resid_mid":  # TransformerLens' bridge would change what the MLP reads, and leave the stream
        raise ModelError(f"{hook_name} can be replaced in GPT-2 alone, not in {model.name} ({model.architecture})")
    return Replaceable(_bridge_run(model, hook_name), lambda logits: logits)


def _gpt2_run(gpt2: GPT2, hook_name: str) -> Callable[[Tokens], Run]:
    block = hook_layer(hook_name)
    first, last = f"blocks.{block}.hook_resid_pre", gpt2.last_hook

    def run(tokens: torch.Tensor) -> Run:
        wanted = {first, hook_name, last}
        sites = gpt2.sites(gpt2.embed(tokens), causal_attention)
        found = {name: value for name, value in sites if name in wanted}

        def outputs_with(at_hook: torch.Tensor) -> torch.Tensor:
            return gpt2.value_at(last, found[first], causal_attention, block, {hook_name: at_hook})

        return Run(found[hook_name], found[last], outputs_with)

    return run


def _bridge_run(model: LanguageModel, hook_name: str) -> Callable[[Tokens], Run]:
    def run(tokens: torch.Tensor) -> Run:
        logits, cache = model.bridge.run_with_cache(tokens, names_filter=[hook_name])
        if hook_name not in cache:
            raise ModelError(f"{model.name} has no hook {hook_name}; the SAE was made for another model")

        def outputs_with(at_hook: torch.Tensor) -> torch.Tensor:
            def put(value: torch.Tensor, hook: Any) -> torch.Tensor:
                return at_hook.view(value.shape)

            outputs: torch.Tensor = model.bridge.run_with_hooks(tokens, fwd_hooks=[(hook_name, put)])
            return outputs

        return Run(cache[hook_name].flatten(2), logits, outputs_with)

    return run
