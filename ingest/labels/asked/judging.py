"""Labels judged by a language model: which of some numbered texts are as a label says, firing and silent ones mixed.

It is asked once a kind of silent contexts, over few texts; with wrong labels, once more for each of them. The texts of
both sides are drawn alike and shuffled, so that their order tells nothing.
"""

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ingest.labels.asked.endpoint import Endpoint
from ingest.labels.asked.wording import texts_marked_for_asking
from ingest.labels.firing_places import labelled_first_runs
from ingest.labels.scored.contexts import NEGATIVES, Contexts, Negatives, prepare_contexts, read_contexts
from ingest.labels.scored.detection import detection_figures, enough_groups
from ingest.labels.scored.scoring import NOT_APART, Label, Scored, compare_with_wrong_labels, too_few_groups_to_score
from ingest.labels.snippets import Places
from ingest.labels.vocabulary import Vocabulary
from schema.store import Atlas

TEXTS = 15
"""Texts of each side that are shown at a time."""

PROMPT = """\
Which of the texts below are as this says: {label}
{texts}

Answer with their numbers alone, separated by commas, or with: none"""

Told = tuple[Float[np.ndarray, " firing"], Float[np.ndarray, " silent"]]


def judge_labels(
    atlas: Atlas, sae: int, labels: Sequence[Label], wanted: Container[int], asked: tuple[Endpoint, int]
) -> Iterator[list[Scored]]:
    """The scores of each wanted label, a label at a time, and so many wrong labels; after `gather_firing_places`.

    Raises:
        ModelError: the language model does not answer.
    """
    endpoint, wrong = asked
    vocabulary = Vocabulary()
    pool = prepare_contexts(atlas, vocabulary)
    since = labelled_first_runs(atlas)
    for label in labels:
        if label.key in wanted:
            features = range(label.feature, label.feature + 1)
            (contexts,) = read_contexts(atlas, sae, features, vocabulary, pool)
            others = _others(labels, label, wrong)
            apart = label.apart(since)
            yield [_scored(atlas, endpoint, (label, others), contexts, kind, apart=apart) for kind in NEGATIVES]


def _others(labels: Sequence[Label], label: Label, wrong: int) -> list[Label]:
    """Labels of other features that share no word with it, nor say the same, drawn by the label's key."""
    words = set(label.words)
    among = [
        other
        for other in labels
        if other.feature != label.feature and other.text != label.text and words.isdisjoint(other.words)
    ]
    drawn = np.random.default_rng(label.key).permutation(len(among))[:wrong]
    return [among[place] for place in drawn]


def _scored(
    atlas: Atlas,
    endpoint: Endpoint,
    said: tuple[Label, Sequence[Label]],
    contexts: Contexts,
    negatives: Negatives,
    *,
    apart: bool,
) -> Scored:
    label, others = said
    firing = contexts.firing.places.where(contexts.held_against(negatives))
    sides = [_spread(places) for places in (firing, contexts.silent[negatives].places)]
    groups = sides[0].group, sides[1].group
    counts = len(np.unique(groups[0])), len(np.unique(groups[1]))
    found = Scored(label.key, negatives, (len(groups[0]), len(groups[1])), counts, None, None, None)
    if not apart:
        return replace(found, reason=NOT_APART)
    if not enough_groups(groups):
        return replace(found, reason=too_few_groups_to_score(counts, negatives))
    texts = [_plain(atlas, side) for side in sides]
    told, prompt, answer = _asked(endpoint, label.text, texts, label.key)
    areas = [_area(told), *(_area(_asked(endpoint, other.text, texts, label.key)[0]) for other in others)]
    figures = detection_figures(told, groups, seed=label.feature)
    return replace(
        found, detection=figures, null=compare_with_wrong_labels(np.array(areas)), prompt=prompt, answer=answer
    )


def _spread(places: Places) -> Places:
    """Places of as many groups as there are, TEXTS of them: the first of each group, then the second."""
    turn = np.zeros(len(places.group), dtype=int)
    for group in np.unique(places.group):
        inside = places.group == group
        turn[inside] = np.arange(inside.sum())
    return places.where(np.sort(np.argsort(turn, kind="stable")[:TEXTS]))


def _plain(atlas: Atlas, places: Places) -> list[str]:
    return [" ".join(text.replace("«", "").replace("»", "").split()) for text in texts_marked_for_asking(atlas, places)]


def _asked(endpoint: Endpoint, label: str, texts: Sequence[Sequence[str]], seed: int) -> tuple[Told, str, str]:
    """1 for each text that the model names, 0 for the others; what it was asked, and its answer."""
    both = [*texts[0], *texts[1]]
    order = np.random.default_rng(seed).permutation(len(both))
    listed = "\n".join(f"{number}. {both[place]}" for number, place in enumerate(order, start=1))
    prompt = PROMPT.format(label=label, texts=listed)
    answer = endpoint.answer(prompt)
    named = {int(number) for number in re.findall(r"\d{1,4}", answer)}
    scores = np.zeros(len(both))
    scores[[place for number, place in enumerate(order, start=1) if number in named]] = 1.0
    return (scores[: len(texts[0])], scores[len(texts[0]) :]), prompt, answer


def _area(told: Told) -> float:
    firing, silent = told
    return float(((firing[:, None] > silent) + (firing[:, None] == silent) / 2).mean())
