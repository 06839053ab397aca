"""From tokens to the activations an SAE reads, stopping at the last hook asked for.

GPT-2 runs as plain functions (see `ingest.models.gpt2`), every other architecture
through TransformerLens' bridge. Windows are padded on the right, which a causal
model never sees.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from jaxtyping import Float, Int

from ingest.models.gpt2 import GPT2, SITES, causal_attention, is_plain_gpt2
from ingest.models.language_model import LanguageModel
from ingest.models.sae import hook_layer
from schema.errors import ModelError

Activations = Mapping[str, Float[torch.Tensor, "batch position d_in"]]
Forward = Callable[[Int[torch.Tensor, "batch position"]], Activations]

GPT2_SITES = SITES


def forward_to_hooks(model: LanguageModel, hook_names: Iterable[str]) -> Forward:
    """A function from tokens (batch, position) to the activations at each hook (batch, position, d_in)."""
    wanted = frozenset(hook_names)
    sites = {name.split(".", 2)[2] for name in wanted}
    if is_plain_gpt2(model) and sites <= set(GPT2_SITES):
        return GPT2Prefix(model.bridge, wanted)
    return _bridge_forward(model, wanted)


def _bridge_forward(model: LanguageModel, wanted: frozenset[str]) -> Forward:
    def forward(tokens: torch.Tensor) -> Activations:
        _, cache = model.bridge.run_with_cache(tokens, names_filter=list(wanted))
        missing = sorted(name for name in wanted if name not in cache)
        if missing:
            raise ModelError(f"{model.name} has no hook {', '.join(missing)}; the SAE was made for another model")
        return {name: cache[name].flatten(2) for name in wanted}

    return forward


class GPT2Prefix:
    """The first blocks of a GPT-2, as far as the hooks asked for."""

    def __init__(self, bridge: Any, hook_names: frozenset[str]) -> None:
        self.hook_names = hook_names
        self.gpt2 = GPT2.of(bridge, max(map(hook_layer, hook_names)) + 1)

    def __call__(self, tokens: Int[torch.Tensor, "batch position"]) -> Activations:
        """The activations at every hook."""
        found: dict[str, torch.Tensor] = {}
        for name, value in self.gpt2.sites(self.gpt2.embed(tokens), causal_attention):
            if name in self.hook_names:
                found[name] = value
                if len(found) == len(self.hook_names):
                    return found
        raise AssertionError(f"no such hook: {sorted(self.hook_names - set(found))}")
