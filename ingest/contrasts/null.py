"""The rows of contrast_null: a contrast under shuffled labels."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from ingest.contrasts.figures import tested
from ingest.contrasts.scores import Documents, Scores
from ingest.statistics.permutation import discoveries, exchange, null_of, shuffled_labels

SEED = 20
"""With the number of a shuffle it gives the labels: more shuffles leave the first ones as they are."""


def null_rows(documents: Documents, chunks: Iterable[Scores], shuffles: range) -> pa.Table:
    """What the rank-sum test finds under each of the numbered shuffles."""
    exchanged = exchange(documents.group, documents.positive)
    labels = np.stack([shuffled_labels(documents.positive, exchanged, SEED, n) for n in shuffles], axis=1)
    min_p, max_auroc = np.ones(len(shuffles)), np.full(len(shuffles), 0.5)
    small: list[list[np.ndarray]] = [[] for _ in shuffles]
    n_tested = 0
    for scores in chunks:
        chosen, firing = tested(scores), scores.firing
        found = null_of(firing.feature, firing.score, firing.document, labels, chosen)
        min_p, max_auroc = np.minimum(min_p, found.min_p), np.maximum(max_auroc, found.max_auroc)
        for kept, part in zip(small, found.small_p, strict=True):
            kept.append(part)
        n_tested += int(chosen.sum())
    return pa.table(
        {
            "shuffle": np.asarray(shuffles, dtype=np.int32),
            "seed": np.full(len(shuffles), SEED, dtype=np.int32),
            "min_p": min_p,
            "max_auroc": max_auroc,
            "discoveries": pa.array([discoveries(np.concatenate(parts), n_tested) for parts in small], pa.int32()),
        }
    )
