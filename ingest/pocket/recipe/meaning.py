"""What features stand for: how well the maximum over a document tells one domain from all others, and on what words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata

from ingest.statistics.bootstrap import RESAMPLES, auroc_intervals, resample_weights

WORD = re.compile(r"\w+")


LEAST_AUROC = 0.90
MOST_DENSITY = 0.05
LEAST_PARENTS = 5


@dataclass(frozen=True)
class DomainFeatures:
    """The features of one hook that tell a domain from the others, by the documents that choose.

    `features` are in falling order of AUROC, at least `LEAST_AUROC`, and rarer than `MOST_DENSITY`;
    `best_feature` is the first in that order, whatever its AUROC.
    """

    domain: str
    features: tuple[int, ...]
    best_feature: int


def auroc(
    values: Float[np.ndarray, "document feature"], positive: Bool[np.ndarray, " document"]
) -> Float[np.ndarray, " feature"]:
    """The probability that a positive document's value is above a negative one's, ties counting half.

    Source: Hanley & McNeil 1982, "The meaning and use of the area under a ROC curve".
    """
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(values, axis=0)[positive].sum(0)
    area: Float[np.ndarray, " feature"] = (ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
    return area


def domain_features(
    values: Float[np.ndarray, "document feature"],
    domains: Sequence[str],
    density: Float[np.ndarray, " feature"],
    wanted: Iterable[str],
) -> list[DomainFeatures]:
    """For every wanted domain: the rare features that tell it from all others."""
    labels = np.array(domains)
    found = []
    for domain in wanted:
        area = np.where(density < MOST_DENSITY, auroc(values, labels == domain), 0.0)
        order = np.argsort(-area, kind="stable")
        kept = tuple(int(feature) for feature in order if area[feature] >= LEAST_AUROC)
        found.append(DomainFeatures(domain, kept, int(order[0])))
    return found


def auroc_interval(
    values: Float[np.ndarray, " document"], positive: Bool[np.ndarray, " document"], parents: Sequence[str]
) -> tuple[float, float]:
    """The interval of one feature's AUROC at level 0.95; parents are drawn again, not documents."""
    _, group = np.unique(np.array(parents), return_inverse=True)
    weights = resample_weights(group, positive, RESAMPLES, seed=0)
    document = np.flatnonzero(values > 0)
    feature = np.zeros(len(document), dtype=np.int64)
    found = auroc_intervals(feature, values[document], document, positive, weights, np.array([True]))
    return float(found.low[0]), float(found.high[0])


def word_at(text: str, start: int, end: int) -> str:
    """The whole word, in lower case, that the token at these characters lies in; the token itself outside words."""
    first = start + len(text[start:end]) - len(text[start:end].lstrip())
    begin = first
    while begin > 0 and WORD.match(text[begin - 1]):
        begin -= 1
    match = WORD.match(text, begin)
    return match.group().lower() if match and match.end() > first else text[start:end].strip()


def distinct_words(
    feature: int,
    features: Int[np.ndarray, " active"],
    tokens: Int[np.ndarray, " active"],
    words: list[str],
) -> list[str]:
    """The different words a feature is active on, the most frequent first.

    Shapes: `features` and `tokens` are the active pairs, a token an index into `words`.
    """
    names, counts = np.unique([words[token] for token in tokens[features == feature]], return_counts=True)
    return [str(names[i]) for i in np.lexsort((names, -counts))]
