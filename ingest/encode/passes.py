"""Which windows a model reads in one forward pass, and windows padded to the rows of a matrix.

They are of like length: packed, a pass is as long as all of their tokens; padded, as long as the longest of them each.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int

from ingest.encode.windows import Window

FORWARD_TOKENS = 2048
"""Tokens of one forward pass, padding included; flat memory, and large enough for the matrix products."""


class Padded(NamedTuple):
    """Windows as a model reads them, and where their own tokens stand: neither BOS nor padding."""

    tokens: Int[torch.Tensor, "window position"]
    text: Bool[torch.Tensor, "window position"]


def packed_passes(needed: Sequence[int], windows: Sequence[Window], tokens: int) -> Iterator[list[int]]:
    """The places of windows of like length together, in passes of as many tokens each: that many, and part of a window.

    A last pass of a few rows would cost more for each of them.
    """
    order = np.array(sorted(needed, key=lambda i: (len(windows[i]), i)))
    sizes = np.array([len(windows[i]) for i in order])
    total = int(sizes.sum())
    number = (np.cumsum(sizes) - sizes) * -(-total // tokens) // max(total, 1)
    return (part.tolist() for part in np.split(order, np.flatnonzero(np.diff(number)) + 1) if len(part))


def passes_alike_in_length(
    needed: Sequence[int], windows: Sequence[Window], first: int, tokens: int
) -> Iterator[list[int]]:
    """The places of windows of like length together, within that many tokens once padded."""
    group: list[int] = []
    for i in sorted(needed, key=lambda i: (len(windows[i]), i)):
        if group and (len(group) + 1) * (len(windows[i]) + first) > tokens:
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def pad_windows(windows: Sequence[Window], first: int, filler: int, device: str | torch.device) -> Padded:
    """Windows from position `first` on; `filler` (BOS) stands before and after them: no causal model sees that."""
    lengths = np.array([len(window) for window in windows])[:, None]
    places = np.arange(first + lengths.max())
    text = torch.from_numpy((places >= first) & (places < first + lengths))
    tokens = torch.full(text.shape, filler, dtype=torch.int64)
    tokens[text] = torch.from_numpy(np.concatenate([window.token_ids for window in windows]).astype(np.int64))
    return Padded(tokens.to(device), text.to(device))
