"""A label for every feature that fires: words chosen from the documents that labels are made from.

A feature that fires in none of these is labelled from the others; no document is then left to score it on.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ingest.labels.firing_places import draw_label_pool, fires_in_label_pool, firing_places, places_of_each_feature
from ingest.labels.made.choice import Backgrounds, Evidence, choose_label, label_text
from ingest.labels.snippets import read_snippets
from ingest.labels.vocabulary import NOTHING, Vocabulary, vocabulary_items
from schema.store import Atlas

FEATURES = 512
"""Features whose snippets are in memory at a time."""

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Made:
    """A label that was made: what it says, its kind and words, and how many firing contexts it was made from."""

    feature: int
    label: str
    kind: str
    words: tuple[str, ...]
    contexts: int
    worth: float | None


def make_labels(atlas: Atlas, sae: int, d_sae: int, report: Report = lambda done, features: None) -> Iterator[Made]:
    """A label for each feature that fires on anything written, by feature; call it after `gather_firing_places`."""
    vocabulary = Vocabulary()
    grid = read_snippets(atlas, draw_label_pool(atlas, making=True), vocabulary)
    raised = _raised(atlas, sae, vocabulary)
    backgrounds = Backgrounds.of(grid, len(vocabulary))
    for first in range(0, d_sae, FEATURES):
        features = range(first, min(first + FEATURES, d_sae))
        silent = ~fires_in_label_pool(atlas, sae, features)
        made = set[int]()
        for making in (True, False):
            for number, evidence in _evidence(atlas, features, vocabulary, making=making):
                if number not in made:
                    known = replace(evidence, raised=raised[number], silent=silent[number - first])
                    choice = choose_label(known, backgrounds)
                    if not choice.items:  # it fires on nothing but spaces and line ends
                        continue
                    made.add(number)
                    words = tuple(vocabulary.spelled[item] for item in choice.items)
                    contexts = len(evidence.grid)
                    yield Made(number, label_text(choice.kind, words), choice.kind, words, contexts, choice.worth)
        report(features.stop, d_sae)


def _evidence(atlas: Atlas, features: range, vocabulary: Vocabulary, *, making: bool) -> Iterator[tuple[int, Evidence]]:
    """The snippets of a half in which each feature of a range fires, where it fires at all."""
    feature, places = firing_places(atlas, features, making=making)
    grid = read_snippets(atlas, places, vocabulary)
    nothing = np.empty(0, np.int32)
    for number, here in places_of_each_feature(feature):
        yield number, Evidence(grid[here], places.group[here], nothing, nothing.astype(bool))


def _raised(atlas: Atlas, sae: int, vocabulary: Vocabulary) -> dict[int, np.ndarray]:
    """The items that each feature raises most: words, pieces of words, and a class that half of them are of."""
    rows = atlas.rows("SELECT feature, top_logits FROM feature WHERE sae = ? ORDER BY feature", [sae])
    found = {}
    for number, logits in rows:
        texts = [text for text, _ in json.loads(logits)]
        items = vocabulary_items(texts, np.zeros(len(texts), dtype=bool), vocabulary)
        classes, counts = np.unique(items[:, 2], return_counts=True)
        words = [text.strip() for text in texts if text.strip()]
        pieces = [vocabulary.number(piece) for word in words for piece in (f"-{word.lower()}", f"{word.lower()}-")]
        said = np.array([*items[:, 0], *classes[2 * counts >= len(texts)], *pieces], dtype=np.int32)
        found[int(number)] = np.unique(said[said != NOTHING])
    return found
