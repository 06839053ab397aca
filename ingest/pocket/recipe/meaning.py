"""What features stand for: how well the maximum over a document tells one domain from all others, and on what words."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata

WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class DomainFeatures:
    """The features of one hook that tell a domain from the others.

    `features` are in falling order of AUROC and rarer than the stated density; `best` is the first one's AUROC.
    """

    domain: str
    documents: int
    features: tuple[int, ...]
    best_feature: int
    best: float


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
    domains: list[str],
    density: Float[np.ndarray, " feature"],
    *,
    least_auroc: float = 0.90,
    most_density: float = 0.05,
    least_documents: int = 5,
) -> list[DomainFeatures]:
    """For every domain with enough documents: the rare features that tell it from all others."""
    labels = np.array(domains)
    found = []
    for domain in sorted(set(domains)):
        positive = labels == domain
        if positive.sum() < least_documents:
            continue
        area = np.where(density < most_density, auroc(values, positive), 0.0)
        order = np.argsort(-area, kind="stable")
        kept = tuple(int(feature) for feature in order if area[feature] >= least_auroc)
        found.append(DomainFeatures(domain, int(positive.sum()), kept, int(order[0]), float(area[order[0]])))
    return found


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
