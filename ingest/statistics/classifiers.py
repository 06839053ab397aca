"""What one feature by itself tells of a document, for every feature at once: a threshold, and the k = 1 sparse probe.

A threshold is one of a feature's own scores above 0, that of the largest F1, so that a silent document is never
called; `classifier_scores` counts what a rule calls. The probe is logistic regression on a feature's mean activation.
Its objective is scikit-learn's default, sum of log losses + weight^2 / 2 with a free bias, by Newton's method.
Documents on which a feature is silent have x = 0 and enter by their number.

Source: SAEBench (Karvonen et al. 2025), sparse probing; `sklearn.linear_model.LogisticRegression()`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import expit

from ingest.statistics.rank_sum import tie_groups


class Judgement(NamedTuple):
    """How well a rule finds the positive documents.

    Shapes: each (n_features,). NaN where a ratio is 0 / 0: precision if nothing is called, recall and F1 if
    there is nothing to find; F1 counts as 0 where something is there and nothing is called.
    """

    precision: Float[np.ndarray, " n_features"]
    recall: Float[np.ndarray, " n_features"]
    f1: Float[np.ndarray, " n_features"]


def best_threshold(
    feature: Int[np.ndarray, " row"],
    score: Float[np.ndarray, " row"],
    positive: Bool[np.ndarray, " row"],
    n_positive: int,
    n_features: int,
) -> Float[np.ndarray, " n_features"]:
    """Each feature's threshold of the largest F1, the highest of equally good ones; NaN if it never fires."""
    found = tie_groups(feature, score)
    n_ties = found.total(np.ones(len(feature)))
    hits = found.total(positive)
    fires = np.bincount(feature, minlength=n_features)
    fires_positive = np.bincount(feature[positive], minlength=n_features)
    called = fires[found.feature] - found.below(n_ties)
    f1 = 2 * (fires_positive[found.feature] - found.below(hits)) / (called + n_positive)
    ranked = np.lexsort((found.score, f1, found.feature))
    last = np.flatnonzero(np.diff(found.feature[ranked], append=-1))
    threshold = np.full(n_features, np.nan)
    threshold[found.feature[ranked[last]]] = found.score[ranked[last]]
    return threshold


def classifier_scores(
    feature: Int[np.ndarray, " called"], positive: Bool[np.ndarray, " called"], n_positive: int, n_features: int
) -> Judgement:
    """Precision, recall and F1 from the (feature, document) pairs that a rule calls."""
    called = np.bincount(feature, minlength=n_features).astype(float)
    hits = np.bincount(feature[positive], minlength=n_features).astype(float)
    with np.errstate(invalid="ignore"):
        return Judgement(hits / called, hits / np.float64(n_positive), 2 * hits / (called + n_positive))


ITERATIONS = 100
HALVINGS = 30
TOLERANCE = 1e-12
"""Newton's last step promised less than this, in nats: what is left is far smaller."""
ROUNDING = 1e-12


class Probe(NamedTuple):
    """A probe calls x positive where weight * x + bias > 0.

    Shapes: each (n_features,).
    """

    weight: Float[np.ndarray, " n_features"]
    bias: Float[np.ndarray, " n_features"]


class _Data(NamedTuple):
    feature: Int[np.ndarray, " row"]
    x: Float[np.ndarray, " row"]
    positive: Bool[np.ndarray, " row"]
    silent_positive: Float[np.ndarray, " n_features"]
    silent: Float[np.ndarray, " n_features"]

    def total(self, values: Float[np.ndarray, " row"]) -> Float[np.ndarray, " n_features"]:
        return np.bincount(self.feature, weights=values, minlength=len(self.silent))


def fit_probe(
    feature: Int[np.ndarray, " row"],
    x: Float[np.ndarray, " row"],
    positive: Bool[np.ndarray, " row"],
    groups: tuple[int, int],
    n_features: int,
) -> Probe:
    """The probe of each feature; `x` holds the mean activations above 0.

    Raises:
        ValueError: a group is empty.
    """
    if min(groups) == 0:
        raise ValueError("a probe needs documents in both groups")
    silent_positive = groups[0] - np.bincount(feature[positive], minlength=n_features).astype(float)
    silent = sum(groups) - np.bincount(feature, minlength=n_features).astype(float)
    data = _Data(feature, x.astype(float), positive, silent_positive, silent)
    weight, bias = np.zeros(n_features), np.full(n_features, np.log(groups[0] / groups[1]))
    loss = _loss(data, weight, bias)
    for _ in range(ITERATIONS):
        step, size = _newton_step(data, weight, bias)
        weight, bias, loss = _descend(data, (weight, bias, loss), step)
        if size.max(initial=0) < TOLERANCE:
            break
    return Probe(weight, bias)


def probe_calls(
    probe: Probe, feature: Int[np.ndarray, " row"], x: Float[np.ndarray, " row"]
) -> Bool[np.ndarray, " row"]:
    """Which rows a probe calls positive; a silent document is called where the bias is above 0."""
    calls: Bool[np.ndarray, " row"] = probe.weight[feature] * x + probe.bias[feature] > 0
    return calls


def _loss(
    data: _Data, weight: Float[np.ndarray, " n_features"], bias: Float[np.ndarray, " n_features"]
) -> Float[np.ndarray, " n_features"]:
    z = weight[data.feature] * data.x + bias[data.feature]
    fired = data.total(np.logaddexp(0, z) - np.where(data.positive, z, 0))
    silent = data.silent * np.logaddexp(0, bias) - data.silent_positive * bias
    loss: Float[np.ndarray, " n_features"] = fired + silent + weight**2 / 2
    return loss


def _newton_step(
    data: _Data, weight: Float[np.ndarray, " n_features"], bias: Float[np.ndarray, " n_features"]
) -> tuple[tuple[np.ndarray, np.ndarray], Float[np.ndarray, " n_features"]]:
    """The step in (weight, bias), and the decrease it promises."""
    chance = expit(weight[data.feature] * data.x + bias[data.feature])
    miss, spread = chance - data.positive, chance * (1 - chance)
    base = expit(bias)
    slope = data.total(miss * data.x) + weight, data.total(miss) + data.silent * base - data.silent_positive
    ww = data.total(spread * data.x**2) + 1
    wb = data.total(spread * data.x)
    bb = data.total(spread) + data.silent * base * (1 - base)
    determinant = ww * bb - wb**2
    step = (
        (wb * slope[1] - bb * slope[0]) / determinant,
        (wb * slope[0] - ww * slope[1]) / determinant,
    )
    return step, -(slope[0] * step[0] + slope[1] * step[1])


def _descend(
    data: _Data, place: tuple[np.ndarray, np.ndarray, np.ndarray], step: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take the step, halved for the features whose loss it would raise."""
    weight, bias, loss = place
    scale = np.ones(len(weight))
    for _ in range(HALVINGS):
        moved = weight + scale * step[0], bias + scale * step[1]
        lower = _loss(data, *moved)
        raised = lower > loss * (1 + ROUNDING)
        if not raised.any():
            break
        scale[raised] /= 2
    else:
        scale[raised] = 0
        moved = weight + scale * step[0], bias + scale * step[1]
        lower = _loss(data, *moved)
    return *moved, lower
