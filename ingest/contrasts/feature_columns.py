"""The figures of feature_contrast, from the scores of a range of features, and the order of the candidates.

Features of meaning come before dense ones of style, by the labels of one half. Pure functions on arrays.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from ingest.contrasts.scores import Scores
from ingest.statistics.fisher import fisher_exact
from ingest.statistics.permutation import observed_p
from ingest.statistics.rank_sum import benjamini_hochberg, rank_sum
from ingest.statistics.shuffles import rank_lifts, shuffled_units, unit_scores
from ingest.statistics.stratified import stratified_rank_sum
from ingest.statistics.study_contrast import study_mean_with_bos

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
        **contrast_column_of_study_means(scores),
        "auroc": ranks.auroc,
        "auroc_length": alike.auroc,
        "p_length": np.where(
            np.isfinite(alike.p), contrast_column_rank_sum_p(scores, scores.documents.stratum), np.nan
        ),
        "fisher_p": contrast_column_firing_p(scores),
    }


def contrast_column_of_study_means(scores: Scores) -> Columns:
    """The study's means on both sides, and their difference."""
    positive, control = (_study_mean(scores, side) for side in (True, False))
    return {"study_positive": positive, "study_control": control, "study_difference": positive - control}


def contrast_column_rank_sum_p(
    scores: Scores, stratum: Int[np.ndarray, " document"] | None = None
) -> Float[np.ndarray, " n_features"]:
    """The rank-sum p of each feature under exchanges of labels between groups, within strata where they are given."""
    documents, firing = scores.documents, scores.firing
    units = shuffled_units(documents.group, documents.positive, stratum)
    rows = unit_scores(firing.feature, firing.document, firing.score, units)
    return observed_p(rank_lifts(rows, units, len(scores)), units)


def contrast_column_firing_p(scores: Scores) -> Float[np.ndarray, " n_features"]:
    """Fisher's p on fires / does not fire; where documents are not exchanged one by one, that of its generalisation.

    A group then counts the share of its documents that the feature fires in, and a group with documents on both sides
    exchanges labels within itself.
    """
    documents, firing = scores.documents, scores.firing
    units = shuffled_units(documents.group, documents.positive)
    if units.single and len(np.unique(units.stratum)) == 1:
        hits, others = (np.bincount(part.feature, minlength=len(scores)) for part in _sides(firing))
        return fisher_exact(hits, others, documents.sizes)
    once = np.ones(len(firing.score), dtype=np.float32)
    return observed_p(rank_lifts(unit_scores(firing.feature, firing.document, once, units), units, len(scores)), units)


def features_seen_by_contrast(scores: Scores) -> Bool[np.ndarray, " n_features"]:
    """Which features fire at all: on a document, or on BOS."""
    fires: Bool[np.ndarray, " n_features"] = np.bincount(scores.feature, minlength=len(scores)) > 0
    return fires | (scores.bos > 0)


def features_tested(scores: Scores) -> Bool[np.ndarray, " n_features"]:
    """Which features are tested; blind to which documents are positive."""
    enough: Bool[np.ndarray, " n_features"] = np.bincount(scores.firing.feature, minlength=len(scores)) >= MIN_DOCUMENTS
    return enough


def contrast_column_q(
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
    return study_mean_with_bos(_side_mean(scores, side, lengths), scores.bos, bos_share)


TELLS_APART = 0.65
"""AUROC on the discovery half from which on a feature is ordered by its words."""


def places_in_contrast(contrast: Columns, confirmation: Columns, lifts: Columns) -> Int[np.ndarray, " n_features"]:
    """The place of each feature, from 1; rows of `contrast` and `confirmation` are aligned.

    Those that tell the documents of the discovery half apart come first, the ones whose words belong most surely to
    the positive side before the others; then the rest by AUROC, of equal ones that of the smaller p over all
    documents. Where the halves are too small, AUROC is that of all.
    """
    known = confirmation["auroc_discovery"]
    auroc = np.where(np.isfinite(known), known, contrast["auroc"])
    words = np.where(auroc >= TELLS_APART, _on_discovery(lifts, contrast["feature"]), -np.inf)
    order = np.lexsort((contrast["feature"], contrast["p"], -auroc, -words))
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(1, len(order) + 1)
    return place


def _on_discovery(lifts: Columns, feature: Int[np.ndarray, " n_features"]) -> Float[np.ndarray, " n_features"]:
    """The lower end of word_lift on the discovery half, or word_lift where too few groups give none; 0 if untested."""
    held = np.zeros(int(feature.max(initial=0)) + 1)
    chosen = lifts["part"] == "discovery"
    low, value = lifts["word_lift_low"][chosen], lifts["word_lift"][chosen]
    held[lifts["feature"][chosen]] = np.nan_to_num(np.where(np.isfinite(low), low, value), posinf=np.inf)
    found: Float[np.ndarray, " n_features"] = held[feature]
    return found
