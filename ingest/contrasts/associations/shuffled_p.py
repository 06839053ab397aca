"""The p of features in an association, over all documents or those of one half, by shuffles of what groups bear."""

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from ingest.contrasts.associations.question import Asked
from ingest.contrasts.feature_columns import Columns, contrast_column_q
from ingest.contrasts.scores import Scores
from ingest.statistics.association import Spread, Trend, ranks_of
from ingest.statistics.permutation import Tails, family_wise, q_not_below_permuted_chance, smallest_p_by_shuffle
from ingest.statistics.pooled import Pooled, Shuffles, Statistic, pooled_p
from ingest.statistics.shuffles import Rows, labelled_units, unit_mean_scores

SEED = 20
"""With the number of a shuffle it gives the labels: more shuffles leave the first ones as they are."""


class Exchange:
    """What exchanges labels where they mean nothing, and how far out a feature is."""

    def __init__(self, asked: Asked, shuffles: int, tests: int) -> None:
        units = labelled_units(asked.documents.group, asked.label)
        if not asked.n_classes:
            units = units._replace(label=rankdata(units.label))
        self.unit, self.mixed, self.tests = units.unit, units.mixed, tests
        self.n_units = len(units.label)
        self.statistic: Statistic = Spread(units.stratum, asked.n_classes) if asked.n_classes else Trend(units.stratum)
        self.shuffles = Shuffles(units, SEED, shuffles)

    def p(self, scores: Scores) -> Pooled:
        """The p of a range of features, and the small ones of their shuffles."""
        firing = scores.firing
        return self._p(
            unit_mean_scores(firing.feature, firing.document, firing.score, self.unit), len(scores), self.tests
        )

    def p_of(self, values: Float[np.ndarray, " document"]) -> float:
        """The p of one number of each document, above 0, such as its length."""
        rows = unit_mean_scores(np.zeros(len(values), dtype=np.int64), np.arange(len(values)), values, self.unit)
        return float(self._p(rows, 1, 1).p[0])

    def _p(self, rows: Rows, n_features: int, tests: int) -> Pooled:
        return pooled_p(self.statistic, ranks_of(rows, self.n_units, n_features), self.shuffles, tests)


def correct_associations(
    columns: Columns, chosen: Bool[np.ndarray, " seen"], tails: Tails, shuffles: int
) -> tuple[Columns, pa.Table]:
    """q and the family-wise p of the chosen features, held against shuffles, and the rows of association_null."""
    feature, p = columns["feature"], columns["p"]
    held = np.isin(tails.feature, feature[chosen])
    number = np.searchsorted(feature[chosen], tails.feature[held])
    mine = Tails(number, tails.shuffle[held], tails.p[held])
    found = smallest_p_by_shuffle(mine, int(chosen.sum()), shuffles)
    family, q = np.full(len(p), np.nan), contrast_column_q(p, chosen)
    family[chosen] = family_wise(p[chosen], mine, shuffles)
    q[chosen] = q_not_below_permuted_chance(q[chosen], found.min_q)
    rows = {
        "shuffle": np.arange(1, shuffles + 1, dtype=np.int32),
        "seed": np.full(shuffles, SEED, dtype=np.int32),
        "min_p": found.min_p,
        "min_q": found.min_q,
        "discoveries": found.discoveries.astype(np.int32),
    }
    return {"q": q, "family_p": family}, pa.table(rows)
