"""The baseline a language model has to beat: bigrams with Witten-Bell smoothing, on the same windows."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, UInt16

from ingest.pocket.recipe.windows import IGNORED


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
