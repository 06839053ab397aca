"""What exchanges labels under the null: documents, or groups of documents that stand or fall together.

The pieces of one book, law or patient are no independent evidence. Where a group's documents are all on one side, or
bear the same number or class (the year of a book, the domain of a law), the group is one unit and scores their mean.
Where they do not, such as those of a template filled with the concept and without, its documents are units that
exchange labels among themselves only: what groups have in common then counts for nothing, and what differs within them
for all. Units exchange labels within their stratum only, so that every shuffle has as many of each label.

Source: Good 2005, "Permutation, Parametric and Bootstrap Tests of Hypotheses", chapters 2 and 3: what is exchanged is
what is exchangeable where nothing is to be found.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped


class Units(NamedTuple):
    """The units of some documents.

    Shapes: unit (document,), the unit of each; positive, stratum (unit,), both from 0 without gaps.
    """

    unit: Int[np.ndarray, " document"]
    positive: Bool[np.ndarray, " unit"]
    stratum: Int[np.ndarray, " unit"]

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of positive and of control units."""
        positives = int(self.positive.sum())
        return positives, len(self.positive) - positives

    @property
    def single(self) -> bool:
        """Whether each unit is one document."""
        return len(self.positive) == len(self.unit)


class Rows(NamedTuple):
    """Sparse scores: a row for each feature and unit with a score above 0.

    Shapes: feature, unit, score (row,).
    """

    feature: Int[np.ndarray, " row"]
    unit: Int[np.ndarray, " row"]
    score: Float[np.ndarray, " row"]


def shuffled_units(
    group: Int[np.ndarray, " document"],
    positive: Bool[np.ndarray, " document"],
    stratum: Int[np.ndarray, " document"] | None = None,
) -> Units:
    """The units of documents by group; a group on one side belongs to the middle one of its documents' strata."""
    held = np.zeros(len(group), dtype=np.int64) if stratum is None else np.unique(stratum, return_inverse=True)[1]
    _, member = np.unique(group, return_inverse=True)
    sizes = np.bincount(member)
    positives = np.bincount(member, weights=positive)
    mixed = ((positives > 0) & (positives < sizes))[member]
    _, unit = np.unique(np.where(mixed, len(sizes) + np.arange(len(group)), member), return_inverse=True)
    order = np.lexsort((held, unit))
    members = np.bincount(unit)
    middle = order[np.cumsum(members) - members + (members - 1) // 2]
    pairs = np.stack([np.where(mixed, member, -1)[middle], held[middle]])
    _, strata = np.unique(pairs, axis=1, return_inverse=True)
    return Units(unit, positive[middle], strata.reshape(-1))


def unit_scores(
    feature: Int[np.ndarray, " row"],
    document: Int[np.ndarray, " row"],
    score: Float[np.ndarray, " row"],
    units: Units,
) -> Rows:
    """The mean score of each unit's documents, in the 32 bits of the scores so that equal ones tie."""
    return unit_mean_scores(feature, document, score, units.unit)


def unit_mean_scores(
    feature: Int[np.ndarray, " row"],
    document: Int[np.ndarray, " row"],
    score: Float[np.ndarray, " row"],
    units: Int[np.ndarray, " document"],
) -> Rows:
    """The same of units given by the unit of each document."""
    unit, size = units[document], np.bincount(units)
    if len(size) == len(units):
        return Rows(feature, unit, score)
    n_units = len(size)
    keys, place = np.unique(feature.astype(np.int64) * n_units + unit, return_inverse=True)
    share = score.astype(float) / size[unit]
    mean = np.bincount(place, weights=share, minlength=len(keys)).astype(np.float32)
    return Rows(keys // n_units, keys % n_units, mean)


def shuffle_labels(units: Units, seed: int, shuffle: int) -> Bool[np.ndarray, " unit"]:
    """The labels of a shuffle, the same in every run of the same seed and number."""
    return exchange_labels(units.positive, units.stratum, seed, shuffle)


def exchange_labels(
    label: Shaped[np.ndarray, " unit"], stratum: Int[np.ndarray, " unit"], seed: int, shuffle: int
) -> Shaped[np.ndarray, " unit"]:
    """Labels exchanged within their strata, the same in every run of the same seed and number."""
    rng = np.random.default_rng([seed, shuffle])
    ordered = np.argsort(stratum, kind="stable")
    drawn = np.lexsort((rng.random(len(label)), stratum))
    labels = np.empty_like(label)
    labels[ordered] = label[drawn]
    return labels


class Labelled(NamedTuple):
    """The units of some documents, and their labels.

    Shapes: unit (document,), the unit of each; label, stratum (unit,). Units exchange labels within their stratum;
    mixed counts the groups whose documents differ in their labels.
    """

    unit: Int[np.ndarray, " document"]
    label: Shaped[np.ndarray, " unit"]
    stratum: Int[np.ndarray, " unit"]
    mixed: int


def labelled_units(group: Int[np.ndarray, " document"], label: Shaped[np.ndarray, " document"]) -> Labelled:
    """The units of documents by group: groups of one label are a stratum together, each other group one of its own."""
    _, first, member = np.unique(group, return_index=True, return_inverse=True)
    differs = np.zeros(len(first), dtype=bool)
    differs[member[label != label[first[member]]]] = True
    mixed = differs[member]
    own = np.where(mixed, len(first) + np.arange(len(group)), member)
    _, place, unit = np.unique(own, return_index=True, return_inverse=True)
    _, stratum = np.unique(np.where(mixed, member, -1)[place], return_inverse=True)
    return Labelled(unit, label[place], stratum, int(differs.sum()))


def relabel_units(units: Labelled, seed: int, draw: int) -> Shaped[np.ndarray, " unit"]:
    """The labels of a shuffle, the same in every run of the same seed and number."""
    return exchange_labels(units.label, units.stratum, seed, draw)
