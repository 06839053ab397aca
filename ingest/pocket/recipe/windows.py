"""Windows of text: those that are trained on, and the documents that a release is evaluated on.

A window is BOS and the context that follows it, cut from one document; of a document that is evaluated, the words of
its first window are known too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Int, UInt8, UInt16
from torch import Tensor

from ingest.pocket.recipe.corpus import BOS_ID, TrainingDocument, load_tokenizer

IGNORED = BOS_ID
"""The target of a padded position. BOS is no text token, so it never is a target that counts."""

WORD = re.compile(r"\w+")


def training_windows(ids: list[int], context_size: int) -> UInt16[np.ndarray, "window position"]:
    """A document cut into windows of BOS and `context_size` tokens, the last one moved back to be full.

    The last token of a window is a target only, and the next window begins after it, so that every token is
    predicted and none is wasted. A document shorter than a window is padded with `IGNORED`.

    Shapes: (windows, context_size + 1); the model reads the first `context_size` columns.
    """
    starts = list(range(0, max(len(ids) - context_size, 0), context_size))
    starts.append(max(len(ids) - context_size, 0))
    out = np.full((len(starts), context_size + 1), IGNORED, dtype=np.uint16)
    for row, start in enumerate(starts):
        piece = ids[start : start + context_size]
        out[row, 1 : 1 + len(piece)] = piece
    out[:, 0] = BOS_ID
    return out


@dataclass(frozen=True)
class TrainingText:
    """Windows that are trained on, in the order of their documents, and the number of each one's domain."""

    windows: UInt16[np.ndarray, "window position"]
    domain: UInt8[np.ndarray, " window"]

    def balanced(self, power: float, seed: int) -> UInt16[np.ndarray, "window position"]:
        """As many windows, whose domains have shares of the text to the `power`: 1 as they are, 0 all equal."""
        return self.windows if power == 1.0 else self.windows[balanced_training_places(self.domain, power, seed)]


def training_text(documents: Iterable[tuple[str, list[int]]], context_size: int) -> TrainingText:
    """The windows of all documents, given as their domain and their tokens; an empty one has none."""
    numbers: dict[str, int] = {}
    windows, domain = [], []
    for name, ids in documents:
        if ids:
            windows.append(training_windows(ids, context_size))
            domain.append(np.full(len(windows[-1]), numbers.setdefault(name, len(numbers)), dtype=np.uint8))
    return TrainingText(np.concatenate(windows), np.concatenate(domain))


def evaluation_windows(ids: list[int], context_size: int) -> UInt16[np.ndarray, "window position"]:
    """A document cut into windows of BOS and `context_size - 1` tokens that do not overlap, the last one padded.

    Shapes: (windows, context_size), each token of the document once.
    """
    text = context_size - 1
    out = np.full((max(-(-len(ids) // text), 1), context_size), IGNORED, dtype=np.uint16)
    for row, start in enumerate(range(0, len(ids), text)):
        piece = ids[start : start + text]
        out[row, 1 : 1 + len(piece)] = piece
    out[:, 0] = BOS_ID
    return out


def shuffled_batches(
    windows: UInt16[np.ndarray, "window position"], batch: int, seed: int, first: int = 0
) -> Iterator[Int[Tensor, "batch position"]]:
    """Batches without end, each epoch in an order of its own, beginning with batch number `first`.

    What a batch holds depends on the seed and its number alone, which is what makes a run resumable.
    """
    if len(windows) < batch:
        raise ValueError(f"{len(windows)} windows do not fill a batch of {batch}: give more text or a smaller batch")
    per_epoch = len(windows) // batch
    number = first
    while True:
        epoch, start = divmod(number, per_epoch)
        order = np.random.default_rng((seed, epoch)).permutation(len(windows))
        for i in range(start, per_epoch):
            yield torch.from_numpy(windows[order[i * batch : (i + 1) * batch]].astype(np.int64))
        number = (epoch + 1) * per_epoch


def balanced_training_places(
    domain: UInt8[np.ndarray, " window"], power: float, seed: int
) -> Int[np.ndarray, " window"]:
    """Places of as many windows, drawn so that a domain's share is its share of the text to the `power`.

    A window of a domain that is to have more than it has comes again, but none before each of them has come.
    """
    draw = np.random.default_rng(seed)
    names, counts = np.unique(domain, return_counts=True)
    wanted = counts**power / (counts**power).sum() * len(domain)
    ends = np.rint(np.cumsum(wanted)).astype(np.int64)
    parts = []
    for name, count in zip(names, np.diff(ends, prepend=0), strict=True):
        own = np.flatnonzero(domain == name)
        rounds = [draw.permutation(own) for _ in range(-(-count // len(own)))]
        parts.append(np.concatenate([own[:0], *rounds])[:count])
    return np.concatenate(parts)


BATCH = 16


@dataclass(frozen=True)
class Text:
    """The evaluated documents, their windows, and the words of each document's first window.

    `word_documents` is the document that each of the words stands in, by its place in `documents`.
    """

    documents: list[TrainingDocument]
    windows: UInt16[np.ndarray, "window position"]
    first: Bool[np.ndarray, " window"]
    words: list[str]
    word_documents: Int[np.ndarray, " word"]

    @property
    def first_windows(self) -> Text:
        """The same of each document's first window alone."""
        return replace(self, windows=self.windows[self.first], first=np.ones(len(self.documents), dtype=bool))

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


def read_text(documents: list[TrainingDocument], tokenizer_folder: Path, context_size: int) -> Text:
    """Tokenize the documents into windows that do not overlap."""
    tokenizer = load_tokenizer(tokenizer_folder)
    windows: list[UInt16[np.ndarray, "window position"]] = []
    first: list[bool] = []
    words: list[str] = []
    lengths: list[int] = []
    for document in documents:
        encoding = tokenizer.encode(document.text, add_special_tokens=False)
        cut = evaluation_windows(encoding.ids, context_size)
        windows.append(cut)
        first.extend(i == 0 for i in range(len(cut)))
        spans = encoding.offsets[: context_size - 1]
        words.extend(training_word_at(document.text, *span) for span in spans)
        lengths.append(len(spans))
    word_documents = np.repeat(np.arange(len(documents)), lengths)
    return Text(documents, np.concatenate(windows), np.array(first), words, word_documents)


def trained_evaluation_batches(
    windows: UInt16[np.ndarray, "window position"], first: Bool[np.ndarray, " window"]
) -> Iterator[tuple[Tensor, Tensor]]:
    """The windows in their order, in batches."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for start in range(0, len(windows), BATCH):
        ids = torch.from_numpy(windows[start : start + BATCH].astype(np.int64)).to(device)
        yield ids, torch.from_numpy(first[start : start + BATCH]).to(device)


def training_word_at(text: str, start: int, end: int) -> str:
    """The whole word, in lower case, that the token at these characters lies in; the token itself outside words."""
    first = start + len(text[start:end]) - len(text[start:end].lstrip())
    begin = first
    while begin > 0 and WORD.match(text[begin - 1]):
        begin -= 1
    match = WORD.match(text, begin)
    return match.group().lower() if match and match.end() > first else text[start:end].strip()
