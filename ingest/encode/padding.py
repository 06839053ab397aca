"""Windows of one forward pass: of like length, padded on the right, which a causal model never sees."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Int

from ingest.encode.windows import Window

FORWARD_TOKENS = 2048
"""Tokens of one forward pass, padding included; flat memory, and large enough for the matrix products."""


def alike_in_length(needed: Sequence[int], windows: Sequence[Window], first: int, tokens: int) -> Iterator[list[int]]:
    """The places of windows of like length together, within that many tokens once padded."""
    group: list[int] = []
    for i in sorted(needed, key=lambda i: (len(windows[i]), i)):
        if group and (len(group) + 1) * (len(windows[i]) + first) > tokens:
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def padded(windows: Sequence[Window], first: int, bos_token_id: int) -> Int[torch.Tensor, "window position"]:
    """The tokens of windows as the model reads them; BOS stands before them, and pads them."""
    width = first + max(map(len, windows))
    tokens = torch.full((len(windows), width), bos_token_id, dtype=torch.int64)
    for row, window in enumerate(windows):
        tokens[row, first : first + len(window)] = torch.from_numpy(window.token_ids)
    return tokens


def is_text(windows: Sequence[Window], first: int) -> Bool[torch.Tensor, "window position"]:
    """Where windows hold tokens of text, neither BOS nor padding."""
    lengths = np.array([len(window) for window in windows])[:, None]
    places = np.arange(first + lengths.max())
    return torch.from_numpy((places >= first) & (places < first + lengths))
