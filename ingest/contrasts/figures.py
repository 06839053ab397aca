"""The figures of feature_contrast, from the scores of a range of features: pure functions on arrays."""

import numpy as np
from jaxtyping import Bool, Float, Int

from ingest.contrasts.scores import Scores
from ingest.statistics.exchange import lifts_of, of_units, units_of
from ingest.statistics.fisher import fisher_exact
from ingest.statistics.permutation import observed_p
from ingest.statistics.rank_sum import benjamini_hochberg, rank_sum
from ingest.statistics.stratified import stratified_rank_sum
from ingest.statistics.study import mean_with_bos

MIN_DOCUMENTS = 5
"""A feature that fires in fewer documents of both sides together is not tested: it can hardly reach a small p."""

Columns = dict[str, np.ndarray]


def contrast_columns(scores: Scores) -> Columns:
    """What each feature of the range shows by itself; q and the study's filter need all features."""
    fires = [np.bincount(part.feature, minlength=len(scores)) for part in _sides(scores.firing)]
    firing = scores.firing
    ranks = rank_sum(firing.feature, firing.score, firing.positive, scores.documents.sizes, len(scores))
    means = [_side_mean(scores, side, scores.documents.tokens) for side in (True, False)]
    alike = stratified_rank_sum(
        firing.feature,
        firing.score,
        firing.document,
        scores.documents.positive,
        scores.documents.stratum,
        len(scores),
    )
    return {
        "feature": np.asarray(scores.features, dtype=np.int32),
        "fires_positive": fires[0].astype(np.int32),
        "fires_control": fires[1].astype(np.int32),
        "mean_positive": means[0],
        "mean_control": means[1],
        "mean_difference": means[0] - means[1],
        **study_columns(scores),
        "auroc": ranks.auroc,
        "auroc_length": alike.auroc,
        "p_length": np.where(np.isfinite(alike.p), rank_sum_p(scores, scores.documents.stratum), np.nan),
        "fisher_p": fisher_exact(fires[0], fires[1], scores.documents.sizes),
    }


def study_columns(scores: Scores) -> Columns:
    """The study's means on both sides, and their difference."""
    positive, control = (_study_mean(scores, side) for side in (True, False))
    return {"study_positive": positive, "study_control": control, "study_difference": positive - control}


def rank_sum_p(scores: Scores, stratum: Int[np.ndarray, " document"] | None = None) -> Float[np.ndarray, " n_features"]:
    """The rank-sum p of each feature under exchanges of labels between groups, within strata where they are given."""
    documents, firing = scores.documents, scores.firing
    units = units_of(documents.group, documents.positive, stratum)
    rows = of_units(firing.feature, firing.document, firing.score, units)
    return observed_p(lifts_of(rows, units, len(scores)), units)


def seen(scores: Scores) -> Bool[np.ndarray, " n_features"]:
    """Which features fire at all: on a document, or on BOS."""
    fires: Bool[np.ndarray, " n_features"] = np.bincount(scores.feature, minlength=len(scores)) > 0
    return fires | (scores.bos > 0)


def tested(scores: Scores) -> Bool[np.ndarray, " n_features"]:
    """Which features are tested; blind to which documents are positive."""
    enough: Bool[np.ndarray, " n_features"] = np.bincount(scores.firing.feature, minlength=len(scores)) >= MIN_DOCUMENTS
    return enough


def q_values(
    p: Float[np.ndarray, " n_features"], chosen: Bool[np.ndarray, " n_features"]
) -> Float[np.ndarray, " n_features"]:
    """Benjamini-Hochberg q over the chosen features; NaN for the others."""
    q = np.full(len(p), np.nan)
    q[chosen] = benjamini_hochberg(p[chosen])
    return q


def _sides(scores: Scores) -> tuple[Scores, Scores]:
    return scores.where(scores.positive), scores.where(~scores.positive)


def _side_mean(scores: Scores, side: bool, lengths: Int[np.ndarray, " document"]) -> Float[np.ndarray, " n_features"]:
    """Mean over a side's documents of each document's mean activation."""
    part = scores.where(scores.positive == side)
    share = part.total / lengths[part.document]
    members = scores.documents.sizes[0 if side else 1]
    return np.bincount(part.feature, weights=share, minlength=len(scores)) / members


def _study_mean(scores: Scores, side: bool) -> Float[np.ndarray, " n_features"]:
    documents = scores.documents
    lengths = documents.tokens + documents.bos_tokens
    bos_share = float((documents.bos_tokens / lengths)[documents.positive == side].mean())
    return mean_with_bos(_side_mean(scores, side, lengths), scores.bos, bos_share)
