"""One text as people type it: its tokens, and what fires on each."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ingest.encode.batch import BatchEncoder

UNHASHED = ""
"""The text is shown, never stored or sampled, so what its windows hash to means nothing."""


@dataclass(frozen=True)
class TypedToken:
    """A token of the text: its position in the window (BOS being 0), and the characters it covers."""

    position: int
    token_id: int
    char_start: int
    char_end: int


@dataclass(frozen=True)
class Firing:
    """A feature above zero on one token."""

    position: int
    feature: int
    activation: float


@dataclass(frozen=True)
class Typed:
    """The first window of a text; `left_out` counts the tokens after it, `firing` has a list for each SAE."""

    tokens: Sequence[TypedToken]
    left_out: int
    firing: Sequence[Sequence[Firing]]


def encode_typed(encoder: BatchEncoder, text: str) -> Typed:
    """What fires on each token of a text, strongest first; a text beyond one window is cut there."""
    encoded = encoder.encode([text], [UNHASHED], [[True] for _ in encoder.hook_names])
    (windows,) = encoded.windows
    if not windows:
        return Typed([], 0, [[] for _ in encoder.hook_names])
    first, *rest = windows
    spans = zip(first.token_ids.tolist(), first.char_start.tolist(), first.char_end.tolist(), strict=True)
    tokens = [TypedToken(position, *span) for position, span in enumerate(spans, encoder.tokenization.first_position)]
    return Typed(tokens, sum(map(len, rest)), [_firing(table) for table in encoded.activations])


def _firing(activations: pa.Table) -> list[Firing]:
    """The rows of the first window, by position, then strength."""
    rows = activations.filter(pc.equal(activations["window"], 0)).drop_columns("window").to_pylist()
    return sorted((Firing(**row) for row in rows), key=lambda each: (each.position, -each.activation, each.feature))
