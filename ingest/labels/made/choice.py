"""The words of a label: few items that are where a feature fires, and hardly anywhere else.

An item is worth the share of firing places that it newly covers, less the share of all places that it is found at:
Youden's J of the set grows by that much at least. Items are taken one by one while they are worth it. Which places are
looked at makes the kind of label. The kind is chosen by what sets found on one half of the groups are worth on the
other, so that rare words, which fit anything once, win nothing: as a claim about the place, and as one that tells
snippets in which the feature fires from those in which it is silent, whichever is less.

Source: Youden 1950, "Index for rating diagnostic tests"; the share of all places does what the inverse frequency of
c-TF-IDF does (Grootendorst 2022, arXiv 2203.05794, equation 2); Breiman et al. 1984, 3.4.3, for the standard error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from ingest.labels.made.background import Background
from ingest.labels.snippets import CENTRE, WIDTH, Grid
from ingest.labels.vocabulary import CLASSES, NOTHING

Kind = Literal["on", "before", "after", "about", "says"]
Items = Int[np.ndarray, " item"]

MOST_ITEMS = 6
LEAST_GAIN = 0.01

MANY = 20
"""Places of which an item counts only where it is at two of them; of fewer, half a place is left out of account."""

LEAST_PLACES = 6
"""Places of at least two groups that a kind is chosen by; of fewer, a label says what is fired on."""

OFFSETS: Mapping[Kind, slice] = {
    "on": slice(CENTRE, CENTRE + 1),
    "says": slice(CENTRE + 1, CENTRE + 2),
    "before": slice(CENTRE + 1, CENTRE + 2),
    "after": slice(CENTRE - 1, CENTRE),
    "about": slice(0, WIDTH),
}
"""The tokens that a kind of label looks at. Of kinds within a standard error of the best, the first is taken."""


@dataclass(frozen=True)
class Choice:
    """The kind of a label and its items, the most telling first.

    worth is J on places of groups that did not choose the items; None where there are too few to tell.
    """

    kind: Kind
    items: tuple[int, ...]
    worth: float | None


@dataclass(frozen=True)
class Backgrounds:
    """The items of single tokens, and of whole snippets, wherever one looks."""

    token: Background
    snippet: Background

    @classmethod
    def of(cls, grid: Grid, n_items: int) -> "Backgrounds":
        """Those of snippets drawn blindly."""
        tokens = grid.reshape(len(grid) * WIDTH, grid.shape[2])
        there = tokens[(tokens != NOTHING).any(axis=1)]
        return cls(
            Background.of(there, n_items), Background.of(grid.reshape(len(grid), WIDTH * grid.shape[2]), n_items)
        )

    def for_kind(self, kind: Kind) -> Background:
        """What a kind of label is held against."""
        return self.snippet if kind == "about" else self.token


@dataclass(frozen=True)
class Evidence:
    """What a label is made from.

    Shapes: grid, group (snippet,), in which the feature fires; raised, the items of its logits; silent, which snippets
    of the background it is silent in.
    """

    grid: Grid
    group: Int[np.ndarray, " snippet"]
    raised: Items
    silent: Bool[np.ndarray, " place"]

    def where(self, chosen: Bool[np.ndarray, " snippet"]) -> "Evidence":
        """Some of the snippets."""
        return replace(self, grid=self.grid[chosen], group=self.group[chosen])


Half = tuple[Evidence, Grid]
"""What items are chosen from, and the snippets that they are judged by."""


def choose_label(evidence: Evidence, backgrounds: Backgrounds) -> Choice:
    """The kind and the items of a label."""
    folds = _folds(evidence.group) if len(evidence.grid) >= LEAST_PLACES else None
    if folds is None:
        return Choice("on", _items(evidence, "on", backgrounds), None)
    halves = [(evidence.where(~fold), evidence.grid[fold]) for fold in (folds, ~folds)]
    worths = {kind: _worth(evidence, kind, halves, backgrounds) for kind in OFFSETS}
    best = max(worths.values())
    error = (max(1 - best**2, 0) / len(folds)) ** 0.5 / 2
    kind = next(kind for kind, worth in worths.items() if worth >= best - error)
    items = _items(evidence, kind, backgrounds)
    return Choice(kind, items, worths[kind]) if items else Choice("on", _items(evidence, "on", backgrounds), None)


def _folds(group: Int[np.ndarray, " snippet"]) -> Bool[np.ndarray, " snippet"] | None:
    """Groups in two folds of about as many; None where there is one group."""
    numbers, member = np.unique(group, return_inverse=True)
    if len(numbers) < 2:
        return None
    late: Bool[np.ndarray, " snippet"] = member % 2 == 1
    return late


def _worth(evidence: Evidence, kind: Kind, halves: Sequence[Half], backgrounds: Backgrounds) -> float:
    """J of items that one fold chose on the other, mean over snippets of both ways: at places, or in snippets."""
    hits, alarms = np.zeros(2), np.zeros(2)
    silent = evidence.silent
    for choosing, judged in halves:
        items = np.array(_items(choosing, kind, backgrounds), dtype=np.int32)
        hits[0] += _with_any(_looked_at(judged, kind), items)
        hits[1] += _with_any(judged.reshape(len(judged), -1), items)
        alarms[0] += len(judged) * backgrounds.for_kind(kind).share_with_any(items)
        alarms[1] += len(judged) * (backgrounds.snippet.with_any(items)[silent].mean() if silent.any() else 0)
    return float(((hits - alarms) / len(evidence.grid)).min())


def _with_any(held: Int[np.ndarray, "snippet item"], items: Items) -> int:
    """How many snippets hold any of a few items."""
    return int((held[:, :, None] == items).any(axis=(1, 2)).sum())


def _items(evidence: Evidence, kind: Kind, backgrounds: Backgrounds) -> tuple[int, ...]:
    """Items in the order in which they are taken; what a feature says is among the items of its logits."""
    places = _looked_at(evidence.grid, kind)
    known, column = np.unique(places, return_inverse=True)
    holds = np.zeros((len(places), len(known)))
    holds[np.arange(len(places))[:, None], column.reshape(places.shape)] = 1
    kept = known != NOTHING
    if kind == "says":
        kept &= np.isin(known, evidence.raised)
    known, holds = known[kept], holds[:, kept]
    shares = backgrounds.for_kind(kind).shares(known)
    doubt = (1 + min(len(places) / MANY, 1)) / 2
    taken: list[int] = []
    left = np.ones(len(places))
    while len(known) and len(taken) < MOST_ITEMS:
        gain = (left @ holds - doubt) / len(places) - shares
        place = int(gain.argmax())
        if gain[place] < LEAST_GAIN and (taken or kind != "on"):
            break
        taken.append(int(known[place]))
        left[holds[:, place] > 0] = 0
    return tuple(taken)


def _looked_at(grid: Grid, kind: Kind) -> Int[np.ndarray, "snippet item"]:
    """The items of each snippet that a kind of label looks at; what it is about, whole words tell."""
    chosen = grid[:, OFFSETS[kind], : 1 if kind == "about" else None]
    looked_at: Int[np.ndarray, "snippet item"] = chosen.reshape(len(grid), chosen.shape[1] * chosen.shape[2])
    return looked_at


OPENINGS: dict[Kind, str] = {"on": "", "before": "before ", "after": "after ", "about": "about ", "says": "says "}


def label_text(kind: Kind, words: Sequence[str]) -> str:
    """What a label says of where the words stand."""
    return OPENINGS[kind] + ", ".join(CLASSES.get(word) or label_word(word) for word in words)


def label_word(word: str) -> str:
    """A word as it is shown: marks in quotation marks, so that they are seen among commas."""
    return word if any(letter.isalnum() for letter in word) else f"'{word}'"
