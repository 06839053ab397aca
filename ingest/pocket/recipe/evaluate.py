"""Every figure of the model card, on validation text that nothing was trained on.

The text is cut in two by parent: features are chosen on one part, and every figure is from the other.

Definitions: explained variance is 1 - E|x - x̂|² / E|x - x̄|², the expectations taken separately over all non-BOS
tokens; cross-entropy recovered is (CE_zero - CE_sae) / (CE_zero - CE_clean), with BOS left intact.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt16
from sae_lens import SAE
from torch import Tensor
from transformers import GPT2LMHeadModel

from ingest.pocket.recipe.corpus import TrainingDocument, two_parts
from ingest.pocket.recipe.language_model import continue_from, hook_name, residual_stream, token_nats
from ingest.pocket.recipe.meaning import (
    LEAST_AUROC,
    LEAST_PARENTS,
    DomainFeatures,
    auroc,
    auroc_interval,
    distinct_words,
    domain_features,
    word_at,
)
from ingest.pocket.recipe.sparse import Selection, active_features, decode
from ingest.pocket.recipe.tokenizer import load_tokenizer
from ingest.pocket.recipe.windows import IGNORED, evaluation_windows
from ingest.pocket.recipe.workers import Workers

logger = logging.getLogger(__name__)

BATCH = 16
CROSS_ENTROPY_EVERY = 32
"""Cross-entropy with a hook replaced is taken on every 32nd window."""


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

    @property
    def domains(self) -> list[str]:
        """The domain of each document."""
        return [document.domain for document in self.documents]

    @property
    def parents(self) -> dict[str, int]:
        """How many parents each domain has."""
        pairs = {(document.domain, document.parent) for document in self.documents}
        return dict(sorted(Counter(domain for domain, _ in pairs).items()))


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

    def keep(self, chosen: Selection, window: Tensor, first: Tensor) -> None:
        """Keep the maxima of each document's first window, and which features fired on which of its words.

        Shapes: window (token), the row of each token; first (window), whether a document begins with it.
        """
        maxima = torch.zeros(len(first) * self.d_sae, device=chosen.value.device)
        maxima.scatter_reduce_(0, window[chosen.token] * self.d_sae + chosen.feature, chosen.value, "amax")
        self.maxima.append(maxima.view(len(first), self.d_sae)[first].cpu().numpy())
        counted = first[window]
        word, kept = counted.cumsum(0) - 1, counted[chosen.token]
        self.active.append(torch.stack([word[chosen.token[kept]], chosen.feature[kept]], dim=1).int().cpu().numpy())

    def merge(self, other: HookSums, words_before: int) -> None:
        """Take in the sums of the windows that follow, whose words are numbered on."""
        self.tokens += other.tokens
        self.squared_error += other.squared_error
        self.squared += other.squared
        self.total += other.total
        self.fired += other.fired
        self.maxima += other.maxima
        self.active += [pairs + np.array([words_before, 0], dtype=np.int32) for pairs in other.active]

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


def measure(
    model: GPT2LMHeadModel, saes: dict[int, Any], text: Text, workers: Workers
) -> tuple[float, dict[int, HookSums]]:
    """One pass over all windows: the total loss in nats, and the sums of every hook."""
    sums = {block: HookSums(sae.cfg.d_in, sae.cfg.d_sae) for block, sae in saes.items()}
    nats, words_before = 0.0, 0

    @torch.no_grad()
    def run(piece: tuple[Tensor, Tensor]) -> tuple[float, dict[int, HookSums], int]:
        ids, first = piece
        stream = residual_stream(model, ids)
        is_text = ids != IGNORED
        window = is_text.nonzero()[:, 0]
        here = {block: HookSums(sae.cfg.d_in, sae.cfg.d_sae) for block, sae in saes.items()}
        for block, sae in saes.items():
            x = stream[block][is_text]
            chosen = active_features(sae, x)
            here[block].add(x, chosen, decode(sae, chosen, len(x)))
            here[block].keep(chosen, window, first)
        loss = token_nats(model, stream[-1][:, :-1], ids[:, 1:]).sum(dtype=torch.float64)
        return float(loss), here, int(is_text[first].sum())

    for loss, here, words in workers.map(run, _batches(text.windows, text.first), "evaluation"):
        nats += loss
        for block, hook in here.items():
            sums[block].merge(hook, words_before)
        words_before += words
    return nats, sums


def cross_entropies(
    model: GPT2LMHeadModel, saes: dict[int, Any], windows: UInt16[np.ndarray, "window position"], workers: Workers
) -> dict[int, dict[str, float]]:
    """The mean loss with each hook as it is, reconstructed, and set to zero; BOS is left as it is.

    Units: nats a token.
    """

    @torch.no_grad()
    def run(piece: tuple[Tensor, Tensor]) -> dict[int, dict[str, float]]:
        ids, _ = piece
        stream = residual_stream(model, ids)
        clean = float(token_nats(model, stream[-1][:, :-1], ids[:, 1:]).sum(dtype=torch.float64))
        return {
            block: {"clean": clean}
            | {
                name: _nats_with(model, ids, stream[block], block, other)
                for name, other in (
                    ("sae", _reconstruction(sae, stream[block])),
                    ("zero", torch.zeros_like(stream[block])),
                )
            }
            for block, sae in saes.items()
        }

    parts = workers.map(run, _batches(windows, np.zeros(len(windows), dtype=bool)), "cross-entropy")
    tokens = int((windows != IGNORED).sum())
    return {
        block: {name: sum(part[block][name] for part in parts) / tokens for name in ("clean", "sae", "zero")}
        for block in saes
    }


def _reconstruction(sae: Any, x: Tensor) -> Tensor:
    """(batch, position, d_model) -> the same."""
    flat = x.flatten(0, 1)
    return decode(sae, active_features(sae, flat), len(flat)).view(x.shape)


def _nats_with(model: GPT2LMHeadModel, ids: Tensor, x: Tensor, block: int, other: Tensor) -> float:
    """The total loss with `other` in place of the residual stream `x`, but for BOS."""
    last = continue_from(model, torch.cat([x[:, :1], other[:, 1:]], dim=1), block)
    return float(token_nats(model, last[:, :-1], ids[:, 1:]).sum(dtype=torch.float64))


def recovered(ce: dict[str, float]) -> dict[str, float]:
    """The share of the cross-entropy that the reconstruction recovers, and its rise in nats."""
    return {
        "ce_clean": ce["clean"],
        "ce_sae": ce["sae"],
        "ce_zero": ce["zero"],
        "ce_recovered": (ce["zero"] - ce["sae"]) / (ce["zero"] - ce["clean"]),
        "ce_rise": ce["sae"] - ce["clean"],
    }


@dataclass(frozen=True)
class Part:
    """One part of the text at one hook."""

    text: Text
    sums: HookSums

    @cached_property
    def values(self) -> Float[np.ndarray, "document feature"]:
        """Each feature's maximum over each document's first window."""
        return np.concatenate(self.sums.maxima)

    @property
    def density(self) -> Float[np.ndarray, " feature"]:
        """Share of the tokens on which each feature fires."""
        return self.sums.fired.numpy() / self.sums.tokens

    def words(self, feature: int) -> list[str]:
        """The different words of first windows that a feature fires on, the most frequent first."""
        active = np.concatenate(self.sums.active)
        return distinct_words(feature, active[:, 1], active[:, 0], self.text.words)

    def area(
        self, feature: int, domain: str, *, without: str | None = None, within: str | None = None
    ) -> tuple[float, float, float] | None:
        """A feature's AUROC for a domain against all others, and its interval by parent; None where a side is empty.

        `without` leaves the documents of a source out, `within` those of the domain that are of any other.
        """
        documents = self.text.documents
        kept = [
            place
            for place, document in enumerate(documents)
            if document.source != without and (within is None or document.domain != domain or document.source == within)
        ]
        positive = np.array([documents[place].domain == domain for place in kept], dtype=bool)
        if not 0 < positive.sum() < len(positive):
            return None
        values = self.values[kept, feature]
        interval = auroc_interval(values, positive, [documents[place].parent for place in kept])
        return float(auroc(values[:, None], positive)[0]), *interval


def meaning(chosen: Part, judged: Part, domain: str = "medical", templated: str = "abachaa/MedQuAD") -> dict[str, Any]:
    """The domains that features tell apart, and what is left of one domain's features without a templated source.

    Features are chosen on one part; the AUROCs and words are those of the other. A feature of the domain is kept
    where its AUROC is at least 0.80 without the templated source too, and it fires on at least ten different words.
    """
    parents = chosen.text.parents, judged.text.parents
    wanted = [name for name in parents[1] if min(each.get(name, 0) for each in parents) >= LEAST_PARENTS]
    found = domain_features(chosen.values, chosen.text.domains, chosen.density, wanted)
    rows: list[dict[str, Any]] = []
    for feature in next((each.features for each in found if each.domain == domain), ()):
        words = judged.words(feature)
        row: dict[str, Any] = {
            "feature": feature,
            "auroc": judged.area(feature, domain),
            "words": len(words),
            "examples": words[:8],
        }
        rows.append(row | {"without_templated": judged.area(feature, domain, without=templated)})
    kept = [row for row in rows if (row["without_templated"] or [0])[0] >= 0.80 and row["words"] >= 10]
    return {
        "domains": [_domain(each, judged) for each in found],
        domain: rows,
        f"{domain}_kept": len(kept),
        f"{domain}_sources": _by_source(rows[0]["feature"], domain, judged) if rows else [],
    }


def _domain(found: DomainFeatures, judged: Part) -> dict[str, Any]:
    """How the features chosen for a domain fare on the other part."""
    areas = auroc(judged.values[:, list(found.features)], np.array(judged.text.domains) == found.domain)
    return {
        "domain": found.domain,
        "chosen": len(found.features),
        "held": int((areas >= LEAST_AUROC).sum()),
        "best_feature": found.best_feature,
        "best": judged.area(found.best_feature, found.domain),
    }


def _by_source(feature: int, domain: str, judged: Part) -> list[dict[str, Any]]:
    """A feature's AUROC for the domain's documents of each source by itself, against all other domains."""
    pieces = Counter(document.source for document in judged.text.documents if document.domain == domain)
    parents = Counter(
        source for source, _ in {(d.source, d.parent) for d in judged.text.documents if d.domain == domain}
    )
    return [
        {
            "feature": feature,
            "source": source,
            "documents": pieces[source],
            "parents": parents[source],
            "auroc": judged.area(feature, domain, within=source),
        }
        for source in sorted(pieces)
    ]


def evaluate(release: Path, documents: list[TrainingDocument], workers: Workers) -> dict[str, Any]:
    """All figures of a release on the documents, but for the baseline's; features are chosen on one part of them."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model: Any = GPT2LMHeadModel.from_pretrained(str(release / "gpt2"), dtype=torch.float32)
    model = model.to(device).eval()
    saes = {block: sae.to(device) for block, sae in load_saes(release).items()}
    choosing, judging = (read_text(part, release / "gpt2", model.config.n_positions) for part in two_parts(documents))
    _, chosen = measure(model, saes, choosing, workers)
    nats, judged = measure(model, saes, judging, workers)
    entropies = cross_entropies(model, saes, judging.windows[::CROSS_ENTROPY_EVERY], workers)
    tokens = int((judging.windows != IGNORED).sum())
    figures: dict[str, Any] = {"tokens": tokens, "bytes": judging.text_bytes, "documents": len(judging.documents)}
    figures |= {"nats_a_token": nats / tokens, "bits_per_byte": nats / math.log(2) / judging.text_bytes}
    logger.info("%.4f bits per byte", figures["bits_per_byte"])
    for name, text in (("choosing", choosing), ("judging", judging)):
        pieces = Counter(text.domains)
        figures[name] = {domain: [parents, pieces[domain]] for domain, parents in text.parents.items()}
    figures["hooks"] = {
        hook_name(block): judged[block].summary()
        | recovered(entropies[block])
        | meaning(Part(choosing, chosen[block]), Part(judging, judged[block]))
        for block in saes
    }
    return figures


def _batches(
    windows: UInt16[np.ndarray, "window position"], first: Bool[np.ndarray, " window"]
) -> Iterator[tuple[Tensor, Tensor]]:
    """The windows in their order, in batches."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for start in range(0, len(windows), BATCH):
        ids = torch.from_numpy(windows[start : start + BATCH].astype(np.int64)).to(device)
        yield ids, torch.from_numpy(first[start : start + BATCH]).to(device)
