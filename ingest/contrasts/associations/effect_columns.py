"""The figures of feature_target, a feature against a number, and of feature_classes and feature_class, between them."""

import numpy as np
from jaxtyping import Bool, Float, Int

from ingest.contrasts.associations.question import Asked
from ingest.contrasts.confirmation import SEED, groups_fired_in
from ingest.contrasts.feature_columns import Columns
from ingest.contrasts.scores import Scores
from ingest.statistics.association import Classes, kruskal_wallis, rank_correlation, ranks_of
from ingest.statistics.bootstrap import auroc_intervals, resample_weights, tail_share
from ingest.statistics.groups import MIN_GROUPS
from ingest.statistics.shuffles import Rows
from ingest.statistics.trend_interval import Drawn, trend_intervals

UNKNOWN = -1
"""Stands for NULL among whole numbers."""


class Targets:
    """What is needed to compute the figures of one range of features after the other."""

    def __init__(self, asked: Asked, resamples: int) -> None:
        self.asked = asked
        self.discovery, self.judged = (asked.half(confirmation=half) for half in (False, True))
        documents = self.judged.documents
        self.judges = self.judged.groups >= MIN_GROUPS
        if self.judges:
            weights = resample_weights(documents.group, documents.positive, resamples, SEED)
            self.drawn = Drawn(self.judged.label, weights)

    def columns(self, scores: Scores) -> Columns:
        """The figures of a range of features."""
        return {"rho": _rho(scores, self.asked.label), **self._discovered(scores), **self._judged(scores)}

    def _discovered(self, scores: Scores) -> Columns:
        if self.discovery.groups < MIN_GROUPS:
            return {"rho_discovery": _nothing(scores)}
        return {"rho_discovery": _rho(scores.within_half(confirmation=False), self.discovery.label)}

    def _judged(self, scores: Scores) -> Columns:
        if not self.judges:
            return {name: _nothing(scores) for name in ("rho_confirmation", "rho_low", "rho_high")}
        half = scores.within_half(confirmation=True)
        firing = half.firing
        interval = trend_intervals(
            firing.feature,
            firing.document,
            firing.score,
            self.drawn,
            groups_fired_in(firing) >= MIN_GROUPS,
            tail=tail_share((self.judged.groups,)),
        )
        rho = _rho(half, self.judged.label)
        return {"rho_confirmation": rho, "rho_low": interval.low, "rho_high": interval.high}


def finished_target_associations(columns: Columns, chosen: Int[np.ndarray, " seen"]) -> Columns:
    """What is known of all features together: whether each is confirmed (-1 where unknown), and its place."""
    said, low, high = columns["rho_discovery"], columns["rho_low"], columns["rho_high"]
    confirmed = np.where(said > 0, low > 0, (said < 0) & (high < 0))
    effect = np.abs(np.where(np.isfinite(said), said, columns["rho"]))
    unknown = ~np.isfinite(said) | ~np.isfinite(low)
    return {
        "confirmed": np.where(unknown, UNKNOWN, confirmed).astype(np.int8),
        "place_discovery": association_places(effect, chosen, columns["feature"]),
    }


def association_places(effect: np.ndarray, chosen: np.ndarray, feature: np.ndarray) -> Int[np.ndarray, " seen"]:
    """The place of each feature, from 1: tested ones by the size of their effect, then the others."""
    order = np.lexsort((feature, -effect, ~chosen))
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(1, len(order) + 1)
    return place


def _rho(scores: Scores, label: np.ndarray) -> np.ndarray:
    firing = scores.firing
    rows = Rows(firing.feature, firing.document, firing.score)
    return rank_correlation(ranks_of(rows, len(label), len(scores)), label)


def _nothing(scores: Scores) -> np.ndarray:
    return np.full(len(scores), np.nan)


