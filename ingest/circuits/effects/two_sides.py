"""Documents of two sides as windows that a model reads, with the groups that documents fall into."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from ingest.attribution.prompts import Prompt, prompts_of_documents
from ingest.circuits.effects.removal import Losses
from ingest.contrasts.selection import check_disjoint, contrasted_texts
from ingest.encode.windows import Window
from schema.store import Atlas

SIDES = ("positive", "control")
Sets = tuple[tuple[str, ...], tuple[str, ...]]
"""The sets of documents on the positive side, and on the control side."""


@dataclass(frozen=True)
class Texts:
    """Windows of the documents of two sides; `sha256` is of their texts.

    Shapes: windows, document (window,), a place in key; key, group, positive (document,).
    """

    windows: list[Window]
    document: Int[np.ndarray, " window"]
    key: Int[np.ndarray, " document"]
    group: Int[np.ndarray, " document"]
    positive: Bool[np.ndarray, " document"]
    sha256: str


def read_texts_of_sides(atlas: Atlas, sets: Sets, tokenization: int, limit: int | None) -> Texts:
    """The windows of the documents of both sides, at most so many of each.

    Raises:
        SelectionError: a set selects nothing that this SAE reads, or one text is on both sides.
    """
    sides = [prompts_of_documents(atlas, side, tokenization, limit) for side in sets]
    check_disjoint(*(contrasted_texts(atlas, _documents(side)) for side in sides))
    prompts = [prompt for side in sides for prompt in side]
    key, first, place = np.unique(_documents(prompts), return_index=True, return_inverse=True)
    rows = atlas.rows(
        """
        SELECT COALESCE(group_name, content_hash), content_hash
        FROM document
        WHERE list_contains($1, document)
        ORDER BY document
        """,
        [key.tolist()],
    )
    groups, hashes = zip(*rows, strict=True)
    content = [[[hashes[number], each.ordinal] for number, each in zip(place, prompts, strict=True)], len(sides[0])]
    return Texts(
        [Window(each.ordinal, each.token_ids, each.char_start, each.char_end, 0) for each in prompts],
        place,
        key,
        np.unique(groups, return_inverse=True)[1],
        first < len(sides[0]),
        hashlib.sha256(json.dumps(content).encode()).hexdigest(),
    )


def losses_by_document(losses: Losses, texts: Texts) -> Losses:
    """The losses of windows added up over each document."""

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(texts.document, weights=values, minlength=len(texts.key))

    without = np.stack([summed(each) for each in losses.without])
    active = np.stack([summed(each) for each in losses.active])
    return Losses(summed(losses.tokens).astype(int), summed(losses.clean), without, active.astype(int))


def _documents(prompts: Sequence[Prompt]) -> list[int]:
    return [prompt.document for prompt in prompts if prompt.document is not None]
