"""Every figure of the model card, on validation text that nothing was trained on.

Definitions: explained variance is 1 - E|x - x̂|² / E|x - x̄|², the expectations taken separately over all non-BOS
tokens; cross-entropy recovered is (CE_zero - CE_sae) / (CE_zero - CE_clean), with BOS left intact.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt16
from sae_lens import SAE
from torch import Tensor
from transformers import GPT2LMHeadModel

from ingest.pocket.recipe.corpus import TrainingDocument
from ingest.pocket.recipe.language_model import continue_from, hook_name, residual_stream, token_nats
from ingest.pocket.recipe.meaning import auroc, distinct_words, domain_features, word_at
from ingest.pocket.recipe.progress import shown
from ingest.pocket.recipe.sparse import Selection, active_features, decode
from ingest.pocket.recipe.tokenizer import load_tokenizer
from ingest.pocket.recipe.windows import IGNORED, evaluation_windows

logger = logging.getLogger(__name__)

BATCH = 32
CROSS_ENTROPY_EVERY = 16
"""Cross-entropy with a hook replaced is taken on every sixteenth window."""


@dataclass(frozen=True)
class Text:
    """The evaluated documents, their windows, and the words of each document's first window."""

    documents: list[TrainingDocument]
    windows: UInt16[np.ndarray, "window position"]
    first: Bool[np.ndarray, " window"]
    words: list[str]

    @property
    def text_bytes(self) -> int:
        """UTF-8 bytes of all documents."""
        return sum(len(document.text.encode()) for document in self.documents)


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

    def keep(self, chosen: Selection, window: Tensor, first: Tensor, words_before: int) -> None:
        """Keep the maxima of each document's first window, and which features fired on which of its words.

        Shapes: window (token), the row of each token; first (window), whether a document begins with it.
        """
        maxima = torch.zeros(len(first) * self.d_sae, device=chosen.value.device)
        maxima.scatter_reduce_(0, window[chosen.token] * self.d_sae + chosen.feature, chosen.value, "amax")
        self.maxima.append(maxima.view(len(first), self.d_sae)[first].cpu().numpy())
        counted = first[window]
        word = counted.cumsum(0) - 1 + words_before
        kept = counted[chosen.token]
        pairs = torch.stack([word[chosen.token[kept]], chosen.feature[kept]], dim=1)
        self.active.append(pairs.int().cpu().numpy())

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


def read_text(documents: list[TrainingDocument], tokenizer_folder: Path, context_size: int) -> Text:
    """Tokenize the documents into windows that do not overlap."""
    tokenizer = load_tokenizer(tokenizer_folder)
    windows: list[UInt16[np.ndarray, "window position"]] = []
    first: list[bool] = []
    words: list[str] = []
    for document in documents:
        encoding = tokenizer.encode(document.text, add_special_tokens=False)
        cut = evaluation_windows(encoding.ids, context_size)
        windows.append(cut)
        first.extend(i == 0 for i in range(len(cut)))
        words.extend(word_at(document.text, *span) for span in encoding.offsets[: context_size - 1])
    return Text(documents, np.concatenate(windows), np.array(first), words)


def load_saes(release: Path) -> dict[int, Any]:
    """The autoencoders of a release by the block they read before, in float32."""
    folders = sorted((release / "sae").iterdir())
    return {int(folder.name.split(".")[1]): SAE.load_from_disk(str(folder), dtype="float32") for folder in folders}


@torch.no_grad()
def measure(model: GPT2LMHeadModel, saes: dict[int, Any], text: Text) -> tuple[float, dict[int, HookSums]]:
    """One pass over all windows: the total loss in nats, and the sums of every hook."""
    sums = {block: HookSums(sae.cfg.d_in, sae.cfg.d_sae) for block, sae in saes.items()}
    nats, words_before = 0.0, 0
    for ids, first in _batches(text.windows, text.first):
        stream = residual_stream(model, ids)
        nats += float(token_nats(model, stream[-1][:, :-1], ids[:, 1:]).sum(dtype=torch.float64))
        is_text = ids != IGNORED
        window = is_text.nonzero()[:, 0]
        for block, sae in saes.items():
            x = stream[block][is_text]
            chosen = active_features(sae, x)
            sums[block].add(x, chosen, decode(sae, chosen, len(x)))
            sums[block].keep(chosen, window, first, words_before)
        words_before += int(is_text[first].sum())
    return nats, sums


