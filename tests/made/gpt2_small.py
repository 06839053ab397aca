"""A model and an SAE of GPT-2 small's shape with random weights, in the formats of the real ones."""

import json
from pathlib import Path
from typing import Any

import torch

VOCABULARY = Path(__file__).resolve().parents[3] / "shared" / "gpt2-tokenizer"
HOOK_NAME = "blocks.8.hook_resid_pre"
D_MODEL, D_SAE, L0 = 768, 24_576, 60


def save_gpt2_small(folder: Path, d_model: int = D_MODEL) -> str:
    """Write a Hugging Face folder: 12 layers, 50,257 tokens, random weights, GPT-2's own tokenizer; its name."""
    from transformers import GPT2Config, GPT2LMHeadModel, GPT2Tokenizer

    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config(n_embd=d_model)).eval().save_pretrained(folder)
    vocab = json.loads((VOCABULARY / "encoder.json").read_text(encoding="utf-8"))
    lines = (VOCABULARY / "vocab.bpe").read_text(encoding="utf-8").splitlines()[1:]
    merges: Any = [tuple(line.split()) for line in lines if line]
    GPT2Tokenizer(vocab=vocab, merges=merges).save_pretrained(folder)
    return str(folder)


@torch.inference_mode()
def save_gpt2_small_sae(folder: Path, model_folder: str, d_sae: int = D_SAE) -> str:
    """Write a SAELens folder like gpt2-small-res-jb's layer 8, with random directions, L0 about 60; its name."""
    from sae_lens.saes.sae import SAEMetadata
    from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig
    from transformers import GPT2Model

    metadata = SAEMetadata(
        hook_name=HOOK_NAME,
        model_name="gpt2-small",
        context_size=128,
        prepend_bos=True,
        neuronpedia_id="gpt2-small/8-res-jb",
        model_from_pretrained_kwargs={"center_writing_weights": True},
    )
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(50_000, (8, 128), generator=generator)
    resid = GPT2Model.from_pretrained(model_folder)(tokens, output_hidden_states=True).hidden_states[8].flatten(0, 1)
    d_in = resid.shape[1]
    sae = StandardSAE(StandardSAEConfig(d_in=d_in, d_sae=d_sae, apply_b_dec_to_input=True, metadata=metadata))
    directions = torch.nn.functional.normalize(torch.randn(d_sae, d_in, generator=generator), dim=1)
    sae.W_dec.data, sae.W_enc.data, sae.b_dec.data = directions, directions.T.contiguous(), resid.mean(0)
    pre = (resid - resid.mean(0)) @ directions.T  # (token, d_sae)
    sae.b_enc.data = -pre.quantile(1 - L0 / d_sae, dim=0)
    sae.save_model(folder)
    return str(folder)
