"""What windows give to the sums of an SAE: pure functions on arrays.

Activations are brought into the order of feature, corpus, document and window; what belongs to one sum then lies
together, and is added run by run. Of what can be merged later (`ingest.statistics.sums`) there is one row a slice of
windows; a document may go on in the next slice, and is told when it is whole.
"""

from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Float

from ingest.statistics.radix_order import radix_order, run_lengths, run_starts
from ingest.statistics.sum_rows import (
    Activations,
    BinCounts,
    DocumentSums,
    Examples,
    Kept,
    Moments,
    PerRow,
    SliceSums,
    TokenSums,
    Windows,
)

BINS_PER_OCTAVE = 8
TABLE_CELLS = 1 << 21
"""Cells of a table in which bins are counted, at most."""


class Peaks(NamedTuple):
    """A feature in a window, by feature, corpus and window.

    Shapes: each (row,). position: the first of the maximum.
    """

    feature: PerRow
    window: PerRow
    position: PerRow
    max_activation: Float[np.ndarray, " row"]
    sum_activation: Float[np.ndarray, " row"]
    active_tokens: PerRow


def sum_windows(windows: Windows, fired: Activations, unfinished: DocumentSums, kept: Kept) -> SliceSums:
    """Sum a slice of windows, of whose first document `unfinished` holds what slices before have given."""
    order = radix_order(fired.feature, windows.corpus[fired.window], fired.window, fired.position)
    fired = fired.take(order)
    groups = Groups.of(fired.feature, windows.corpus[fired.window])
    peaks = _peaks(fired)
    documents = _documents(windows, peaks)
    met = documents.with_rows(unfinished)
    whole = met.document != windows.document[-1]
    return SliceSums(
        documents=met.take(whole),
        unfinished=met.take(~whole),
        moments=_moments(fired, groups, _newly_met(documents, unfinished)),
        bins=_bins(fired, groups),
        tokens=_tokens(fired, groups),
        examples=_examples(windows, peaks, kept),
    )


class Groups(NamedTuple):
    """Rows of one feature and corpus, which lie together.

    Shapes: corpus, feature, start, rows (group,); number (row,), the group of each row.
    """

    corpus: PerRow
    feature: PerRow
    start: PerRow
    rows: PerRow
    number: PerRow

    @classmethod
    def of(cls, feature: PerRow, corpus: PerRow) -> Self:
        """Those of rows in the order of feature and corpus."""
        start = run_starts(feature, corpus)
        rows = run_lengths(start, len(feature))
        return cls(corpus[start], feature[start], start, rows, np.repeat(np.arange(len(start), dtype=np.int32), rows))


def _peaks(fired: Activations) -> Peaks:
    start = run_starts(fired.feature, fired.window)
    tokens = run_lengths(start, len(fired.feature))
    highest = np.maximum.reduceat(fired.activation, start)
    reached = fired.activation == np.repeat(highest, tokens)
    places = np.where(reached, fired.position, np.iinfo(fired.position.dtype).max)
    return Peaks(
        feature=fired.feature[start],
        window=fired.window[start],
        position=np.minimum.reduceat(places, start),
        max_activation=highest,
        sum_activation=np.add.reduceat(fired.activation.astype(float), start),
        active_tokens=tokens.astype(np.int32),
    )


def _documents(windows: Windows, peaks: Peaks) -> DocumentSums:
    """By feature, corpus and document."""
    document = windows.document[peaks.window]
    start = run_starts(peaks.feature, document)
    return DocumentSums(
        corpus=windows.corpus[peaks.window[start]],
        document=document[start],
        feature=peaks.feature[start],
        max_activation=np.maximum.reduceat(peaks.max_activation, start),
        sum_activation=np.add.reduceat(peaks.sum_activation, start),
        active_tokens=np.add.reduceat(peaks.active_tokens, start, dtype=np.int32),
        window_max=np.maximum.reduceat(np.where(windows.sampled[peaks.window], peaks.max_activation, 0), start),
    )


