"""What is summed, and the rows that come of it: columns of equal length, by the names of the tables they go to."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ingest.statistics.radix_order import radix_order, run_starts

PerRow = Int[np.ndarray, " row"]


class Windows(NamedTuple):
    """Windows in the order of their documents.

    Shapes: each (window,).
    """

    context: PerRow
    corpus: PerRow
    document: PerRow
    sampled: Bool[np.ndarray, " row"]
    content_hash: PerRow


class Activations(NamedTuple):
    """Activations above zero, in any order; `window` is a place among the windows.

    Shapes: each (activation,).
    """

    feature: PerRow
    window: PerRow
    position: PerRow
    token_id: PerRow
    activation: Float[np.ndarray, " row"]

    def take(self, order: PerRow) -> "Activations":
        """Those at these places."""
        return Activations(*(column[order] for column in self))


class DocumentSums(NamedTuple):
    """A feature on a document: rows of `feature_document`, with the document's corpus.

    Shapes: each (row,).
    """

    corpus: PerRow
    document: PerRow
    feature: PerRow
    max_activation: Float[np.ndarray, " row"]
    sum_activation: Float[np.ndarray, " row"]
    active_tokens: PerRow
    window_max: Float[np.ndarray, " row"]

    def take(self, chosen: np.ndarray) -> "DocumentSums":
        """Those at these places."""
        return DocumentSums(*(column[chosen] for column in self))

    def with_rows(self, more: "DocumentSums") -> "DocumentSums":
        """In the order of document and feature, those of one document and feature as one."""
        every = DocumentSums(*(np.concatenate(pair) for pair in zip(self, more, strict=True)))
        every = every.take(radix_order(every.document, every.feature))
        start = run_starts(every.document, every.feature)
        if len(start) == len(every.feature):
            return every
        return every.take(start)._replace(
            max_activation=np.maximum.reduceat(every.max_activation, start),
            sum_activation=np.add.reduceat(every.sum_activation, start),
            active_tokens=np.add.reduceat(every.active_tokens, start),
            window_max=np.maximum.reduceat(every.window_max, start),
        )


NO_DOCUMENTS = DocumentSums(
    corpus=np.empty(0, np.int32),
    document=np.empty(0, np.int32),
    feature=np.empty(0, np.int32),
    max_activation=np.empty(0, np.float32),
    sum_activation=np.empty(0),
    active_tokens=np.empty(0, np.int32),
    window_max=np.empty(0, np.float32),
)


class Moments(NamedTuple):
    """A feature on a corpus: how often it fires, and sums of powers of deviations from its mean where it does.

    Shapes: each (row,). documents: those in which it fires for the first time.
    Source: Chan, Golub & LeVeque 1979; Pébay 2008, section 3, which merge these at any magnitude.
    """

    corpus: PerRow
    feature: PerRow
    documents: PerRow
    active_tokens: PerRow
    max_activation: Float[np.ndarray, " row"]
    mean_active: Float[np.ndarray, " row"]
    m2: Float[np.ndarray, " row"]
    m3: Float[np.ndarray, " row"]
    m4: Float[np.ndarray, " row"]


class BinCounts(NamedTuple):
    """How many activations of a feature on a corpus fall into a bin, of eight an octave.

    Shapes: each (row,).
    """

    corpus: PerRow
    feature: PerRow
    bin: PerRow
    tokens: PerRow


class TokenSums(NamedTuple):
    """How often a feature fires on a token in a corpus, and how strongly in all.

    Shapes: each (row,).
    """

    corpus: PerRow
    feature: PerRow
    token_id: PerRow
    active_tokens: PerRow
    sum_activation: Float[np.ndarray, " row"]


class Examples(NamedTuple):
    """Windows that may be among the first of a feature: by its maximum there, or by their hash in its octave.

    Shapes: each (row,). position: the first of the maximum.
    """

    corpus: PerRow
    feature: PerRow
    context: PerRow
    content_hash: PerRow
    activation: Float[np.ndarray, " row"]
    position: PerRow
    octave: PerRow


@dataclass(frozen=True)
class SliceSums:
    """What a slice of windows gives. documents: the whole ones; unfinished: the last one, which may go on."""

    documents: DocumentSums
    unfinished: DocumentSums
    moments: Moments
    bins: BinCounts
    tokens: TokenSums
    examples: Examples


@dataclass(frozen=True)
class Kept:
    """How many windows of a feature are kept: the strongest, and of each octave those of the smallest hash."""

    top: int
    octave: int
