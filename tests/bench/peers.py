"""How others go from tokens to a feature's activations: their core loops, on the same weights, in this process.

Of delphi (eai-delphi 0.1.3, which asks for vLLM) it is the body of `LatentCache.run`. Of SAEDashboard (0.8.0, which
asks for transformer-lens below 3 and transformers below 4.57) it is that of `FeatureDataGenerator.get_feature_data`,
which goes through the tokens once for each batch of features, without its correlations: one of its batches. For neither
does pip find versions that go with torch 2.13.0 within 400 s.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from ingest.models.sae import SAE

DASHBOARD_FEATURES = 128
"""Features that SAEDashboard's runner for Neuronpedia has in a batch."""

DELPHI_LEAST = 1e-5
"""Activations that delphi's `InMemoryCache.get_nonzeros` keeps are above."""


@dataclass(frozen=True)
class Peers:
    """GPT-2 in Hugging Face's and in TransformerLens' own classes, and an SAE in SAELens'."""

    hf_model: Any
    hooked: Any
    sae: SAE

    @classmethod
    def of(cls, gpt2_folder: str, sae: SAE) -> "Peers":
        """Load the model once more for each of them."""
        from transformers import GPT2LMHeadModel

        hf_model = GPT2LMHeadModel.from_pretrained(gpt2_folder).eval().requires_grad_(requires_grad=False)
        return cls(hf_model.transformer, _hooked(hf_model), sae)

    @torch.no_grad()
    def saelens_store(self, tokens: torch.Tensor) -> None:
        """SAELens' `ActivationsStore.get_activations`, then encode, and what is above zero."""
        layer, name = self.sae.hook_layer + 1, self.sae.hook_name
        _, cached = self.hooked.run_with_cache(tokens, names_filter=[name], stop_at_layer=layer, prepend_bos=False)
        held = torch.zeros(*tokens.shape, self.sae.d_in)
        held[:, :] = cached[name]
        acts = self.sae.module.encode(held.flatten(0, 1))
        torch.nonzero(acts > 0), acts[acts > 0]

    @torch.no_grad()
    def run_with_cache_with_saes(self, tokens: torch.Tensor) -> None:
        """SAELens' model with the SAE in it, up to its block, its activations alone kept, and what is above zero."""
        name, layer = f"{self.sae.hook_name}.hook_sae_acts_post", self.sae.hook_layer + 1
        _, cached = self.hooked.run_with_cache_with_saes(
            tokens, saes=[self.sae.module], names_filter=[name], stop_at_layer=layer
        )
        acts = cached[name]
        torch.nonzero(acts > 0), acts[acts > 0]

    @torch.no_grad()
    def delphi(self, tokens: torch.Tensor) -> None:
        """delphi's `LatentCache.run`, a batch: the whole model by a hook, dense activations, those kept, counts."""
        found: dict[str, torch.Tensor] = {}

        def _keep(module: Any, given: Any, output: Any) -> None:
            found["latents"] = output[0] if isinstance(output, tuple) else output

        handle = self.hf_model.h[self.sae.hook_layer - 1].register_forward_hook(_keep)
        self.hf_model(tokens)
        handle.remove()
        latents = self.sae.module.encode(found["latents"])
        torch.nonzero(latents.abs() > DELPHI_LEAST), latents[latents.abs() > DELPHI_LEAST]
        (latents > 0).sum((0, 1))

    @torch.no_grad()
    def saedashboard(self, tokens: torch.Tensor) -> None:
        """SAEDashboard's `get_feature_data` of one batch of features, up to the SAE's block: dense, and kept whole."""
        layer, name = self.sae.hook_layer, self.sae.hook_name
        _, cached = self.hooked.run_with_cache(tokens, names_filter=[name], stop_at_layer=layer + 1)
        module = self.sae.module
        x = cached[name] - module.b_dec if module.cfg.apply_b_dec_to_input else cached[name]
        torch.relu(x @ module.W_enc[:, :DASHBOARD_FEATURES] + module.b_enc[:DASHBOARD_FEATURES])

    @torch.no_grad()
    def study(self, prompts: torch.Tensor) -> None:
        """The study's loop: a prompt at a time, the whole model with all of it cached, its mean over all positions."""
        for prompt in prompts:
            _, cached = self.hooked.run_with_cache(prompt[None])
            mean = self.sae.module.encode(cached[self.sae.hook_name])[0].mean(0)
            pd.DataFrame({"feature": range(1, len(mean) + 1), "activation": mean.numpy()})


def _hooked(hf_model: Any) -> Any:
    """TransformerLens' own GPT-2 with those weights, without the hub."""
    from sae_lens import HookedSAETransformer
    from transformer_lens import HookedTransformerConfig
    from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights

    asked = hf_model.config
    config = HookedTransformerConfig(
        n_layers=asked.n_layer,
        d_model=asked.n_embd,
        n_heads=asked.n_head,
        d_head=asked.n_embd // asked.n_head,
        d_mlp=4 * asked.n_embd,
        d_vocab=asked.vocab_size,
        n_ctx=asked.n_positions,
        act_fn="gelu_new",
        normalization_type="LN",
        model_name="gpt2-small",
        device="cpu",
        original_architecture="GPT2LMHeadModel",
        default_prepend_bos=False,
    )
    hooked = HookedSAETransformer(config)
    hooked.load_state_dict(convert_gpt2_weights(hf_model, hooked.cfg), strict=False)
    return hooked.eval().requires_grad_(requires_grad=False)
