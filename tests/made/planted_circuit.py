"""A model with a circuit planted by hand, its two SAEs, and sentences that run through it.

Two blocks, attention only. Tokens are words, each with a dimension of its own. Head 1 of block 1 looks from "here" to
"sick" and writes onto a dimension that no word has: the later SAE's feature LATER reads it. The earlier SAE's feature
EARLIER reads the dimension of "sick". Nothing else reads or writes either.
"""

import json
from pathlib import Path
from typing import Any

import torch

from tests.made.tiny_models import save_sae, tiny_sae

WORDS = ("<bos>", "sick", "rain", "here", "the", "old", "man", "sat", "and", "slept", "so", "then")
D_MODEL, D_HEAD, COPIED = 32, 16, 20
LAYER, HEAD, EARLIER, LATER = 1, 1, 2, 3
CLEAN, CORRUPTED = "the old man sick sat and here", "the old man rain sat and here"
SICK, HERE = 4, 7
"""Positions, BOS being 0."""


def save_planted(folder: Path) -> tuple[str, list[str]]:
    """Write the model's folder and those of the later and the earlier SAE; their names."""
    model = folder / "model"
    _save_model(model)
    later = _save_sae(folder / "later", f"blocks.{LAYER}.hook_resid_post", (LATER, COPIED), bias=-0.1)
    earlier = _save_sae(folder / "earlier", f"blocks.{LAYER}.hook_resid_pre", (EARLIER, WORDS.index("sick")))
    return str(model), [later, earlier]


def save_documents(folder: Path) -> tuple[Path, Path]:
    """Sentences with "sick", the term, and without, in pairs of a template."""
    files = []
    for name, word in (("sick", "sick"), ("rain", "rain")):
        rows = []
        for number in range(8):
            before, after = WORDS[4 + number % 3], WORDS[7 + number % 4]
            text = f"the {before} {word} {after} here"
            row = {"id": f"{name}-{number}", "text": text, "template": f"t{number}", "domain": name}
            start = text.index(word)
            term = {"term": word, "term_start": start, "term_end": start + len(word)} if name == "sick" else {}
            rows.append(row | term)
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        files.append(path)
    return files[0], files[1]


@torch.no_grad()
def _save_model(folder: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    config = GPT2Config(
        vocab_size=len(WORDS), n_positions=16, n_embd=D_MODEL, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    torch.manual_seed(0)
    model = GPT2LMHeadModel(config).eval()
    parts = model.transformer
    parts.wpe.weight.zero_()
    parts.wte.weight.zero_()
    parts.wte.weight[torch.arange(len(WORDS)), torch.arange(len(WORDS))] = 1
    for block in parts.h:
        block.mlp.c_proj.weight.zero_()
        block.mlp.c_proj.bias.zero_()
        block.attn.c_proj.weight.zero_()
        block.attn.c_attn.bias.zero_()
        block.attn.c_attn.weight.normal_(0, 0.1)
    _plant(parts.h[LAYER].attn)
    model.save_pretrained(folder)
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="<bos>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<bos>").save_pretrained(folder)


def _plant(attn: Any) -> None:
    """Queries of "here", keys and values of "sick", and an output that writes them onto COPIED."""
    query, key, value = (torch.zeros(D_MODEL, D_HEAD) for _ in range(3))
    query[WORDS.index("here"), 0] = 2.0
    key[WORDS.index("sick"), 0] = 2.0
    value[WORDS.index("sick"), 1] = 1.0
    W = attn.c_attn.weight  # (d_model, 3 * d_model), heads side by side in each third
    for third, planted in enumerate((query, key, value)):
        start = third * D_MODEL + HEAD * D_HEAD
        W[:, start : start + D_HEAD] = planted
    attn.c_proj.weight[HEAD * D_HEAD + 1, COPIED] = 1.0


def _save_sae(folder: Path, hook_name: str, read: tuple[int, int], bias: float = 0.0) -> str:
    """An SAE whose one feature reads and writes one dimension; the others are silent.

    Without a bias nothing of the dimension is left over, which a norm would make as large again.
    """
    feature, dimension = read
    module = tiny_sae("standard", d_in=D_MODEL, d_sae=6, hook_name=hook_name)
    module.W_enc.data.zero_()
    module.W_dec.data = torch.nn.functional.normalize(torch.randn(6, D_MODEL), dim=1)
    module.b_enc.data.fill_(-1.0)
    module.b_dec.data.zero_()
    module.W_enc.data[dimension, feature] = 1.0
    module.W_dec.data[feature] = torch.nn.functional.one_hot(torch.tensor(dimension), D_MODEL).float()
    module.b_enc.data[feature] = bias
    return save_sae(module, folder, model_name="planted", context_size=16, prepend_bos=True)
