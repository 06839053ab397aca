"""Every figure of the model card, on validation text that nothing was trained on.

The text is cut in two by parent: features are chosen on one part, and every figure is from the other. The baseline
that a language model has to beat is bigrams with Witten-Bell smoothing, on the same windows.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt16
from sae_lens import SAE
from transformers import GPT2LMHeadModel

from ingest.pocket.recipe.budget import Workers
from ingest.pocket.recipe.corpus import TrainingDocument
from ingest.pocket.recipe.division import two_validation_parts
from ingest.pocket.recipe.fidelity import cross_entropy_recovered, measure_hooks, trained_hooks_cross_entropies
from ingest.pocket.recipe.language_model import hook_name
from ingest.pocket.recipe.meaning import Part, meaning
from ingest.pocket.recipe.windows import IGNORED, read_text


class Bigram:
    """P(next | last), interpolated with P(next), interpolated with one over the vocabulary.

    Source: Witten & Bell 1991, "The zero-frequency problem"; Chen & Goodman 1999, section 2.6.
    """

    def __init__(self, windows: UInt16[np.ndarray, "window position"], d_vocab: int) -> None:
        keys = _pairs(windows, d_vocab)
        self.d_vocab = d_vocab
        self.keys, self.counts = np.unique(keys, return_counts=True)
        unigram = np.bincount(keys % d_vocab, minlength=d_vocab).astype(np.float64)
        kinds = np.count_nonzero(unigram)
        self.unigram = (unigram + kinds / d_vocab) / (unigram.sum() + kinds)
        self.followed = np.bincount(self.keys // d_vocab, weights=self.counts, minlength=d_vocab)
        self.followers = np.bincount(self.keys // d_vocab, minlength=d_vocab).astype(np.float64)

    def nats(self, windows: UInt16[np.ndarray, "window position"]) -> Float[np.ndarray, " pair"]:
        """The loss of every token of the windows, in nats; padding has none."""
        keys = _pairs(windows, self.d_vocab)
        last, following = np.divmod(keys, self.d_vocab)
        at = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        count = np.where(self.keys[at] == keys, self.counts[at], 0)
        new, total = self.followers[last], self.followed[last]
        smoothed = (count + new * self.unigram[following]) / np.maximum(total + new, 1)
        losses: Float[np.ndarray, " pair"] = -np.log(np.where(total > 0, smoothed, self.unigram[following]))
        return losses


def _pairs(windows: UInt16[np.ndarray, "window position"], d_vocab: int) -> Int[np.ndarray, " pair"]:
    """last * d_vocab + next, of every position whose next token is text."""
    last, following = windows[:, :-1].ravel(), windows[:, 1:].ravel()
    text = following != IGNORED
    keys: Int[np.ndarray, " pair"] = last[text].astype(np.int64) * d_vocab + following[text]
    return keys


logger = logging.getLogger(__name__)

CROSS_ENTROPY_EVERY = 32
"""Cross-entropy with a hook replaced is taken on every 32nd window."""


def load_trained_saes(release: Path) -> dict[int, Any]:
    """The autoencoders of a release by the block they read before, in float32."""
    folders = sorted((release / "sae").iterdir())
    return {int(folder.name.split(".")[1]): SAE.load_from_disk(str(folder), dtype="float32") for folder in folders}


def evaluate(release: Path, documents: list[TrainingDocument], workers: Workers) -> dict[str, Any]:
    """All figures of a release on the documents, but for the baseline's; features are chosen on one part of them."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model: Any = GPT2LMHeadModel.from_pretrained(str(release / "gpt2"), dtype=torch.float32)
    model = model.to(device).eval()
    saes = {block: sae.to(device) for block, sae in load_trained_saes(release).items()}
    choosing, judging = (
        read_text(part, release / "gpt2", model.config.n_positions) for part in two_validation_parts(documents)
    )
    _, chosen = measure_hooks(model, saes, choosing, workers)
    nats, judged = measure_hooks(model, saes, judging, workers)
    entropies = trained_hooks_cross_entropies(model, saes, judging.windows[::CROSS_ENTROPY_EVERY], workers)
    tokens = int((judging.windows != IGNORED).sum())
    figures: dict[str, Any] = {"tokens": tokens, "bytes": judging.text_bytes, "documents": len(judging.documents)}
    figures |= {"nats_a_token": nats / tokens, "bits_per_byte": nats / math.log(2) / judging.text_bytes}
    logger.info("%.4f bits per byte", figures["bits_per_byte"])
    for name, text in (("choosing", choosing), ("judging", judging)):
        pieces = Counter(text.domains)
        figures[name] = {domain: [parents, pieces[domain]] for domain, parents in text.parents.items()}
    figures["hooks"] = {
        hook_name(block): hook_figures(Part(choosing, chosen[block]), Part(judging, judged[block]), entropies[block])
        for block in saes
    }
    return figures


def hook_figures(chosen: Part, judged: Part, entropies: dict[str, float]) -> dict[str, Any]:
    """What one autoencoder keeps of the judged text, and what its features mean there, chosen on the other."""
    size = {"features": judged.sums.d_sae}
    return size | judged.sums.summary() | cross_entropy_recovered(entropies) | meaning(chosen, judged)
