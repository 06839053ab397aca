"""A contrast under shuffled labels, taken in while ranges of features pass by: p, q, family-wise p, contrast_null."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float

from ingest.contrasts.feature_columns import Columns, contrast_column_q, features_tested
from ingest.contrasts.scores import Documents, Scores
from ingest.statistics.permutation import (
    Tails,
    family_wise,
    observed_p,
    permuted_aurocs,
    q_not_below_permuted_chance,
    shuffled_tails,
    smallest_p_by_shuffle,
)
from ingest.statistics.shuffles import Rows, Units, rank_lifts, shuffle_labels, shuffled_units, unit_scores

SEED = 20
"""With the number of a shuffle it gives the labels: more shuffles leave the first ones as they are."""


@dataclass(frozen=True)
class Shuffles:
    """The shuffles of a contrast, and what they have found so far.

    Shapes: labels (unit, shuffle); best, the largest AUROC so far, (shuffle,).
    """

    units: Units
    labels: Bool[np.ndarray, "unit shuffle"]
    best: Float[np.ndarray, " shuffle"]
    tails: list[Tails] = field(default_factory=list)

    def __len__(self) -> int:
        return int(self.labels.shape[1])

    def add(self, scores: Scores) -> Float[np.ndarray, " n_features"]:
        """Take in a range of features; their p."""
        firing, chosen = scores.firing, features_tested(scores)
        rows = unit_scores(firing.feature, firing.document, firing.score, self.units)
        lifts = rank_lifts(rows, self.units, len(scores))
        if chosen.any() and len(self):
            found = shuffled_tails(lifts, self.units, self.labels, chosen)
            self.tails.append(found._replace(feature=found.feature + scores.features.start))
            if self.units.single:
                by_document = lifts
            else:
                alone = shuffled_units(np.arange(len(scores.documents)), scores.documents.positive)
                by_document = rank_lifts(Rows(firing.feature, firing.document, firing.score), alone, len(scores))
            reached = permuted_aurocs(by_document, self.labels[self.units.unit])[chosen]
            np.maximum(self.best, reached.max(axis=0), out=self.best)
        return observed_p(lifts, self.units)

    def corrected(
        self, feature: np.ndarray, p: Float[np.ndarray, " seen"], chosen: Bool[np.ndarray, " seen"]
    ) -> tuple[Columns, pa.Table]:
        """q and the family-wise p of the chosen among the features seen, and the rows of contrast_null."""
        tails = self._tails(feature[chosen])
        found = smallest_p_by_shuffle(tails, int(chosen.sum()), len(self))
        family = np.full(len(p), np.nan)
        q = contrast_column_q(p, chosen)
        if len(self):
            family[chosen] = family_wise(p[chosen], tails, len(self))
            q[chosen] = q_not_below_permuted_chance(q[chosen], found.min_q)
        rows = {
            "shuffle": np.arange(1, len(self) + 1, dtype=np.int32),
            "seed": np.full(len(self), SEED, dtype=np.int32),
            "min_p": found.min_p,
            "min_q": found.min_q,
            "max_auroc": self.best,
            "discoveries": found.discoveries.astype(np.int32),
        }
        return {"q": q, "family_p": family}, pa.table(rows)

    def _tails(self, feature: np.ndarray) -> Tails:
        """All tails, numbering the features as given."""
        if not self.tails:
            nothing = np.zeros(0, dtype=np.int64)
            return Tails(nothing, nothing, np.zeros(0))
        joined = Tails(*(np.concatenate(parts) for parts in zip(*self.tails, strict=True)))
        return joined._replace(feature=np.searchsorted(feature, joined.feature))


def null_shuffles(documents: Documents, number: int) -> Shuffles:
    """The first shuffles of the labels of documents."""
    units = shuffled_units(documents.group, documents.positive)
    labels = np.zeros((len(units.positive), number), dtype=bool)
    for shuffle in range(number):
        labels[:, shuffle] = shuffle_labels(units, SEED, shuffle + 1)
    return Shuffles(units, labels, np.full(number, 0.5))
