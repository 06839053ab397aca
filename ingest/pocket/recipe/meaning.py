"""What features stand for: how well the maximum over a document tells one domain from all others, and on what words.

Features are chosen on one part of the text and judged on the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata

from ingest.pocket.recipe.fidelity import HookSums
from ingest.pocket.recipe.windows import Text
from ingest.statistics.bootstrap import RESAMPLES, auroc_intervals, resample_weights

LEAST_AUROC = 0.90
MOST_DENSITY = 0.05
LEAST_PARENTS = 5
LEAST_LIFT = 10.0
LEAST_WORDS = 10


@dataclass(frozen=True)
class DomainFeatures:
    """The features of one hook that tell a domain from the others, by the documents that choose.

    `features` are in falling order of AUROC, at least `LEAST_AUROC`, and rarer than `MOST_DENSITY`;
    `best_feature` is the first in that order, whatever its AUROC.
    """

    domain: str
    features: tuple[int, ...]
    best_feature: int


def trained_auroc(
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
        area = np.where(density < MOST_DENSITY, trained_auroc(values, labels == domain), 0.0)
        order = np.argsort(-area, kind="stable")
        kept = tuple(int(feature) for feature in order if area[feature] >= LEAST_AUROC)
        found.append(DomainFeatures(domain, kept, int(order[0])))
    return found


def trained_auroc_interval(
    values: Float[np.ndarray, " document"], positive: Bool[np.ndarray, " document"], parents: Sequence[str]
) -> tuple[float, float]:
    """The interval of one feature's AUROC at level 0.95; parents are drawn again, not documents."""
    _, group = np.unique(np.array(parents), return_inverse=True)
    weights = resample_weights(group, positive, RESAMPLES, seed=0)
    document = np.flatnonzero(values > 0)
    feature = np.zeros(len(document), dtype=np.int64)
    found = auroc_intervals(feature, values[document], document, positive, weights, np.array([True]))
    return float(found.low[0]), float(found.high[0])


def trained_feature_words(
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


@dataclass(frozen=True)
class Part:
    """One part of the text at one hook."""

    text: Text
    sums: HookSums

    @cached_property
    def values(self) -> Float[np.ndarray, "document feature"]:
        """Each feature's maximum over each document's first window."""
        return np.concatenate(self.sums.maxima)

    @property
    def density(self) -> Float[np.ndarray, " feature"]:
        """Share of the tokens on which each feature fires."""
        return self.sums.fired.numpy() / self.sums.tokens

    @cached_property
    def active(self) -> Int[np.ndarray, "pair 2"]:
        """Word of a first window and feature that fires on it."""
        return np.concatenate(self.sums.active)

    def words(self, feature: int) -> list[str]:
        """The different words of first windows that a feature fires on, the most frequent first."""
        return trained_feature_words(feature, self.active[:, 1], self.active[:, 0], self.text.words)

    def lift(self, feature: int, domain: str) -> float:
        """How many times as often a feature fires on the domain's words as on all others, in first windows."""
        inside = np.array([each == domain for each in self.text.domains])[self.text.word_documents]
        fired = inside[self.active[self.active[:, 1] == feature, 0]]
        rates = fired.sum() / inside.sum(), (~fired).sum() / (~inside).sum()
        return float(rates[0] / rates[1]) if rates[1] else float("inf") if rates[0] else 0.0

    def area(
        self, feature: int, domain: str, *, without: str | None = None, within: str | None = None
    ) -> tuple[float, float, float] | None:
        """A feature's AUROC for a domain against all others, and its interval by parent; None where a side is empty.

        `without` leaves the documents of a source out, `within` those of the domain that are of any other.
        """
        documents = self.text.documents
        kept = [
            place
            for place, document in enumerate(documents)
            if document.source != without and (within is None or document.domain != domain or document.source == within)
        ]
        positive = np.array([documents[place].domain == domain for place in kept], dtype=bool)
        if not 0 < positive.sum() < len(positive):
            return None
        values = self.values[kept, feature]
        interval = trained_auroc_interval(values, positive, [documents[place].parent for place in kept])
        return float(trained_auroc(values[:, None], positive)[0]), *interval


def meaning(chosen: Part, judged: Part, domain: str = "medical", templated: str = "abachaa/MedQuAD") -> dict[str, Any]:
    """The domains that features tell apart, and what is left of one domain's features without a templated source.

    Features are chosen on one part; the AUROCs and words are those of the other. A feature of the domain is kept
    where its AUROC is at least 0.80 without the templated source too, and it fires on at least ten different words.
    """
    parents = chosen.text.parents, judged.text.parents
    wanted = [name for name in parents[1] if min(each.get(name, 0) for each in parents) >= LEAST_PARENTS]
    found = domain_features(chosen.values, chosen.text.domains, chosen.density, wanted)
    rows: list[dict[str, Any]] = []
    for feature in next((each.features for each in found if each.domain == domain), ()):
        words = judged.words(feature)
        row: dict[str, Any] = {
            "feature": feature,
            "auroc": judged.area(feature, domain),
            "words": len(words),
            "examples": words[:8],
        }
        rows.append(row | {"without_templated": judged.area(feature, domain, without=templated)})
    kept = [row for row in rows if (row["without_templated"] or [0])[0] >= 0.80 and row["words"] >= LEAST_WORDS]
    return {
        "domains": [_domain(each, judged) for each in found],
        domain: rows,
        f"{domain}_kept": len(kept),
        f"{domain}_sources": _by_source(rows[0]["feature"], domain, judged) if rows else [],
    }


def _domain(found: DomainFeatures, judged: Part) -> dict[str, Any]:
    """How the features chosen for a domain fare on the other part."""
    areas = trained_auroc(judged.values[:, list(found.features)], np.array(judged.text.domains) == found.domain)
    held = [feature for feature, area in zip(found.features, areas, strict=True) if area >= LEAST_AUROC]
    clear = [
        feature
        for feature in held
        if judged.lift(feature, found.domain) > LEAST_LIFT and len(judged.words(feature)) >= LEAST_WORDS
    ]
    return {
        "domain": found.domain,
        "chosen": len(found.features),
        "held": len(held),
        "clear": len(clear),
        "best_feature": found.best_feature,
        "best": judged.area(found.best_feature, found.domain),
    }


def _by_source(feature: int, domain: str, judged: Part) -> list[dict[str, Any]]:
    """A feature's AUROC for the domain's documents of each source by itself, against all other domains."""
    pieces = Counter(document.source for document in judged.text.documents if document.domain == domain)
    parents = Counter(
        source for source, _ in {(d.source, d.parent) for d in judged.text.documents if d.domain == domain}
    )
    return [
        {
            "feature": feature,
            "source": source,
            "documents": pieces[source],
            "parents": parents[source],
            "auroc": judged.area(feature, domain, within=source),
        }
        for source in sorted(pieces)
    ]
