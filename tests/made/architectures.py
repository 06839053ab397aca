"""Tiny language models with random weights, of every architecture that an atlas is held against, as folders."""

from pathlib import Path
from typing import Any

import torch

from ingest.models.names import pocket_folder

N_LAYERS, D_MODEL, N_HEADS, N_CTX = 3, 32, 4, 64

LLAMA_LIKE = {
    "hidden_size": D_MODEL,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": N_HEADS,
    "num_key_value_heads": 2,
    "intermediate_size": 2 * D_MODEL,
    "max_position_embeddings": N_CTX,
}
NEO_LIKE = {name: value for name, value in LLAMA_LIKE.items() if name != "num_key_value_heads"}
GPT_LIKE = {"n_embd": D_MODEL, "n_layer": N_LAYERS, "n_head": N_HEADS, "n_positions": N_CTX}
WIDE_HEADS = {"head_dim": 16}

ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("GPT2", GPT_LIKE),
    "gptj": ("GPTJ", GPT_LIKE | {"rotary_dim": 4}),
    "gptneo": (
        "GPTNeo",
        {
            "hidden_size": D_MODEL,
            "num_layers": N_LAYERS,
            "num_heads": N_HEADS,
            "attention_types": [[["global", "local"], 1], [["global"], 1]],
            "max_position_embeddings": N_CTX,
            "window_size": 8,
        },
    ),
    "gptneox": ("GPTNeoX", NEO_LIKE),
    "phi": ("Phi", NEO_LIKE),
    "bloom": ("Bloom", {"hidden_size": D_MODEL, "n_layer": N_LAYERS, "n_head": N_HEADS}),
    "opt": (
        "OPT",
        {
            "hidden_size": D_MODEL,
            "num_hidden_layers": N_LAYERS,
            "num_attention_heads": N_HEADS,
            "ffn_dim": 2 * D_MODEL,
            "word_embed_proj_dim": D_MODEL,
            "max_position_embeddings": N_CTX,
        },
    ),
    "llama": ("Llama", LLAMA_LIKE),
    "mistral": ("Mistral", LLAMA_LIKE | {"sliding_window": 8}),
    "qwen2": ("Qwen2", LLAMA_LIKE),
    "qwen3": ("Qwen3", LLAMA_LIKE | WIDE_HEADS),
    "gemma2": ("Gemma2", LLAMA_LIKE | WIDE_HEADS | {"sliding_window": 16}),
    "gemma3": ("Gemma3", LLAMA_LIKE | WIDE_HEADS | {"sliding_window": 16}),
}
"""The name of Hugging Face's configuration and its settings, by ours: grouped keys, wide heads, sliding windows."""


def save_model(architecture: str, folder: Path, tokenizer: Any = None, seed: int = 1, **settings: Any) -> Any:
    """Write a Hugging Face folder, by default with the embedded model's tokenizer; Hugging Face's own object."""
    import transformers

    tokenizer = tokenizer or pocket_tokenizer()
    name, config = ARCHITECTURES[architecture]
    special = {
        "vocab_size": max(tokenizer.get_vocab().values()) + 1,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": None,
    }
    config_class = getattr(transformers, f"{name}TextConfig" if name == "Gemma3" else f"{name}Config")
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config_class(**special | config | settings)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            else:
                parameter.mul_(4)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def pocket_tokenizer() -> Any:
    """The tokenizer of the embedded model."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(pocket_folder() / "gpt2")
