"""How often something is found where a number or a class of documents means nothing: labels exchanged at random."""

import numpy as np
from scipy.stats import rankdata

from ingest.statistics.association import Ranks, Spread, Trend, ranks_of
from ingest.statistics.permutation import LEVEL, q_not_below_permuted_chance, smallest_p_by_shuffle
from ingest.statistics.pooled import Shuffles, Statistic, pooled_p
from ingest.statistics.rank_sum import benjamini_hochberg
from ingest.statistics.shuffles import Labelled, labelled_units, relabel_units, unit_mean_scores
from tests.made.relabelled import LEAST, SHUFFLES, Found

FIRST = 1_000
"""The seed of the shuffles of the first relabelling; each has its own."""


def associations(scores: np.ndarray, group: np.ndarray, label: np.ndarray, relabellings: int) -> Found:
    """How often anything is found, each relabelling with shuffles and pools of its own; whole labels are classes."""
    statistic, ranks, units = _asked(scores, group, label)
    tests, stored, alone = len(ranks.silent), 0, 0
    for number in range(relabellings):
        true = units._replace(label=relabel_units(units, 1, number))
        found = pooled_p(statistic, ranks, Shuffles(true, FIRST + number, SHUFFLES), tests)
        q = benjamini_hochberg(found.p)
        alone += q.min() <= LEVEL
        stored += (
            q_not_below_permuted_chance(q, smallest_p_by_shuffle(found.tails, tests, SHUFFLES).min_q).min() <= LEVEL
        )
    return Found(relabellings, stored / relabellings, alone / relabellings)


def q_of(scores: np.ndarray, group: np.ndarray, label: np.ndarray) -> np.ndarray:
    """The q of each tested feature, by Benjamini and Hochberg alone."""
    statistic, ranks, units = _asked(scores, group, label)
    return benjamini_hochberg(pooled_p(statistic, ranks, Shuffles(units, FIRST, SHUFFLES), len(ranks.silent)).p)


def least_p(scores: np.ndarray, group: np.ndarray, label: np.ndarray) -> float:
    """The smallest p of the tested features."""
    statistic, ranks, units = _asked(scores, group, label)
    return float(pooled_p(statistic, ranks, Shuffles(units, FIRST, SHUFFLES), len(ranks.silent)).p.min())


def _asked(scores: np.ndarray, group: np.ndarray, label: np.ndarray) -> tuple[Statistic, Ranks, Labelled]:
    feature, document = np.nonzero(scores)
    units = labelled_units(group, label)
    classes = np.issubdtype(label.dtype, np.integer)
    if not classes:
        units = units._replace(label=rankdata(units.label))
    statistic = Spread(units.stratum, int(label.max()) + 1) if classes else Trend(units.stratum)
    tested = np.flatnonzero((scores > 0).sum(axis=1) >= LEAST)
    rows = unit_mean_scores(feature, document, scores[feature, document], units.unit)
    return statistic, ranks_of(rows, len(units.label), len(scores)).take(tested), units
