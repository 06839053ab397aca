"""From texts to windows of tokens: what a model reads at a time.

Windows do not overlap. Where BOS is prepended it stands at position 0, counts
towards the context size, and has no row of its own. Text that looks like a
special token is text.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

HASH_BITS = 63
Integers = Int[np.ndarray, " n"]


@dataclass(frozen=True)
class Window:
    """A window of a document.

    Shapes: token_ids, char_start, char_end (tokens,); spans are half-open, in characters of the document.
    """

    ordinal: int
    token_ids: Integers
    char_start: Integers
    char_end: Integers
    content_hash: int

    def __len__(self) -> int:
        return len(self.token_ids)


@dataclass(frozen=True)
class Tokenization:
    """How text becomes windows."""

    tokenizer: Any
    context_size: int
    prepend_bos: bool

    @property
    def window_tokens(self) -> int:
        """Tokens of text in a full window."""
        return self.context_size - int(self.prepend_bos)

    @property
    def first_position(self) -> int:
        """Position of a window's first token of text."""
        return int(self.prepend_bos)

    def windows(self, texts: Sequence[str], hashes: Sequence[str]) -> list[list[Window]]:
        """The windows of each text; its content hash seeds theirs."""
        encoded = self.tokenizer(
            list(texts),
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=False,
            verbose=False,
        )
        rows = zip(encoded["input_ids"], encoded["offset_mapping"], hashes, strict=True)
        return [self._cut(ids, spans, content_hash) for ids, spans, content_hash in rows]

    def _cut(self, ids: list[int], spans: list[tuple[int, int]], content_hash: str) -> list[Window]:
        token_ids = np.asarray(ids, dtype=np.int32)
        span = np.asarray(spans, dtype=np.int32).reshape(-1, 2)
        found = []
        for ordinal, start in enumerate(range(0, len(ids), self.window_tokens)):
            part = slice(start, start + self.window_tokens)
            seed = window_hash(content_hash, ordinal)
            found.append(Window(ordinal, token_ids[part], span[part, 0], span[part, 1], seed))
        return found


def window_hash(content_hash: str, ordinal: int) -> int:
    """A hash of 63 bits that orders windows at random, the same in every run."""
    digest = hashlib.blake2b(f"{content_hash}:{ordinal}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - HASH_BITS)


def sampled_window(windows: Sequence[Window]) -> int:
    """The one window of a document chosen by hash, each in proportion to its tokens.

    A short last window is rarely drawn, so that documents of any length are compared on windows of like length.
    Source: Efraimidis & Spirakis 2006, weighted sampling: the smallest -log(u) / weight.
    """
    return min(windows, key=lambda window: -math.log((window.content_hash + 1) / 2**HASH_BITS) / len(window)).ordinal
