"""Training windows: BOS and the context that follows it, cut from one document each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from jaxtyping import Int, UInt16
from torch import Tensor

from ingest.pocket.recipe.tokenizer import BOS_ID

IGNORED = BOS_ID
"""The target of a padded position. BOS is no text token, so it never is a target that counts."""


def document_windows(ids: list[int], context_size: int) -> UInt16[np.ndarray, "window position"]:
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


def training_windows(documents: Iterable[list[int]], context_size: int) -> UInt16[np.ndarray, "window position"]:
    """The windows of all documents, in their order."""
    return np.concatenate([document_windows(ids, context_size) for ids in documents if ids])


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
