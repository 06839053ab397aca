"""Histograms of activations as the outline of their bars, on one axis and each on a scale of its own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atlas.site.pages.feature.section import Feature, Record, by_corpus
from atlas.site.pages.figures import figure

HEADING = "Histogram"
BINS_TO_OCTAVE = 8
BAR = 10
HEIGHT = 100
LOWEST = 3.0
"""Height of a bar that is there at all, of HEIGHT: one token among millions stays visible."""
DRAWN = 5
FEWEST = 5
"""Active tokens below which a corpus has no shape to draw; it counts in all together."""

Corpus = Mapping[str, Any]


@dataclass(frozen=True)
class Axis:
    """Whole octaves."""

    first_octave: int
    octaves: int

    @property
    def width(self) -> int:
        """Of the drawing."""
        return self.octaves * BINS_TO_OCTAVE * BAR

    @property
    def ticks(self) -> list[float]:
        """The activation at which each octave begins."""
        return [2.0 ** (self.first_octave + octave) for octave in range(self.octaves)]


async def read(about: Feature) -> Record | None:
    """The bins of each corpus in which it fires; None where it never fires."""
    active = [corpus for corpus in about.corpora if corpus["active_tokens"]]
    listed = by_corpus(active, "bins", await about.rows("histogram/bins"))
    return {"corpora": listed, "rows": about.rows_behind("feature_histogram")} if listed else None


def drawn_histogram(corpora: Sequence[Corpus], tokens_read: int) -> list[Corpus]:
    """All corpora together, of the tokens read in them and elsewhere, then those where it fires most often."""
    often = sorted(corpora, key=lambda corpus: -corpus["active_tokens"])[:DRAWN]
    if len(corpora) == 1:
        return often
    return [_together(corpora, tokens_read), *(corpus for corpus in often if corpus["active_tokens"] >= FEWEST)]


def histogram_axis(corpora: Sequence[Corpus]) -> Axis:
    """The axis that holds the bars of all corpora."""
    octaves = [bin_["bin"] // BINS_TO_OCTAVE for corpus in corpora for bin_ in corpus["bins"]]
    return Axis(min(octaves), max(octaves) - min(octaves) + 1)


def histogram_outline(corpus: Corpus, axis: Axis) -> str:
    """The bars of a corpus as one SVG path, the tallest as high as the drawing."""
    tallest = max(bin_["tokens"] for bin_ in corpus["bins"])
    bars = []
    for bin_ in corpus["bins"]:
        height = max(LOWEST, HEIGHT * bin_["tokens"] / tallest)
        left = (bin_["bin"] - axis.first_octave * BINS_TO_OCTAVE) * BAR
        bars.append(f"M{left} {HEIGHT}v{-height:.1f}h{BAR - 1}v{height:.1f}z")
    return "".join(bars)


def _together(corpora: Sequence[Corpus], tokens_read: int) -> Corpus:
    counts: Counter[int] = Counter()
    for corpus in corpora:
        counts.update({bin_["bin"]: bin_["tokens"] for bin_ in corpus["bins"]})
    return {
        "name": "All corpora",
        "active_tokens": sum(corpus["active_tokens"] for corpus in corpora),
        "tokens_read": tokens_read,
        "max_activation": max(corpus["max_activation"] for corpus in corpora),
        "bins": [{"bin": bin_, "tokens": tokens} for bin_, tokens in sorted(counts.items())],
    }


def fullest_histogram_bin(corpus: Mapping[str, Any]) -> str:
    """The bin with most tokens, in words."""
    bin_ = max(corpus["bins"], key=lambda bin_: (bin_["tokens"], bin_["bin"]))["bin"]
    return f"{figure(2 ** (bin_ / BINS_TO_OCTAVE))} to {figure(2 ** ((bin_ + 1) / BINS_TO_OCTAVE))}"


FILTERS = {
    "drawn": drawn_histogram,
    "histogram_axis": histogram_axis,
    "outline": histogram_outline,
    "fullest_bin": fullest_histogram_bin,
}