@torch.no_grad()
def cross_entropies(
    model: GPT2LMHeadModel, saes: dict[int, Any], windows: UInt16[np.ndarray, "window position"]
) -> dict[int, dict[str, float]]:
    """The mean loss with each hook as it is, reconstructed, and set to zero; BOS is left as it is.

    Units: nats a token.
    """
    totals = {block: {"clean": 0.0, "sae": 0.0, "zero": 0.0} for block in saes}
    tokens = 0
    for ids, _ in _batches(windows, np.zeros(len(windows), dtype=bool)):
        stream = residual_stream(model, ids)
        tokens += int((ids[:, 1:] != IGNORED).sum())
        for block, sae in saes.items():
            x = stream[block]
            flat = x.flatten(0, 1)
            x_hat = decode(sae, active_features(sae, flat), len(flat)).view(x.shape)
            for name, other in (("clean", x), ("sae", x_hat), ("zero", torch.zeros_like(x))):
                replaced = torch.cat([x[:, :1], other[:, 1:]], dim=1)
                last = continue_from(model, replaced, block)[:, :-1]
                totals[block][name] += float(token_nats(model, last, ids[:, 1:]).sum(dtype=torch.float64))
    return {block: {name: total / tokens for name, total in by_name.items()} for block, by_name in totals.items()}


def recovered(ce: dict[str, float]) -> dict[str, float]:
    """The share of the cross-entropy that the reconstruction recovers, and its rise in nats."""
    return {
        "ce_clean": ce["clean"],
        "ce_sae": ce["sae"],
        "ce_zero": ce["zero"],
        "ce_recovered": (ce["zero"] - ce["sae"]) / (ce["zero"] - ce["clean"]),
        "ce_rise": ce["sae"] - ce["clean"],
    }


def meaning(text: Text, sums: HookSums, domain: str = "medical", templated: str = "abachaa/MedQuAD") -> dict[str, Any]:
    """The domains that features tell apart, and of one domain's features those that are more than a template.

    A feature of the domain counts when its AUROC is at least 0.80 without the templated source too, and it fires on
    at least ten different words.
    """
    values = np.concatenate(sums.maxima)
    domains = [document.domain for document in text.documents]
    found = domain_features(values, domains, sums.fired.numpy() / sums.tokens)
    features = next((each.features for each in found if each.domain == domain), ())
    rest = np.array([document.source != templated for document in text.documents])
    positive = np.array(domains)[rest] == domain
    without = auroc(values[rest], positive) if 0 < positive.sum() < len(positive) else np.zeros(values.shape[1])
    all_areas = auroc(values, np.array(domains) == domain)
    active = np.concatenate(sums.active)
    rows = []
    for feature in features:
        words = distinct_words(feature, active[:, 1], active[:, 0], text.words)
        row: dict[str, Any] = {
            "feature": feature,
            "auroc": float(all_areas[feature]),
            "without_templated": float(without[feature]),
        }
        rows.append(row | {"words": len(words), "examples": words[:8]})
    kept = [row for row in rows if row["without_templated"] >= 0.80 and row["words"] >= 10]
    return {"domains": [vars(each) for each in found], domain: rows, f"{domain}_kept": len(kept)}


def evaluate(release: Path, documents: list[TrainingDocument], progress: Callable[[str], None]) -> dict[str, Any]:
    """All figures of a release on the documents, but for the baseline's."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model: Any = GPT2LMHeadModel.from_pretrained(str(release / "gpt2"), dtype=torch.float32)
    model = model.to(device).eval()
    saes = {block: sae.to(device) for block, sae in load_saes(release).items()}
    text = read_text(documents, release / "gpt2", model.config.n_positions)
    progress(f"{len(text.documents)} documents, {len(text.windows)} windows")
    nats, sums = measure(model, saes, text)
    tokens = int((text.windows != IGNORED).sum())
    figures: dict[str, Any] = {"tokens": tokens, "bytes": text.text_bytes, "documents": len(documents)}
    figures |= {"nats_a_token": nats / tokens, "bits_per_byte": nats / math.log(2) / text.text_bytes}
    progress(f"{figures['bits_per_byte']:.4f} bits per byte")
    entropies = cross_entropies(model, saes, text.windows[::CROSS_ENTROPY_EVERY])
    figures["hooks"] = {
        hook_name(block): sums[block].summary() | recovered(entropies[block]) | meaning(text, sums[block])
        for block in saes
    }
    return figures


def _batches(
    windows: UInt16[np.ndarray, "window position"], first: Bool[np.ndarray, " window"]
) -> Iterator[tuple[Tensor, Tensor]]:
    """The windows in their order, with progress shown."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with shown("evaluation") as show:
        for start in range(0, len(windows), BATCH):
            piece = slice(start, start + BATCH)
            ids = torch.from_numpy(windows[piece].astype(np.int64)).to(device)
            yield ids, torch.from_numpy(first[piece]).to(device)
            show(min(start + BATCH, len(windows)) / len(windows))
