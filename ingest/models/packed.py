"""Texts of any lengths in one run of GPT-2: their tokens are the rows of one matrix, and nothing is filled up.

All but attention looks at a row alone; attention looks at texts that follow each other and are of one length together.
What begins every text (BOS) sees nothing but itself: it is one row for all of them, whose keys and values stand before
each. So prompts of ten tokens cost what the same tokens of a long document do.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.models.block_arithmetic import Attend, Heads, causal_attention
from ingest.models.gpt2 import GPT2

TokenIds = Int[np.ndarray, " token"]


class Stretch(NamedTuple):
    """Texts of one length that follow each other, from a row on."""

    start: int
    texts: int
    length: int

    @property
    def rows(self) -> slice:
        """Their rows."""
        return slice(self.start, self.start + self.texts * self.length)


def packed_values(
    gpt2: GPT2, texts: Sequence[TokenIds], hook_names: frozenset[str], begin: int | None
) -> dict[str, Float[torch.Tensor, "token *d"]]:
    """What hook points give at the tokens of texts, one text after the other; what begins each is left out.

    Texts are not empty, and fastest in the order of their lengths. Nothing is run after the last hook point.
    """
    first = int(begin is not None)
    found: dict[str, torch.Tensor] = {}
    for name, value in gpt2.hook_points(
        _embedded(gpt2, texts, begin), packed_attention(packed_stretches(texts, first))
    ):
        if name in hook_names:
            found[name] = value[first:]
        if len(found) == len(hook_names):
            break
    return found


def _embedded(gpt2: GPT2, texts: Sequence[TokenIds], begin: int | None) -> Float[torch.Tensor, "row d_model"]:
    first = int(begin is not None)
    tokens = np.concatenate([np.full(first, begin or 0), *texts])
    positions = np.concatenate([np.arange(first), *(np.arange(first, first + len(text)) for text in texts)])
    rows = torch.from_numpy(np.stack([tokens, positions]).astype(np.int64)).to(gpt2.W_E.device)
    return gpt2.W_E[rows[0]] + gpt2.W_pos[rows[1]]


def packed_stretches(texts: Sequence[TokenIds], first: int) -> list[Stretch]:
    """Texts in a row that are of one length, after so many rows of what begins them."""

    def _found() -> Iterator[Stretch]:
        start = first
        for length, alike in groupby(map(len, texts)):
            stretch = Stretch(start, len(list(alike)), length)
            yield stretch
            start = stretch.rows.stop

    return list(_found())


def packed_attention(parts: Sequence[Stretch]) -> Attend:
    """Each row sees itself and the rows before it of its own text, and the one that begins all where there is one."""
    first = parts[0].start

    def attend(layer: int, q: Heads, k: Heads, v: Heads) -> Heads:  # (row, head, d_head)
        z = torch.empty_like(q, memory_format=torch.contiguous_format)
        z[:first] = v[:first]  # what begins sees itself alone
        for part in parts:
            apart = (_begun(rows[:first], rows[part.rows], part) for rows in (q, k, v))
            z[part.rows] = causal_attention(layer, *apart)[:, first:].flatten(0, 1)
        return z

    return attend


def _begun(begin: Heads, rows: Heads, part: Stretch) -> Float[torch.Tensor, "text position head d_head"]:
    """The rows of each text, after what begins it."""
    own = rows.view(part.texts, part.length, *rows.shape[1:])
    return torch.cat([begin.expand(part.texts, *begin.shape), own], 1) if len(begin) else own