class ClassFigures:
    """What is needed to compute the figures of one range of features after the other."""

    def __init__(self, asked: Asked, resamples: int) -> None:
        self.asked = asked
        self.discovery, self.judged = (asked.half(confirmation=half) for half in (False, True))
        self.discovers, self.judges = (half.groups >= MIN_GROUPS for half in (self.discovery, self.judged))
        self.sides = [self.judged.label == number for number in range(asked.n_classes)]
        group = self.judged.documents.group
        self.weights = [resample_weights(group, side, resamples, SEED) for side in self.sides] if self.judges else []

    def columns(self, scores: Scores) -> Columns:
        """The figures of a range of features."""
        everywhere, found, best = self._of(scores, self.asked), self._discovered(scores), self._judged(scores)
        chosen = np.where(np.isfinite(found.auroc), found.auroc, -1).argmax(axis=1)
        each = np.arange(len(scores))
        interval = self._interval(scores, chosen)
        return {
            "h": everywhere.h,
            "epsilon_squared": everywhere.epsilon_squared,
            "epsilon_discovery": found.epsilon_squared,
            "epsilon_confirmation": best.epsilon_squared,
            "best_class": np.where(self.discovers, chosen, UNKNOWN).astype(np.int16),
            "auroc_discovery": found.auroc[each, chosen],
            "auroc": best.auroc[each, chosen] if self.discovers else np.full(len(scores), np.nan),
            "auroc_low": interval[0],
            "auroc_high": interval[1],
        }

    def rows(self, scores: Scores, chosen: Bool[np.ndarray, " n_features"], names: tuple[str, ...]) -> Columns:
        """A row for each tested feature of the range and each class."""
        firing, n = scores.firing, self.asked.n_classes
        fires = np.bincount(firing.feature * n + self.asked.label[firing.document], minlength=len(scores) * n)
        parts = [self._of(scores, self.asked), self._discovered(scores), self._judged(scores)]
        features = np.flatnonzero(chosen)
        aurocs = [part.auroc[features].ravel() for part in parts]
        number = np.tile(np.arange(n, dtype=np.int16), len(features))
        return {
            "feature": np.repeat((scores.features.start + features).astype(np.int32), n),
            "class": number,
            "name": np.asarray(names, dtype=object)[number],
            "documents": np.bincount(self.asked.label, minlength=n).astype(np.int32)[number],
            "fires": fires.reshape(-1, n)[features].ravel().astype(np.int32),
            "auroc": aurocs[0],
            "auroc_discovery": aurocs[1],
            "auroc_confirmation": aurocs[2],
        }

    def _of(self, scores: Scores, asked: Asked) -> Classes:
        firing = scores.firing
        rows = Rows(firing.feature, firing.document, firing.score)
        return kruskal_wallis(ranks_of(rows, len(asked.label), len(scores)), asked.label, asked.n_classes)

    def _discovered(self, scores: Scores) -> Classes:
        if not self.discovers:
            return self._nothing(scores)
        return self._of(scores.within_half(confirmation=False), self.discovery)

    def _judged(self, scores: Scores) -> Classes:
        if not self.judges:
            return self._nothing(scores)
        return self._of(scores.within_half(confirmation=True), self.judged)

    def _interval(self, scores: Scores, best: Int[np.ndarray, " n_features"]) -> Float[np.ndarray, "2 n_features"]:
        """The interval of the AUROC of the chosen class on the confirmation half."""
        found = np.full((2, len(scores)), np.nan)
        if not (self.judges and self.discovers):
            return found
        half = scores.within_half(confirmation=True)
        firing, group = half.firing, half.documents.group
        enough = groups_fired_in(firing) >= MIN_GROUPS
        for number, side in enumerate(self.sides):
            wanted = enough & (best == number)
            groups = len(np.unique(group[side])), len(np.unique(group[~side]))
            rows = firing.feature, firing.score, firing.document
            interval = auroc_intervals(*rows, side, self.weights[number], wanted, tail=tail_share(groups))
            found[:, wanted] = interval.low[wanted], interval.high[wanted]
        return found

    def _nothing(self, scores: Scores) -> Classes:
        one = np.full(len(scores), np.nan)
        return Classes(one, one, np.full((len(scores), self.asked.n_classes), np.nan))


def finished_class_associations(columns: Columns, chosen: Bool[np.ndarray, " seen"]) -> Columns:
    """The place of each feature, by the discovery half, or by all documents where it is too small."""
    said = columns["epsilon_discovery"]
    effect = np.where(np.isfinite(said), said, columns["epsilon_squared"])
    return {"place_discovery": association_places(effect, chosen, columns["feature"])}