def _newly_met(documents: DocumentSums, unfinished: DocumentSums) -> PerRow:
    """In how many documents each group of feature and corpus fires for the first time."""
    new = np.ones(len(documents.feature), np.int64)
    goes_on = np.flatnonzero(np.isin(documents.document, unfinished.document[:1]))
    new[goes_on] = ~np.isin(documents.feature[goes_on], unfinished.feature)
    met: PerRow = np.add.reduceat(new, run_starts(documents.feature, documents.corpus))
    return met


def _moments(fired: Activations, groups: Groups, documents: PerRow) -> Moments:
    activation = fired.activation.astype(float)
    mean = np.add.reduceat(activation, groups.start) / groups.rows
    deviation = activation - np.repeat(mean, groups.rows)
    square = deviation * deviation
    return Moments(
        corpus=groups.corpus,
        feature=groups.feature,
        documents=documents,
        active_tokens=groups.rows,
        max_activation=np.maximum.reduceat(fired.activation, groups.start),
        mean_active=mean,
        m2=np.add.reduceat(square, groups.start),
        m3=np.add.reduceat(square * deviation, groups.start),
        m4=np.add.reduceat(square * square, groups.start),
    )


def _bins(fired: Activations, groups: Groups) -> BinCounts:
    """Counted in a table of groups and bins, so many groups at a time that it stays small."""
    bins = np.floor(BINS_PER_OCTAVE * np.log2(fired.activation.astype(float))).astype(np.int64)
    least = bins.min()
    span = int(bins.max() - least) + 1
    cells = groups.number * np.int64(span) + (bins - least)
    found, ends, most = [], np.append(groups.start, len(bins)), max(1, TABLE_CELLS // span)
    for first in range(0, len(groups.start), most):
        last = min(first + most, len(groups.start))
        counts = np.bincount(cells[ends[first] : ends[last]] - first * span, minlength=(last - first) * span)
        filled = np.flatnonzero(counts)
        found.append((filled + first * span, counts[filled]))
    cell, tokens = map(np.concatenate, zip(*found, strict=True))
    number, bin_ = np.divmod(cell, span)
    return BinCounts(groups.corpus[number], groups.feature[number], (bin_ + least).astype(np.int16), tokens)


def _tokens(fired: Activations, groups: Groups) -> TokenSums:
    order = radix_order(groups.number, fired.token_id)
    number, token_id = groups.number[order], fired.token_id[order]
    start = run_starts(number, token_id)
    first = number[start]
    return TokenSums(
        corpus=groups.corpus[first],
        feature=groups.feature[first],
        token_id=token_id[start],
        active_tokens=run_lengths(start, len(order)),
        sum_activation=np.add.reduceat(fired.activation[order].astype(float), start),
    )


def _examples(windows: Windows, peaks: Peaks, kept: Kept) -> Examples:
    """Of equal maxima the window of the smaller hash comes first."""
    groups = Groups.of(peaks.feature, windows.corpus[peaks.window])
    rank = np.unique(windows.content_hash, return_inverse=True)[1].astype(np.int32)[peaks.window]
    strength = peaks.max_activation.view(np.int32)  # floats above zero are in the order of their bits
    octave = (np.frexp(peaks.max_activation)[1] - 1).astype(np.int16)
    chosen = np.zeros(len(rank), bool)
    chosen[_first_of_each(kept.top, (groups.number,), (-strength, rank))] = True
    chosen[_first_of_each(kept.octave, (groups.number, octave), (rank,))] = True
    place = np.flatnonzero(chosen)
    window = peaks.window[place]
    return Examples(
        corpus=windows.corpus[window],
        feature=peaks.feature[place],
        context=windows.context[window],
        content_hash=windows.content_hash[window],
        activation=peaks.max_activation[place],
        position=peaks.position[place],
        octave=octave[place],
    )


def _first_of_each(most: int, alike: tuple[PerRow, ...], by: tuple[PerRow, ...]) -> PerRow:
    """The places of so many rows of each kind at most, the first by other columns."""
    order = radix_order(*alike, *by)
    start = run_starts(*(column[order] for column in alike))
    place = np.arange(len(order)) - np.repeat(start, run_lengths(start, len(order)))
    first: PerRow = order[place < most]
    return first
