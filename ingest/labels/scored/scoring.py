"""Every label of an SAE scored on documents that had no part in making labels, against wrong labels on the same."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from ingest.labels.firing_places import labelled_first_runs
from ingest.labels.made.background import Background
from ingest.labels.scored.contexts import NEGATIVES, Contexts, Negatives, Snippets, prepare_contexts, read_contexts
from ingest.labels.scored.detection import Detection, detection_figures, enough_groups, label_aurocs
from ingest.labels.scored.words import WRONG, snippet_scores, wrong_labels
from ingest.labels.snippets import WIDTH
from ingest.labels.vocabulary import ITEMS, Vocabulary
from ingest.statistics.groups import MIN_GROUPS
from schema.store import Atlas

FEATURES = 256
"""Features whose contexts are in memory at a time."""


NOT_APART = "when it was made, its feature fired in no document but those that score labels"


@dataclass(frozen=True)
class Label:
    """A label that is to be scored: its key, feature, method, words and text; own: this atlas made it, in a run."""

    key: int
    feature: int
    method: str
    words: tuple[str, ...]
    own: bool
    run: int
    text: str = ""

    def apart(self, since: Mapping[int, int]) -> bool:
        """Whether no document that scores it made it.

        One of this atlas was made from the other half alone where its feature had fired there: `since` which run.
        """
        return not self.own or since.get(self.feature, self.run) < self.run


@dataclass(frozen=True)
class Null:
    """The AUROCs of wrong labels on the same contexts, and how many of them the label beats."""

    wrong_labels: int
    wrong_mean: float
    wrong_best: float
    beaten: int


@dataclass(frozen=True)
class Scored:
    """What came of a label against one kind of silent contexts; a reason where there are no figures."""

    label: int
    negatives: Negatives
    contexts: tuple[int, int]
    groups: tuple[int, int]
    detection: Detection | None
    null: Null | None
    reason: str | None
    prompt: str | None = None
    answer: str | None = None


@dataclass(frozen=True)
class Judged:
    """Labels as a judge by words sees them.

    items: of each label; wrong: places of its wrong labels; background: what makes a word common.
    """

    labels: Sequence[Label]
    items: Sequence[frozenset[int]]
    wrong: Sequence[Sequence[int]]
    background: Background


def score_labels(atlas: Atlas, sae: int, labels: Sequence[Label], wanted: Container[int]) -> Iterator[list[Scored]]:
    """Three scores a wanted label, those of some features at a time; call it after `gather_firing_places`.

    Labels are all that the SAE has, by feature: the wrong ones are among them.
    """
    vocabulary = Vocabulary()
    pool = prepare_contexts(atlas, vocabulary)
    judged = _judged(labels, vocabulary, pool)
    since = labelled_first_runs(atlas)
    for features, places in _batches(labels, wanted):
        of = {feature: list(group) for feature, group in groupby(places, key=lambda place: labels[place].feature)}
        yield [
            scored
            for contexts in read_contexts(atlas, sae, features, vocabulary, pool)
            for place in of.get(contexts.feature, ())
            for scored in _scored(judged, place, contexts, apart=labels[place].apart(since))
        ]


def _judged(labels: Sequence[Label], vocabulary: Vocabulary, pool: Snippets) -> Judged:
    items = [frozenset(vocabulary.number(word) for word in label.words) for label in labels]
    background = Background.of(pool.grid.reshape(len(pool.grid), WIDTH * ITEMS), len(vocabulary))
    share = np.array([background.share_with_any(_array(held)) for held in items])
    return Judged(labels, items, _wrong(labels, items, share), background)


def _wrong(labels: Sequence[Label], items: Sequence[frozenset[int]], share: np.ndarray) -> list[list[int]]:
    """Wrong labels of the same method; of any, where a method has hardly more with words than are asked for."""
    methods = np.array([label.method for label in labels], dtype=object)
    feature = np.array([label.feature for label in labels], dtype=int)
    worded = np.array([bool(held) for held in items], dtype=bool)
    found: list[list[int]] = [[] for _ in labels]
    for method in dict.fromkeys(methods):
        own = np.flatnonzero(methods == method)
        among = own if len(np.unique(feature[own[worded[own]]])) > WRONG else np.arange(len(labels))
        wrong = wrong_labels(feature[among], [items[place] for place in among.tolist()], share[among])
        at = np.searchsorted(among, own)
        for place, here in zip(own, at, strict=True):
            found[place] = among[wrong[here]].tolist()
    return found


def _scored(judged: Judged, place: int, contexts: Contexts, *, apart: bool) -> Iterator[Scored]:
    label = judged.labels[place]
    candidates = [judged.items[other] for other in (place, *judged.wrong[place])]
    of_all = snippet_scores(contexts.firing.grid, candidates, judged.background)
    for negatives in NEGATIVES:
        silent, held = contexts.silent[negatives], contexts.held_against(negatives)
        firing, groups = of_all[held], (contexts.firing.group[held], silent.group)
        counts = len(np.unique(groups[0])), len(np.unique(groups[1]))
        found = Scored(label.key, negatives, (len(firing), len(silent.grid)), counts, None, None, None)
        if not label.words:
            yield replace(found, reason="it has no word to judge by")
        elif not apart:
            yield replace(found, reason=NOT_APART)
        elif not enough_groups(groups):
            yield replace(found, reason=too_few_groups_to_score(counts, negatives))
        else:
            other = snippet_scores(silent.grid, candidates, judged.background)
            figures = detection_figures((firing[:, 0], other[:, 0]), groups, seed=label.feature)
            yield replace(found, detection=figures, null=compare_with_wrong_labels(label_aurocs(firing, other)))


def compare_with_wrong_labels(areas: np.ndarray) -> Null | None:
    """What the AUROCs of wrong labels say of the first one, the label's own; None where there is no wrong one."""
    own, wrong = areas[0], areas[1:]
    if not len(wrong):
        return None
    return Null(len(wrong), float(wrong.mean()), float(wrong.max()), int((wrong < own).sum()))


def too_few_groups_to_score(counts: tuple[int, ...], negatives: Negatives) -> str:
    """The reason why there is no figure where firing and silent contexts are of so many groups."""
    on = "on tokens that it is also silent on, " if negatives == "same token" else ""
    return f"{on}firing in {counts[0]} groups of documents and silent in {counts[1]}; {MIN_GROUPS} of each are needed"


def _batches(labels: Sequence[Label], wanted: Container[int]) -> Iterator[tuple[range, list[int]]]:
    """Ranges of features that have wanted labels, and the places of these labels."""
    places = [place for place, label in enumerate(labels) if label.key in wanted]
    for number, group in groupby(places, key=lambda place: labels[place].feature // FEATURES):
        yield range(number * FEATURES, (number + 1) * FEATURES), list(group)


def _array(items: Iterable[int]) -> np.ndarray:
    return np.fromiter(items, np.int32)
