"""What belongs to an SAE and a contrast as a whole: FMS, and the study's hypothesis as rank correlations."""

import heapq
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from ingest.contrasts.confirmation import judges
from ingest.contrasts.figures import Columns
from ingest.contrasts.scores import Documents, Scores
from ingest.statistics.correlation import partial_rank_correlation, rank_correlation
from ingest.statistics.monosemanticity import LOCAL, TOGETHER, Monosemanticity, monosemanticity, split_gain

BEST = max(LOCAL + 1, TOGETHER)
MOMENTS = ("logit_std", "logit_skewness", "logit_kurtosis")
EVIDENCE = ("token_entropy", "document_entropy", "top_token_share", "auroc", "f1")

Best = tuple[float, int, Float[np.ndarray, " document"]]


@dataclass(frozen=True)
class BestSplits:
    """The features whose single split removes most Gini impurity on the discovery half, kept while ranges pass by."""

    documents: Documents
    best: list[Best] = field(default_factory=list)

    def add(self, scores: Scores) -> None:
        """Take in a range of features; of equally good ones the lower index is better."""
        if not judges(self.documents, confirmation=False):
            return
        sizes = self.documents.half_sizes(confirmation=False)
        half = scores.half(confirmation=False)
        gain = split_gain(half.feature, half.mean, half.positive, sizes, len(scores))
        for place in np.lexsort((np.arange(len(gain)), -gain))[:BEST]:
            entry = (float(gain[place]), -scores.features[int(place)], _mean_activations(scores, int(place)))
            heapq.heappush(self.best, entry)
            if len(self.best) > BEST:
                heapq.heappop(self.best)

    def monosemanticity(self) -> Monosemanticity | None:
        """FMS; None where a half has too few groups of a side, or the SAE too few features."""
        inside, positive = self.documents.confirmation, self.documents.positive
        judged = judges(self.documents, confirmation=True) and judges(self.documents, confirmation=False)
        if not judged or len(self.best) < BEST:
            return None
        ranked = sorted(self.best, key=lambda entry: entry[:2], reverse=True)
        columns = np.stack([values for _, _, values in ranked], axis=1).astype(np.float32)  # (document, best)
        features = np.array([-negative for _, negative, _ in ranked])
        fitted = columns[~inside], positive[~inside]
        return monosemanticity(features, fitted, (columns[inside], positive[inside]))


def fms_columns(found: Monosemanticity | None) -> dict[str, float | int | None]:
    """FMS as columns of sae_contrast."""
    if found is None:
        return {}
    return {
        "fms_root": found.root,
        "fms_accuracy": found.accuracy,
        "fms_local_1": found.local(1),
        "fms_local_5": found.local(LOCAL),
        "fms_global": found.distributed,
        "fms_1": found.score(1),
        "fms_5": found.score(LOCAL),
    }


def correlation_rows(columns: Columns) -> pa.Table:
    """Every moment of the logit weights against every piece of evidence, over features whose rows are aligned."""
    rows = []
    for moment in MOMENTS:
        for evidence in EVIDENCE:
            x, y = columns[moment], columns[evidence]
            found = rank_correlation(x, y)
            partial = partial_rank_correlation(x, y, columns["active_tokens"])
            known = {name: value if np.isfinite(value) else None for name, value in found._asdict().items()}
            rows.append(
                {
                    "moment": moment,
                    "evidence": evidence,
                    "features": found.n,
                    "rho": known["rho"],
                    "low": known["low"],
                    "high": known["high"],
                    "rho_given_frequency": partial if np.isfinite(partial) else None,
                }
            )
    types = [("moment", pa.string()), ("evidence", pa.string()), ("features", pa.int32())]
    types += [(name, pa.float64()) for name in ("rho", "low", "high", "rho_given_frequency")]
    return pa.Table.from_pylist(rows, schema=pa.schema(types))


def _mean_activations(scores: Scores, place: int) -> Float[np.ndarray, " document"]:
    """One feature's mean activation on every document."""
    rows = scores.where(scores.feature == place)
    values = np.zeros(len(scores.documents))
    values[rows.document] = rows.mean
    return values
