"""The figures of a contrast, from scores: pure functions on arrays."""

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from ingest.contrasts.scores import Scores
from ingest.statistics.rank_sum import benjamini_hochberg, rank_sum
from ingest.statistics.study import mean_with_bos, study_kept

MIN_DOCUMENTS = 5
"""A feature that fires in fewer documents of both groups together is not tested: it cannot reach a small p."""


def contrast_figures(scores: Scores) -> tuple[pa.Table, int]:
    """Every figure of feature_contrast for the features that fire, and how many were tested."""
    n_features = len(scores.bos)
    positive = scores.document_positive[scores.document]
    groups = (int(scores.document_positive.sum()), int((~scores.document_positive).sum()))
    fired = scores.score > 0
    ranks = rank_sum(scores.feature[fired], scores.score[fired], positive[fired], groups, n_features)
    fires = [np.bincount(scores.feature[fired & side], minlength=n_features) for side in (positive, ~positive)]
    means = [_group_mean(scores, side, scores.tokens) for side in (True, False)]
    study = [_study_mean(scores, side) for side in (True, False)]
    tested = fires[0] + fires[1] >= MIN_DOCUMENTS
    q = np.full(n_features, np.nan)
    q[tested] = benjamini_hochberg(ranks.p[tested])
    seen = np.flatnonzero((np.bincount(scores.feature, minlength=n_features) > 0) | (scores.bos > 0))
    columns = {
        "feature": np.arange(n_features, dtype=np.int32),
        "fires_positive": fires[0].astype(np.int32),
        "fires_control": fires[1].astype(np.int32),
        "mean_positive": means[0],
        "mean_control": means[1],
        "mean_difference": means[0] - means[1],
        "study_positive": study[0],
        "study_control": study[1],
        "study_difference": study[0] - study[1],
        "study_kept": study_kept(study[0], study[1]),
        "auroc": ranks.auroc,
        "p": ranks.p,
        "q": pa.array(q, mask=~tested),
    }
    return pa.table(columns).take(pa.array(seen)), int(tested.sum())


def _group_mean(scores: Scores, side: bool, lengths: Int[np.ndarray, " document"]) -> Float[np.ndarray, " d_sae"]:
    """Mean over a group's documents of each document's mean activation."""
    chosen = scores.document_positive[scores.document] == side
    share = scores.total[chosen] / lengths[scores.document[chosen]]
    members = int((scores.document_positive == side).sum())
    return np.bincount(scores.feature[chosen], weights=share, minlength=len(scores.bos)) / members


def _study_mean(scores: Scores, side: bool) -> Float[np.ndarray, " d_sae"]:
    lengths = scores.tokens + scores.bos_tokens
    bos_share = float((scores.bos_tokens / lengths)[scores.document_positive == side].mean())
    return mean_with_bos(_group_mean(scores, side, lengths), scores.bos, bos_share)
