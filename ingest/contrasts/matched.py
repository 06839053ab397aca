"""The figures of feature_pair and feature_domain: matched controls, and each control domain by itself."""

import numpy as np
from jaxtyping import Bool, Float

from ingest.contrasts.confirmation import called_rows
from ingest.contrasts.figures import Columns
from ingest.contrasts.scores import Scores
from ingest.statistics.domains import contrast_domains
from ingest.statistics.paired import pair_differences, pair_numbers, signed_rank

MIN_DIFFERENCES = 5
"""With fewer pairs that differ a feature is not tested on pairs; blind to which side is higher."""


def pair_columns(scores: Scores) -> Columns:
    """The signed-rank test of each feature of the range; only features with a difference have a row."""
    documents, firing = scores.documents, scores.firing
    pair = pair_numbers(documents.template, documents.positive)
    pairs = int(pair.max(initial=-1)) + 1
    differences = pair_differences(firing.feature, firing.score, firing.document, pair, documents.positive)
    test = signed_rank(differences, len(scores))
    moved = np.flatnonzero(test.higher + test.lower)
    share = (pairs + test.higher - test.lower) / (2 * max(pairs, 1))
    columns = {
        "feature": np.asarray(scores.features, dtype=np.int32),
        "higher": test.higher.astype(np.int32),
        "lower": test.lower.astype(np.int32),
        "share_higher": share,
        "p": test.p,
    }
    return {name: values[moved] for name, values in columns.items()}


def domain_columns(
    scores: Scores, threshold: Float[np.ndarray, " n_features"], chosen: Bool[np.ndarray, " n_features"]
) -> Columns:
    """A row for each chosen feature and control domain; `called` is NaN without a threshold."""
    documents, firing = scores.documents, scores.firing
    n_domains = len(documents.domains)
    members = np.bincount(documents.domain[~documents.positive], minlength=n_domains)
    judged = np.bincount(documents.domain[~documents.positive & documents.confirmation], minlength=n_domains)
    sizes = (documents.sizes[0], len(scores))
    found = contrast_domains(firing.feature, firing.score, documents.domain[firing.document], members, sizes)
    rows = called_rows(scores, threshold)
    rows = rows.where(~rows.positive)
    cells = rows.feature.astype(np.int64) * n_domains + documents.domain[rows.document]
    called = np.bincount(cells, minlength=len(scores) * n_domains).reshape(len(scores), n_domains).astype(float)
    called[~np.isfinite(threshold)] = np.nan
    kept = np.flatnonzero(chosen)
    shape = (len(kept), n_domains)
    return {
        "feature": np.repeat(np.asarray(scores.features, dtype=np.int32)[kept], n_domains),
        "domain": np.tile(np.asarray(documents.domains, dtype=object), len(kept)),
        "documents": np.broadcast_to(members.astype(np.int32), shape).ravel(),
        "fires": found.fires[kept].astype(np.int32).ravel(),
        "auroc": found.auroc[kept].ravel(),
        "documents_confirmation": np.broadcast_to(judged.astype(np.int32), shape).ravel(),
        "called": called[kept].ravel(),
    }
