"""Detection: how far scores of contexts tell those in which a feature fires from those in which it is silent.

Intervals are those of the Bayesian bootstrap over groups of documents: each draw gives every group an exponential
weight, the same for its firing and its silent contexts. As in `ingest.statistics.bootstrap`, less is left out at their
ends where groups are few. So that groups which all say the same are no proof that every group does, each side has half
a group more that is called firing as surely as can be, and half a group that is called silent: the Jeffreys prior.

Source: Rubin 1981, "The Bayesian bootstrap"; Brown, Cai & DasGupta 2001, "Interval Estimation for a Binomial
Proportion", for the prior; detection as in Paulo et al. 2024, arXiv 2410.13928, section 3.3.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ingest.statistics.bootstrap import RESAMPLES, tail_share
from ingest.statistics.groups import MIN_GROUPS

UNSEEN = 0.5
"""Groups of either kind that a side is taken to have beside those that were seen."""

EXTREMES = (np.inf, -np.inf)
"""The scores of these."""

AREAS = "rf,fs,rs->r"
"""How much of each draw's weight lies on pairs that are won: draws r, contexts that fire f, silent ones s."""


@dataclass(frozen=True)
class Detection:
    """How well a judge tells firing contexts from silent ones; `low` and `high` bound intervals at level 0.95."""

    balanced_accuracy: float
    balanced_accuracy_low: float
    balanced_accuracy_high: float
    recall: float
    false_alarms: float
    auroc: float
    auroc_low: float
    auroc_high: float


Groups = tuple[Int[np.ndarray, " firing"], Int[np.ndarray, " silent"]]
Scores = tuple[Float[np.ndarray, " firing"], Float[np.ndarray, " silent"]]


def label_aurocs(
    firing: Float[np.ndarray, "firing label"], silent: Float[np.ndarray, "silent label"]
) -> Float[np.ndarray, " label"]:
    """The AUROC of each label's scores, firing against silent contexts; ties count half."""
    won = _won(firing[:, None], silent[None])
    areas: Float[np.ndarray, " label"] = won.mean(axis=(0, 1))
    return areas


def detection_figures(scores: Scores, groups: Groups, seed: int) -> Detection:
    """The figures of scores that firing and silent contexts of so many groups have; above 0 a judge calls firing.

    Shapes: scores and groups hold (firing,) and (silent,).
    """
    firing, silent = scores
    recall, alarms = float((firing > 0).mean()), float((silent > 0).mean())
    balanced, area = (recall + 1 - alarms) / 2, float(_won(firing[:, None], silent[None]).mean())
    tail = tail_share((len(np.unique(groups[0])), len(np.unique(groups[1]))))
    bounds = np.quantile(_drawn(scores, groups, seed), [tail, 1 - tail], axis=1)
    low = np.minimum(bounds[0], (balanced, area))
    high = np.maximum(bounds[1], (balanced, area))
    return Detection(
        balanced_accuracy=balanced,
        balanced_accuracy_low=float(low[0]),
        balanced_accuracy_high=float(high[0]),
        recall=recall,
        false_alarms=alarms,
        auroc=area,
        auroc_low=float(low[1]),
        auroc_high=float(high[1]),
    )


def enough_groups(groups: Groups) -> bool:
    """Whether there are groups enough on both sides for figures."""
    return min(len(np.unique(side)) for side in groups) >= MIN_GROUPS


def _drawn(scores: Scores, groups: Groups, seed: int) -> Float[np.ndarray, "two resample"]:
    """Balanced accuracy and AUROC in each draw."""
    firing, silent = (np.append(side, EXTREMES) for side in scores)
    on, off = _weights(groups, seed)
    balanced = (on @ (firing > 0) + 1 - off @ (silent > 0)) / 2
    areas = np.einsum(AREAS, on, _won(firing[:, None], silent[None]), off, optimize=_way(*on.shape, off.shape[1]))
    drawn: Float[np.ndarray, "two resample"] = np.clip([balanced, areas], 0.0, 1.0)  # weights sum to 1 but for rounding
    return drawn


@cache
def _way(draws: int, firing: int, silent: int) -> list[Any]:
    """The cheapest order of products of these shapes; looking for it takes as long as the products."""
    shapes = (draws, firing), (firing, silent), (draws, silent)
    way: list[Any] = np.einsum_path(AREAS, *map(np.empty, shapes))[0]
    return way


def _weights(
    groups: Groups, seed: int
) -> tuple[Float[np.ndarray, "resample firing+2"], Float[np.ndarray, "resample silent+2"]]:
    """The weight of each context in each draw, that of its group, and of the unseen ones; each draw's sum to 1."""
    rng = np.random.default_rng(seed)
    numbers, member = np.unique(np.concatenate(groups), return_inverse=True)
    drawn = np.take(rng.standard_exponential((RESAMPLES, len(numbers))), member, axis=1)
    sides = []
    for side, seen in zip(groups, np.split(drawn, [len(groups[0])], axis=1), strict=True):
        unseen = rng.gamma(UNSEEN, len(side) / len(np.unique(side)), (RESAMPLES, len(EXTREMES)))
        weights = np.concatenate([seen, unseen], axis=1)
        weights /= weights.sum(axis=1, keepdims=True)
        sides.append(weights)
    return sides[0], sides[1]


def _won(
    firing: Float[np.ndarray, "firing one *label"], silent: Float[np.ndarray, "one silent *label"]
) -> Float[np.ndarray, "firing silent *label"]:
    won: Float[np.ndarray, "firing silent *label"] = (firing > silent) + (firing == silent) / 2
    return won
