"""A GPT-2 of one narrow block under an SAE of pocket's width: rows like pocket's, for a hundredth of the arithmetic."""

import shutil
from pathlib import Path
from typing import Any

import torch

D_MODEL, D_SAE, L0 = 16, 4_096, 32
HOOK_NAME = "blocks.0.hook_resid_pre"
TOKENS = 8_192
"""Tokens on which the SAE's biases are set."""


def save_narrow_model(folder: Path) -> str:
    """Write a Hugging Face folder with pocket's tokenizer and random weights; its name."""
    from transformers import GPT2Config, GPT2LMHeadModel

    from ingest.models.names import pocket_folder

    torch.manual_seed(0)
    sizes: dict[str, Any] = {"vocab_size": 8_192, "n_positions": 128, "n_embd": D_MODEL, "n_layer": 1, "n_head": 1}
    config = GPT2Config(**sizes, bos_token_id=0, eos_token_id=0)
    GPT2LMHeadModel(config).eval().save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(pocket_folder() / "gpt2" / name, folder)
    return str(folder)


@torch.inference_mode()
def save_narrow_sae(folder: Path, model: str) -> str:
    """Write a SAELens folder with random directions of which about L0 are above zero on a token; its name."""
    from sae_lens.saes.sae import SAEMetadata
    from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig
    from transformers import GPT2Model

    metadata = SAEMetadata(hook_name=HOOK_NAME, model_name="narrow", context_size=128, prepend_bos=True)
    sae = StandardSAE(StandardSAEConfig(d_in=D_MODEL, d_sae=D_SAE, apply_b_dec_to_input=True, metadata=metadata))
    generator = torch.Generator().manual_seed(1)
    embedded = GPT2Model.from_pretrained(model)
    tokens = torch.randint(8_000, (TOKENS // 128, 128), generator=generator)
    resid = (embedded.wte(tokens) + embedded.wpe(torch.arange(128))).flatten(0, 1)
    directions = torch.nn.functional.normalize(torch.randn(D_SAE, D_MODEL, generator=generator), dim=1)
    sae.W_dec.data, sae.W_enc.data, sae.b_dec.data = directions, directions.T.contiguous(), resid.mean(0)
    pre = (resid - resid.mean(0)) @ directions.T  # (token, d_sae)
    sae.b_enc.data = -pre.kthvalue(round(TOKENS * (1 - L0 / D_SAE)), dim=0).values
    sae.save_model(folder)
    return str(folder)
