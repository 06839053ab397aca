"""How often something is found where there is nothing to find: labels of documents drawn at random, thousands of times.

Scores are of dense, tied and very sparse features together, some of them near-copies of each other, all of them
following a document's length, and on request the book that it is a piece of.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from ingest.statistics.paired import pair_differences, paired_template_numbers, signed_rank
from ingest.statistics.permutation import LEVEL, q_not_below_permuted_chance, shuffled_tails, smallest_p_by_shuffle
from ingest.statistics.rank_sum import benjamini_hochberg
from ingest.statistics.shuffles import Units, rank_lifts, shuffle_labels, shuffled_units, unit_scores

SIZES = ((4, 164), (9, 247), (15, 241), (30, 226), (45, 211), (64, 192), (91, 165), (128, 128))
"""Positive and control documents."""

LEAST = 5
"""Documents that a tested feature fires in."""

SHUFFLES = 200
"""What q is held against; more labels are drawn to see how often it errs."""


@dataclass(frozen=True)
class Found:
    """The shares of relabellings in which any feature is found: by q as stored, and by Benjamini & Hochberg alone."""

    relabellings: int
    stored: float
    uncalibrated: float

    @property
    def within(self) -> bool:
        """Whether a rate of LEVEL explains both, at one chance in a thousand."""
        most = binom.ppf(0.999, self.relabellings, LEVEL) / self.relabellings
        return bool(self.stored <= most and self.uncalibrated <= most)


def random_scores(
    rng: np.random.Generator, n_features: int, n_documents: int, book: np.ndarray | None = None
) -> np.ndarray:
    """Scores (feature, document): a third dense, a third tied, all from very sparse to nearly always firing."""
    length = rng.normal(size=n_documents)
    liking = rng.normal(size=(n_features, 1)) / 2
    about = liking * length
    if book is not None:
        about = about + rng.normal(size=(n_features, book.max() + 1))[:, book]
    rate = np.log(10.0 ** rng.uniform(-2.2, 0.5, (n_features, 1)))
    fires = rng.random((n_features, n_documents)) < 1 / (1 + np.exp(-(rate + about)))
    kind = np.arange(n_features) % 3
    fires[kind == 0] |= rng.random((int((kind == 0).sum()), n_documents)) < 0.9
    scores = np.exp(rng.normal(size=fires.shape) + about)
    scores[kind == 1] = np.ceil(scores[kind == 1])
    scores[n_features // 2 : n_features // 2 + n_features // 10] = scores[n_features // 2] * np.exp(
        rng.normal(size=(n_features // 10, n_documents)) / 20
    )
    fires[n_features // 2 : n_features // 2 + n_features // 10] = fires[n_features // 2]
    scores *= fires
    return scores.astype(np.float32)


def rank_sums(scores: np.ndarray, units: Units, relabellings: int, seed: int = 1) -> Found:
    """How often the rank-sum test finds anything; `scores` are of documents."""
    feature, document = np.nonzero(scores)
    rows = unit_scores(feature, document, scores[feature, document], units)
    lifts = rank_lifts(rows, units, len(scores))
    tested = (scores > 0).sum(axis=1) >= LEAST
    number = SHUFFLES + relabellings
    labels = np.stack([shuffle_labels(units, seed, shuffle) for shuffle in range(number)], axis=1)
    chance = smallest_p_by_shuffle(shuffled_tails(lifts, units, labels, tested), int(tested.sum()), number)
    stored = q_not_below_permuted_chance(chance.min_q[SHUFFLES:], chance.min_q[:SHUFFLES])
    return Found(relabellings, float((stored <= LEVEL).mean()), float((chance.min_q[SHUFFLES:] <= LEVEL).mean()))


def signed_ranks(scores: np.ndarray, relabellings: int, seed: int = 1) -> Found:
    """How often the paired test finds anything; documents 2n and 2n + 1 are a pair."""
    feature, document = np.nonzero(scores)
    template = np.arange(scores.shape[1]) // 2
    units = shuffled_units(template, np.arange(scores.shape[1]) % 2 == 0)
    found = 0
    for shuffle in range(relabellings):
        positive = shuffle_labels(units, seed, shuffle)[units.unit]
        pair = paired_template_numbers(template, positive)
        pairs = pair_differences(feature, scores[feature, document], document, pair, positive)
        test = signed_rank(pairs, len(scores))
        p = test.p[test.higher + test.lower >= LEAST]
        found += bool(len(p)) and benjamini_hochberg(p).min() <= LEVEL
    return Found(relabellings, found / relabellings, found / relabellings)
