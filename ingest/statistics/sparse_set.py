"""A small set of features that together tell two sides apart: logistic regression with an L1 penalty.

What says nearly the same is one finding, so candidates that correlate beyond NEAR stand behind the best of them. The
penalty is the largest whose held-out loss, over folds that keep groups whole, is within one standard error of the
smallest: as few features as the data can tell from more. A fold chooses its candidates without the documents that it
leaves out; else the best of thousands of features look good on them where labels mean nothing.

Source: Tibshirani 1996; Hastie, Tibshirani & Friedman 2009, sections 7.10 (one standard error), 7.10.2 (the wrong
way to cross-validate) and 18.4; liblinear (Fan et al. 2008) through scikit-learn.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

NEAR = 0.9
"""Candidates whose scores correlate beyond this, on the documents that choose, say the same."""
PENALTIES = 16
SMALLEST = 0.03
"""The last penalty of the path, of the first at which no feature is left."""
FOLDS = 5
FREE = 1000.0
"""liblinear penalises the bias too, this many times less than a weight."""


class SparseSet(NamedTuple):
    """What is above 0 is called positive: weight @ x + bias.

    Shapes: the others (kept,), in order of entry as the penalty falls: column of x, weight, weight times the standard
    deviation of the column, and how many other candidates the column stands for.
    """

    column: Int[np.ndarray, " kept"]
    weight: Float[np.ndarray, " kept"]
    standard: Float[np.ndarray, " kept"]
    copies: Int[np.ndarray, " kept"]
    bias: float


class Path(NamedTuple):
    """A fit at each penalty, the largest first.

    Shapes: column (chosen,), of x; copies (chosen,); weight (penalty, chosen), of x as it is; bias (penalty,).
    """

    column: Int[np.ndarray, " chosen"]
    copies: Int[np.ndarray, " chosen"]
    weight: Float[np.ndarray, "penalty chosen"]
    bias: Float[np.ndarray, " penalty"]


def fit_sparse_set(
    x: Float[np.ndarray, "document candidate"],
    positive: Bool[np.ndarray, " document"],
    fold: Int[np.ndarray, " document"],
    offered: Sequence[Int[np.ndarray, " offered"]],
) -> SparseSet:
    """The set that cross-validation chooses.

    `offered` holds the candidates, columns of x with the best first: those of all documents, then those of each fold,
    chosen without its documents.
    """
    penalties = largest_penalty(x[:, offered[0]], positive) * np.geomspace(1, SMALLEST, PENALTIES)
    losses = np.empty((len(offered) - 1, PENALTIES))
    for number, columns in enumerate(offered[1:]):
        out = fold == number
        losses[number] = _losses(l1_path(x[~out], positive[~out], columns, penalties), x[out], positive[out])
    return _set_at(l1_path(x, positive, offered[0], penalties), _one_error(losses), x)


def deal_folds(
    positive: Bool[np.ndarray, " document"], group: Int[np.ndarray, " document"]
) -> Int[np.ndarray, " document"]:
    """A fold of each document: groups stay whole, and each kind of group is dealt out in turn, the largest first."""
    _, member = np.unique(group, return_inverse=True)
    positives, sizes = np.bincount(member, positive), np.bincount(member)
    kind = (positives > 0).astype(int) + 2 * (positives < sizes)
    order = np.lexsort((-sizes, kind))
    dealt = np.empty(len(sizes), dtype=np.int64)
    dealt[order] = np.arange(len(sizes)) % FOLDS
    found: Int[np.ndarray, " document"] = dealt[member]
    return found


def sparse_set_representatives(
    x: Float[np.ndarray, "document offered"],
) -> tuple[Int[np.ndarray, " chosen"], Int[np.ndarray, " chosen"]]:
    """Columns no two of which correlate beyond NEAR, and how many others each stands for; the best come first in x.

    A column stands behind the first representative that it is near to. One that never varies is left out.
    """
    spread = x.std(axis=0)
    varies = np.flatnonzero(spread > 0)
    standard = (x[:, varies] - x[:, varies].mean(axis=0)) / spread[varies]
    near = np.abs(standard.T @ standard) > NEAR * len(x)  # (varies, varies)
    left = np.ones(len(varies), dtype=bool)
    chosen, copies = [], []
    for place in range(len(varies)):
        if left[place]:
            behind = near[place] & left
            behind[place] = False
            chosen.append(varies[place])
            copies.append(int(behind.sum()))
            left &= ~behind
    return np.array(chosen, dtype=np.int64), np.array(copies, dtype=np.int64)


def largest_penalty(x: Float[np.ndarray, "document feature"], positive: Bool[np.ndarray, " document"]) -> float:
    """The smallest penalty of the mean log loss at which no standardised column has a weight."""
    spread = x.std(axis=0)
    standard = (x - x.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    return float(np.abs(standard.T @ (positive - positive.mean())).max(initial=0) / len(x))


def l1_path(
    x: Float[np.ndarray, "document candidate"],
    positive: Bool[np.ndarray, " document"],
    columns: Int[np.ndarray, " offered"],
    penalties: Float[np.ndarray, " penalty"],
) -> Path:
    """The fits that minimise the mean log loss + penalty |w|_1, w the weights of standardised representatives."""
    from sklearn.linear_model import LogisticRegression

    chosen, copies = sparse_set_representatives(x[:, columns])
    held = x[:, columns[chosen]]
    center, spread = held.mean(axis=0), held.std(axis=0)
    standard = (held - center) / spread
    prior = np.log(positive.mean() / (1 - positive.mean()))
    weight, bias = np.zeros((len(penalties), len(chosen))), np.full(len(penalties), prior)
    alone = largest_penalty(held, positive)
    for place in np.flatnonzero(penalties < alone) if len(chosen) else ():
        fit = LogisticRegression(
            l1_ratio=1,
            C=1 / (penalties[place] * len(x)),
            solver="liblinear",
            intercept_scaling=FREE,
            tol=1e-6,
            max_iter=1000,
            random_state=0,
        ).fit(standard, positive)
        weight[place] = fit.coef_[0] / spread
        bias[place] = fit.intercept_[0] - weight[place] @ center
    return Path(columns[chosen], copies, weight, bias)


def _losses(
    path: Path, x: Float[np.ndarray, "document candidate"], positive: Bool[np.ndarray, " document"]
) -> Float[np.ndarray, " penalty"]:
    """The mean log loss of each fit."""
    z = x[:, path.column] @ path.weight.T + path.bias  # (document, penalty)
    losses: Float[np.ndarray, " penalty"] = (np.logaddexp(0, z) - np.where(positive[:, None], z, 0)).mean(axis=0)
    return losses


def _one_error(losses: Float[np.ndarray, "fold penalty"]) -> int:
    """The first penalty, the largest, within one standard error of the best."""
    mean = losses.mean(axis=0)
    best = int(mean.argmin())
    error = losses[:, best].std(ddof=1) / np.sqrt(len(losses))
    return int(np.flatnonzero(mean <= mean[best] + error)[0])


def _set_at(path: Path, place: int, x: Float[np.ndarray, "document candidate"]) -> SparseSet:
    """What one fit of a path keeps, in order of entry; of those that enter together the largest weight is first."""
    standard = path.weight[place] * x[:, path.column].std(axis=0)
    step = (path.weight != 0).argmax(axis=0)
    order = np.lexsort((-np.abs(standard), step))
    kept = order[standard[order] != 0]
    return SparseSet(
        path.column[kept], path.weight[place][kept], standard[kept], path.copies[kept], float(path.bias[place])
    )
