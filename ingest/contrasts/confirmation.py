"""The figures of feature_confirmation: thresholds and probes from one half, judged on the other."""

import numpy as np
from jaxtyping import Bool, Float, Int

from ingest.contrasts.feature_columns import Columns, contrast_column_of_study_means, contrast_column_rank_sum_p
from ingest.contrasts.scores import Documents, Scores
from ingest.statistics.bootstrap import RESAMPLES, auroc_intervals, resample_weights, tail_share
from ingest.statistics.classifiers import Judgement, Probe, best_threshold, classifier_scores, fit_probe, probe_calls
from ingest.statistics.groups import MIN_GROUPS
from ingest.statistics.rank_sum import rank_sum

SEED = 20
MOST_WEIGHTS = 50_000_000
LEAST_RESAMPLES = 200

DISCOVERED = (
    "auroc_discovery",
    "p_discovery",
    "study_positive_discovery",
    "study_control_discovery",
    "threshold",
    "f1_discovery",
    "probe_weight",
    "probe_bias",
)
CONFIRMED = ("auroc", "auroc_low", "auroc_high", "precision", "recall", "f1", "probe_accuracy", "probe_f1")


Weights = Int[np.ndarray, "document resample"]


def confirmation_draws(documents: Documents) -> Weights:
    """The draws of the confirmation half; fewer of them where there are very many documents."""
    inside = documents.confirmation
    resamples = max(LEAST_RESAMPLES, min(RESAMPLES, MOST_WEIGHTS // max(1, int(inside.sum()))))
    return resample_weights(documents.group[inside], documents.positive[inside], resamples, SEED)


def half_can_judge(documents: Documents, *, confirmation: bool) -> bool:
    """Whether a half has enough groups of both sides to choose anything, or to judge it."""
    return min(documents.half(confirmation=confirmation).groups) >= MIN_GROUPS


def confirmation_columns(scores: Scores, weights: Weights) -> Columns:
    """Discovery and confirmation of each feature of the range; NaN where a half has too few groups."""
    found = {"feature": np.asarray(scores.features, dtype=np.int32), **_discovered(scores)}
    if not half_can_judge(scores.documents, confirmation=True):
        return found | {name: _nothing(scores) for name in CONFIRMED}
    return found | _ranked(scores, weights) | _judged(scores, found)


def groups_fired_in(scores: Scores) -> Int[np.ndarray, " n_features"]:
    """In how many groups of documents each feature has a row."""
    names, group = np.unique(scores.documents.group, return_inverse=True)
    if len(names) == len(group):
        return np.bincount(scores.feature, minlength=len(scores))
    cells = np.unique(scores.feature.astype(np.int64) * len(group) + group[scores.document])
    return np.bincount(cells // max(1, len(group)), minlength=len(scores))


def confirmed_calls(scores: Scores, threshold: Float[np.ndarray, " n_features"]) -> Scores:
    """The rows of the confirmation half at or above the feature's threshold."""
    half = scores.firing.half(confirmation=True)
    return half.where(half.score >= threshold[half.feature])


def _discovered(scores: Scores) -> Columns:
    alone, n_features = scores.within_half(confirmation=False), len(scores)
    fires = {"fires_discovery": np.bincount(alone.firing.feature, minlength=n_features).astype(np.int32)}
    if not half_can_judge(scores.documents, confirmation=False):
        return fires | {name: _nothing(scores) for name in DISCOVERED}
    sizes, firing = alone.documents.sizes, alone.firing
    ranks = rank_sum(firing.feature, firing.score, firing.positive, sizes, n_features)
    study = contrast_column_of_study_means(alone)
    threshold = best_threshold(firing.feature, firing.score, firing.positive, sizes[0], n_features)
    called = firing.where(firing.score >= threshold[firing.feature])
    probe = fit_probe(alone.feature, alone.mean, alone.positive, sizes, n_features)
    return fires | {
        "auroc_discovery": ranks.auroc,
        "p_discovery": contrast_column_rank_sum_p(alone),
        "study_positive_discovery": study["study_positive"],
        "study_control_discovery": study["study_control"],
        "threshold": threshold.astype(float),
        "f1_discovery": _known(classifier_scores(called.feature, called.positive, sizes[0], n_features), threshold).f1,
        "probe_weight": probe.weight,
        "probe_bias": probe.bias,
    }


def _ranked(scores: Scores, weights: Weights) -> Columns:
    """AUROC on the confirmation half; its interval for features that fire in MIN_GROUPS groups of it."""
    inside = scores.documents.confirmation
    half = scores.firing.half(confirmation=True)
    sizes = scores.documents.half_sizes(confirmation=True)
    place = np.cumsum(inside) - 1
    interval = auroc_intervals(
        half.feature,
        half.score,
        place[half.document],
        scores.documents.positive[inside],
        weights,
        groups_fired_in(half) >= MIN_GROUPS,
        tail=tail_share(scores.documents.half(confirmation=True).groups),
    )
    ranks = rank_sum(half.feature, half.score, half.positive, sizes, len(scores))
    return {"auroc": ranks.auroc, "auroc_low": interval.low, "auroc_high": interval.high}


def _judged(scores: Scores, found: Columns) -> Columns:
    """The threshold and the probe on the confirmation half."""
    sizes, n_features = scores.documents.half_sizes(confirmation=True), len(scores)
    called = confirmed_calls(scores, found["threshold"])
    rule = _known(classifier_scores(called.feature, called.positive, sizes[0], n_features), found["threshold"])
    probe = Probe(found["probe_weight"], found["probe_bias"])
    half = scores.half(confirmation=True)
    calls = probe_calls(probe, half.feature, half.mean)
    hits = _probe_hits(probe, half, calls)
    with np.errstate(invalid="ignore"):
        f1 = 2 * hits[0] / (hits[0] + hits[1] + sizes[0])
    right = (hits[0] + sizes[1] - hits[1]) / sum(sizes)
    unknown = ~np.isfinite(probe.weight)
    return {
        "precision": rule.precision,
        "recall": rule.recall,
        "f1": rule.f1,
        "probe_accuracy": np.where(unknown, np.nan, right),
        "probe_f1": np.where(unknown, np.nan, f1),
    }


def _probe_hits(
    probe: Probe, half: Scores, calls: Bool[np.ndarray, " row"]
) -> tuple[Float[np.ndarray, " n_features"], Float[np.ndarray, " n_features"]]:
    """Positive and control documents that the probe calls, silent ones included."""
    found = []
    sizes = half.documents.half_sizes(confirmation=True)
    for side, size in zip((half.positive, ~half.positive), sizes, strict=True):
        fires = np.bincount(half.feature[side], minlength=len(half))
        called = np.bincount(half.feature[side & calls], minlength=len(half))
        found.append(called + (size - fires) * (probe.bias > 0))
    return found[0], found[1]


def _known(judgement: Judgement, threshold: Float[np.ndarray, " n_features"]) -> Judgement:
    """NaN for the features without a threshold."""
    return Judgement(*(np.where(np.isfinite(threshold), values, np.nan) for values in judgement))


def _nothing(scores: Scores) -> Float[np.ndarray, " n_features"]:
    return np.full(len(scores), np.nan)
