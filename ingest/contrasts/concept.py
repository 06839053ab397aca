"""What belongs to an SAE and a contrast as a whole: FMS, and the study's hypothesis as rank correlations."""

import heapq
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from ingest.contrasts.confirmation import Weights, half_can_judge
from ingest.contrasts.feature_columns import Columns
from ingest.contrasts.scores import Documents, Scores
from ingest.statistics.bootstrap import tail_share
from ingest.statistics.correlation import cluster_draws, rank_correlations
from ingest.statistics.monosemanticity import (
    LOCAL,
    TOGETHER,
    Monosemanticity,
    monosemantic_tie_key,
    monosemanticity,
    split_gain,
)
from ingest.statistics.rank_sum import rank_sum

BEST = max(LOCAL + 1, TOGETHER)
MOMENTS = ("logit_std", "logit_skewness", "logit_kurtosis")
EVIDENCE = ("token_entropy", "document_entropy", "top_token_share", "auroc", "f1")

CORRELATED = ("rho", "low", "high", "rho_given_frequency", "low_given_frequency", "high_given_frequency")

ROUNDED = 12
"""Decimals to which splits are equally good."""

Best = tuple[float, float, str, int, Float[np.ndarray, " document"]]


@dataclass(frozen=True)
class BestSplits:
    """The features whose single split removes most Gini impurity on the discovery half, kept while ranges pass by."""

    documents: Documents
    best: list[Best] = field(default_factory=list)

    def add(self, scores: Scores) -> None:
        """Take in a range of features, the best first: by gain, by AUROC of the means, then by a hash of the values."""
        if not half_can_judge(self.documents, confirmation=False):
            return
        sizes = self.documents.half_sizes(confirmation=False)
        half = scores.half(confirmation=False)
        gain = split_gain(half.feature, half.mean, half.positive, sizes, len(scores)).round(ROUNDED)
        least = np.sort(gain)[::-1][: max(BEST, len(self.best))][-1:]
        chosen = np.flatnonzero((gain >= least) & (gain >= self._least))
        half = half.where(np.isin(half.feature, chosen))
        auroc = rank_sum(half.feature, half.mean, half.positive, sizes, len(scores)).auroc.round(ROUNDED)
        for place in chosen[np.lexsort((-auroc[chosen], -gain[chosen]))].tolist():
            values = _mean_activations(scores, place)
            entry = (
                float(gain[place]),
                float(auroc[place]),
                monosemantic_tie_key(values),
                -scores.features[place],
                values,
            )
            if len(self.best) < BEST:
                heapq.heappush(self.best, entry)
            elif entry[:4] > self.best[0][:4]:
                heapq.heapreplace(self.best, entry)
            elif entry[:2] < self.best[0][:2]:
                break

    @property
    def _least(self) -> float:
        """The gain below which nothing is taken in any more."""
        return self.best[0][0] if len(self.best) == BEST else 0.0

    def monosemanticity(self) -> Monosemanticity | None:
        """FMS; None where a half has too few groups of a side, or the SAE too few features."""
        inside, positive = self.documents.confirmation, self.documents.positive
        judged = half_can_judge(self.documents, confirmation=True) and half_can_judge(
            self.documents, confirmation=False
        )
        if not judged or len(self.best) < BEST:
            return None
        ranked = sorted(self.best, key=lambda entry: entry[:4], reverse=True)
        columns = np.stack([entry[-1] for entry in ranked], axis=1).astype(np.float32)  # (document, best)
        features = np.array([-entry[3] for entry in ranked])
        fitted = columns[~inside], positive[~inside]
        return monosemanticity(features, fitted, (columns[inside], positive[inside]))


def fms_columns(found: Monosemanticity | None, documents: Documents, weights: Weights) -> dict[str, float | int | None]:
    """FMS as columns of sae_contrast, its interval from the draws of the confirmation half, and what chance gives."""
    if found is None:
        return {}
    half, drawn = documents.half(confirmation=True), found.drawn(weights.astype(np.float32))
    tail = tail_share(half.groups)
    columns: dict[str, float | int | None] = {
        "fms_root": found.root,
        "fms_accuracy": float(found.accuracy),
        "fms_local_1": float(found.local(1)),
        "fms_local_5": float(found.local(LOCAL)),
        "fms_global": float(found.distributed),
        "fms_1": float(found.score(1)),
        "fms_5": float(found.score(LOCAL)),
        "fms_chance": max(half.sizes) / len(half),
    }
    for name, draws in (("accuracy", drawn.accuracy), ("1", drawn.score(1)), ("5", drawn.score(LOCAL))):
        low, high = np.quantile(draws, [tail, 1 - tail])
        columns |= {f"fms_{name}_low": float(low), f"fms_{name}_high": float(high)}
    return columns


def correlation_rows(columns: Columns) -> pa.Table:
    """Every moment of the logit weights against every piece of evidence, over features whose rows are aligned."""
    rows, draws = [], cluster_draws(columns["cluster"])
    for moment in MOMENTS:
        for evidence in EVIDENCE:
            found = rank_correlations(
                columns[moment], columns[evidence], columns["active_tokens"], columns["cluster"], draws
            )
            figures = dict(zip(CORRELATED, (*found.plain, *found.partial), strict=True))
            known = {name: value if np.isfinite(value) else None for name, value in figures.items()}
            counts = {"features": found.n, "clusters": found.clusters}
            rows.append({"moment": moment, "evidence": evidence, **counts, **known})
    types = [("moment", pa.string()), ("evidence", pa.string()), ("features", pa.int32()), ("clusters", pa.int32())]
    types += [(name, pa.float64()) for name in CORRELATED]
    return pa.Table.from_pylist(rows, schema=pa.schema(types))


def _mean_activations(scores: Scores, place: int) -> Float[np.ndarray, " document"]:
    """One feature's mean activation on every document."""
    rows = scores.where(scores.feature == place)
    values = np.zeros(len(scores.documents))
    values[rows.document] = rows.mean
    return values
