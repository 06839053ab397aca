"""The judge that needs no language model: a label's words, sought in a context, rare ones weighing more.

A label that others wrote is judged by the words of its text that say something, as they stand in `description`.

Wrong labels stand beside: those of other features, whose words are as common as the label's own and none of its.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int

from ingest.labels.made.background import Background
from ingest.labels.snippets import Grid

JUDGE = "words"


def item_weights(items: Int[np.ndarray, " item"], background: Background) -> Float[np.ndarray, " item"]:
    """The weight of each item: the logarithm of how many times rarer it is than a context."""
    shares = background.shares(items) * background.n_places
    weights: Float[np.ndarray, " item"] = np.log((background.n_places + 1) / (shares + 1)) + 1e-9
    return weights


def snippet_scores(
    grid: Grid, labels: Sequence[Iterable[int]], background: Background
) -> Float[np.ndarray, "snippet label"]:
    """The sum of the weights of a label's items that a snippet holds, for each snippet and label."""
    known = np.array(sorted(set().union(*labels)), np.int32)
    flat = grid.reshape(len(grid), grid.shape[1] * grid.shape[2])
    place = np.minimum(np.searchsorted(known, flat), max(len(known) - 1, 0))
    holds = np.zeros((len(grid), len(known)))
    if len(known):
        snippet, column = np.nonzero(known[place] == flat)
        holds[snippet, place[snippet, column]] = 1.0
    belongs = np.zeros((len(known), len(labels)))
    row = {int(item): number for number, item in enumerate(known)}
    for number, label in enumerate(labels):
        belongs[[row[item] for item in label], number] = 1.0
    return holds @ (item_weights(known, background)[:, None] * belongs)


WRONG = 20
SEED = 20


def wrong_labels(
    feature: Int[np.ndarray, " label"],
    items: Sequence[frozenset[int]],
    share: Float[np.ndarray, " label"],
    wanted: int = WRONG,
) -> list[list[int]]:
    """For each label the places of its wrong ones; `share` is that of contexts with any of a label's items.

    Of equally common labels, those drawn first are taken.
    """
    draw = np.random.default_rng(SEED).permutation(len(share))
    order = np.lexsort((draw, share))
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    return [_wrong_for(label, (feature, items), (order, int(rank[label])), wanted) for label in range(len(share))]


def _wrong_for(
    label: int,
    known: tuple[Int[np.ndarray, " label"], Sequence[frozenset[int]]],
    ranked: tuple[Int[np.ndarray, " label"], int],
    wanted: int,
) -> list[int]:
    feature, items = known
    found: list[int] = []
    taken = {feature[label]}
    for other in _outwards(*ranked):
        if len(found) == wanted:
            break
        if feature[other] not in taken and items[other] and not items[other] & items[label]:
            taken.add(feature[other])
            found.append(other)
    return found


def _outwards(order: Int[np.ndarray, " label"], rank: int) -> Iterator[int]:
    """The other labels from a rank outwards, one below, one above."""
    for step in range(1, len(order)):
        for near in (rank - step, rank + step):
            if 0 <= near < len(order):
                yield int(order[near])
