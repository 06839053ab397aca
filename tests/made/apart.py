"""Selection and judgement apart: labels are exchanged, so that whatever is chosen has an AUROC of one half in truth.

Scores are sparse, of very different densities, and follow the book that a document is a piece of.
"""

from dataclasses import dataclass, replace

import numpy as np

from ingest.contrasts.confirmation import confirmation_columns, confirmation_draws
from ingest.contrasts.feature_columns import contrast_column_of_study_means, contrast_columns
from ingest.contrasts.feature_sets import Together
from ingest.contrasts.scores import Documents, Scores
from ingest.statistics.groups import groups_of, later_half_of_groups
from ingest.statistics.study_contrast import study_kept

PRINTED = 40


@dataclass(frozen=True)
class Judged:
    """What the confirmation half says of features that were chosen where labels mean nothing.

    confirmed: of PRINTED by the study's method, those whose interval lies above one half; bias: the mean AUROC of
    as many of the largest AUROC, over one half. `all_` where all documents choose, confirmation included.
    """

    confirmed: float
    bias: float
    all_confirmed: float
    all_bias: float


def documents_of(group: np.ndarray, n_positive: int) -> Documents:
    """So many documents of these groups; the first ones are positive until they are relabelled."""
    n = len(group)
    nothing = np.full(n, -1)
    tokens = np.full(n, 20)
    return Documents(
        key=np.arange(n),
        positive=np.arange(n) < n_positive,
        confirmation=np.zeros(n, dtype=bool),
        group=group,
        template=nothing,
        domain=nothing,
        tokens=tokens,
        bos_tokens=np.ones(n, dtype=int),
        length=tokens,
        domains=(),
    )


def scores_of(rng: np.random.Generator, documents: Documents, n_features: int, likes_books: float = 0.0) -> Scores:
    """Scores that mean nothing; `likes_books` is how much they have in common within a book."""
    books, book = np.unique(documents.group, return_inverse=True)
    about = likes_books * rng.normal(size=(n_features, len(books)))[:, book]
    rate = np.log(10.0 ** rng.uniform(-1.5, 0.5, (n_features, 1)))
    fires = rng.random(about.shape) < 1 / (1 + np.exp(-(rate + about)))
    feature, document = np.nonzero(fires)
    score = np.exp(rng.normal(size=len(feature)) + about[feature, document])
    zeros = np.zeros(n_features)
    once = np.ones(len(feature), dtype=int)
    return Scores(documents, range(n_features), feature, document, score, score * 2, once, zeros)


def relabelled(rng: np.random.Generator, scores: Scores) -> Scores:
    """The same scores with labels exchanged between whole groups, and halves drawn for them."""
    documents = scores.documents
    groups, member = np.unique(documents.group, return_inverse=True)
    share = documents.sizes[0] / len(documents)
    labels = np.zeros(len(groups), dtype=bool)
    labels[rng.permutation(len(groups))[: round(share * len(groups))]] = True
    positive = labels[member]
    draw = rng.random(len(groups))[member]
    halves = later_half_of_groups(groups_of(documents.group, positive), draw)
    return replace(scores, documents=replace(documents, positive=positive, confirmation=halves))


def judge(scores: Scores) -> Judged:
    """What the confirmation half says of what was chosen."""
    alone = scores.within_half(confirmation=False)
    found = []
    for chosen in (alone, scores):
        printed, best = _printed(chosen), _best(chosen)
        kept = np.zeros(len(scores), dtype=bool)
        kept[np.concatenate([printed, best])] = True
        columns = confirmation_columns(scores.where(kept[scores.feature]), confirmation_draws(scores.documents))
        found += [float((columns["auroc_low"][printed] > 0.5).sum()), float(columns["auroc"][best].mean() - 0.5)]
    return Judged(*found)


@dataclass(frozen=True)
class JudgedSet:
    """A set of features that together tell the sides apart: its size, and whether its interval lies above one half."""

    size: float
    confirmed: float


def judge_set(scores: Scores) -> JudgedSet:
    """The set that one half chooses, judged by the other."""
    together = Together(scores.documents)
    together.add(scores)
    _, found = together.rows(confirmation_draws(scores.documents))
    return JudgedSet(found["set_size"] or 0, (found.get("set_auroc_low") or 0) > 0.5)


def mean_of(judged: list[Judged]) -> Judged:
    """The mean of each figure."""
    return Judged(*np.mean([tuple(vars(one).values()) for one in judged], axis=0).tolist())


def _printed(scores: Scores) -> np.ndarray:
    study = contrast_column_of_study_means(scores)
    kept = study_kept(study["study_positive"], study["study_control"])
    return np.argsort(np.where(kept, -study["study_difference"], np.inf), kind="stable")[:PRINTED]


def _best(scores: Scores) -> np.ndarray:
    return np.argsort(-contrast_columns(scores)["auroc"], kind="stable")[:PRINTED]
