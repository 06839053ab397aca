"""Ingest against a bare forward pass, on a model of GPT-2 small's shape with random weights.

    python -m tests.bench.bench_ingest [--tokens N]

Bare: the first eight blocks of Hugging Face's own GPT-2, then SAELens' encode,
on 16 windows of 128 tokens at a time; nothing is kept. Ingest: the job from
documents to rows and sums on disk, once the SAE is known to the atlas (its
logit weights are computed the first time). Both in one process, in turn.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from ingest.jobs.ingest import IngestRequest
from ingest.models.language_model import LanguageModel
from ingest.models.matching import load_together
from ingest.models.sae import SAE
from tests.made.gpt2_small import save_gpt2_small, save_gpt2_small_sae
from tests.made.jobs import ingest_with

WINDOWS = 16


@torch.inference_mode()
def bare_tokens_per_second(model: LanguageModel, sae: SAE, hf_model: Any, tokens: torch.Tensor) -> float:
    """Hugging Face blocks up to the hook, then SAELens' dense encode."""
    began = time.perf_counter()
    for rows in torch.split(tokens, WINDOWS):
        hidden = hf_model.transformer.wte(rows) + hf_model.transformer.wpe(torch.arange(rows.shape[1]))
        for block in hf_model.transformer.h[: sae.hook_layer]:
            out = block(hidden)
            hidden = out[0] if isinstance(out, tuple) else out
        sae.module.encode(hidden.flatten(0, 1))
    return tokens.numel() / (time.perf_counter() - began)


def main() -> None:
    """Print tokens a second of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=12_700)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments.tokens)


def run(folder: Path, n_tokens: int) -> None:
    """Make the model, then measure both ways twice, in turn."""
    from transformers import AutoModelForCausalLM

    gpt2 = save_gpt2_small(folder / "gpt2-small")
    sae_folder = save_gpt2_small_sae(folder / "random-res" / "blocks.8.hook_resid_pre", gpt2)
    model, (sae,) = load_together([sae_folder], gpt2)
    hf_model: Any = AutoModelForCausalLM.from_pretrained(gpt2, dtype=torch.float32)
    words = [word for word in model.tokenizer.get_vocab() if word.isascii() and word.isalpha() and len(word) > 3]
    atlas = folder / "atlas.duckdb"
    ingest_with(IngestRequest(atlas, (write_text(folder / "first.txt", words, 1, seed=0),)), model, [sae])
    for attempt in (1, 2):
        tokens = torch.randint(1_000, 50_000, (n_tokens // 128, 128), generator=torch.Generator().manual_seed(attempt))
        bare = bare_tokens_per_second(model, sae, hf_model, tokens)
        text = write_text(folder / f"{attempt}.txt", words, n_tokens // 2, seed=attempt)
        result = ingest_with(IngestRequest(atlas, (text,)), model, [sae])
        whole = result.counts.tokens / result.seconds
        l0 = result.counts.activations / result.counts.tokens
        print(f"bare {bare:,.0f} tokens/s, ingest {whole:,.0f} tokens/s (L0 {l0:.0f}): ratio {whole / bare:.2f}")


def write_text(path: Path, words: list[str], n_words: int, seed: int) -> str:
    """Write documents of up to 1,000 random words, two or so tokens each; the path's name."""
    draw = torch.randint(len(words), (n_words,), generator=torch.Generator().manual_seed(seed))
    lines = [" ".join(words[i] for i in part.tolist()) for part in torch.split(draw, 1_000)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


if __name__ == "__main__":
    main()
