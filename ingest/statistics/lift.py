"""How much more often a feature fires on the tokens of one side: densities, lifts and their intervals by group.

A group's tokens are one draw: the variance of a density is that of a ratio of
totals over groups, and intervals are taken on the log scale (the logit, for a
share). Half a firing group of the feature's usual size is added to each side of
an interval, so that a side on which it never fires still bounds the lift.

Source: Cochran 1977, chapters 6 and 9A (ratio of cluster totals, by linearisation);
Haldane 1956 and Anscombe 1956 for the half.
"""

from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import expit
from scipy.stats import t as student

from ingest.statistics.bootstrap import CONFIDENCE
from ingest.statistics.groups import MIN_GROUPS

PerFeature = Float[np.ndarray, " n_features"]
PerGroup = Float[np.ndarray, " group"]
PerCell = Float[np.ndarray, "n_features group"]


class Estimate(NamedTuple):
    """A figure of each feature with its interval.

    Shapes: each (n_features,), NaN where it is not defined; high is infinite where nothing bounds it.
    """

    value: PerFeature
    low: PerFeature
    high: PerFeature


class Rates(NamedTuple):
    """What falls on each side: the amount a token, their ratio, and the positive side's share of all."""

    positive: Estimate
    control: Estimate
    lift: Estimate
    share: Estimate


class Side(NamedTuple):
    """The documents of one side by group.

    Shapes: order (document,), the side's documents, those of a group together; start, tokens (group,), where a
    group's documents begin in the order, and how many tokens they have; shared (both,), the groups on both sides.
    """

    order: Int[np.ndarray, " document"]
    start: Int[np.ndarray, " group"]
    tokens: PerGroup
    shared: Int[np.ndarray, " both"]

    def total(self, amounts: Float[np.ndarray, "n_features document"]) -> PerCell:
        """The sum over each group."""
        if not len(self.order):
            return np.zeros((len(amounts), 0))
        total: PerCell = np.add.reduceat(amounts[:, self.order], self.start, axis=1)
        return total


class Sides(NamedTuple):
    """Both sides of a comparison; a group may stand on both."""

    positive: Side
    control: Side

    @classmethod
    def of(
        cls,
        positive: Bool[np.ndarray, " document"],
        group: Int[np.ndarray, " document"],
        tokens: Int[np.ndarray, " document"],
        inside: Bool[np.ndarray, " document"],
    ) -> Self:
        """The sides of the documents that are `inside`. Units: tokens without BOS."""
        orders, names, starts = [], [], []
        for chosen in (positive & inside, ~positive & inside):
            place = np.flatnonzero(chosen)
            orders.append(place[np.argsort(group[place], kind="stable")])
            name, start = np.unique(group[orders[-1]], return_index=True)
            names.append(name)
            starts.append(start)
        _, *shared = np.intersect1d(names[0], names[1], assume_unique=True, return_indices=True)
        sizes = [
            np.add.reduceat(tokens[order].astype(float), start) if len(order) else np.zeros(0)
            for order, start in zip(orders, starts, strict=True)
        ]
        return cls(*map(Side, orders, starts, sizes, shared))


def rates_per_token(amounts: Float[np.ndarray, "n_features document"], sides: Sides) -> Rates:
    """Amounts, such as active tokens or their activation, per token on each side; NaN where a side is empty."""
    held = [side.total(amounts) for side in sides]
    firing = sum(np.count_nonzero(of, axis=1) for of in held)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = sum(of.sum(axis=1) for of in held) / firing / 2
        by_token = _Ratio.of(held, [side.tokens for side in sides], sides, half)
        by_group = _Ratio.of(held, [np.ones(len(side.start)) for side in sides], sides, half)
        lift = by_token.rates[0] / by_token.rates[1]
        share = by_token.totals[0] / (by_token.totals[0] + by_token.totals[1])
        share = np.where(min(by_token.sizes) > 0, share, np.nan)
        return Rates(
            by_token.rate(0),
            by_token.rate(1),
            _around(lift, *map(np.exp, by_token.log_interval(by_token.middle))),
            _around(share, *map(expit, by_group.log_interval(by_group.middle_of_totals))),
        )


class _Ratio(NamedTuple):
    """Totals over groups of given sizes on both sides, and how they vary from group to group.

    Shapes: totals, raised, variances hold (n_features,) a side; variances and covariance are those of the raised
    totals' logarithms; sizes and groups hold a number a side.
    """

    totals: list[PerFeature]
    raised: list[PerFeature]
    sizes: list[np.float64]
    groups: list[int]
    variances: list[PerFeature]
    covariance: PerFeature

    @classmethod
    def of(cls, held: list[PerCell], size: list[PerGroup], sides: Sides, half: PerFeature) -> Self:
        """Of the amounts by group on each side, the groups' sizes, and the half event that keeps a rate off 0."""
        totals = [of.sum(axis=1) for of in held]
        raised = [total + half for total in totals]
        sizes, groups = [of.sum() for of in size], [len(of) for of in size]  # a side may be empty: x / 0 is no error
        apart = [
            (cells - np.outer(total / whole, of)) / total[:, None]
            for cells, total, whole, of in zip(held, raised, sizes, size, strict=True)
        ]  # each group's distance from what its size makes it expect
        spread = [of / (of - 1) if of > 1 else np.nan for of in groups]
        variances = [
            more * (np.einsum("fg,fg->f", of, of) + 2 * (half / total) ** 2)
            for more, of, total in zip(spread, apart, raised, strict=True)
        ]
        shared = [of[:, side.shared] for of, side in zip(apart, sides, strict=True)]
        covariance = np.sqrt(spread[0] * spread[1]) * np.einsum("fg,fg->f", *shared)
        return cls(totals, raised, sizes, groups, variances, covariance)

    @property
    def rates(self) -> list[PerFeature]:
        """The amount per unit of size on each side."""
        return [total / size for total, size in zip(self.totals, self.sizes, strict=True)]

    @property
    def middle_of_totals(self) -> PerFeature:
        """The logarithm of the ratio of the raised totals."""
        middle: PerFeature = np.log(self.raised[0] / self.raised[1])
        return middle

    @property
    def middle(self) -> PerFeature:
        """The logarithm of the ratio of the raised rates."""
        middle: PerFeature = self.middle_of_totals + np.log(self.sizes[1] / self.sizes[0])
        return middle

    def rate(self, side: int) -> Estimate:
        """One side's amount per unit of size."""
        reach = _quantile([self.groups[side]]) * np.sqrt(np.maximum(self.variances[side], 0))
        middle = np.log(self.raised[side] / self.sizes[side])
        found = _around(self.rates[side], np.exp(middle - reach), np.exp(middle + reach))
        return found._replace(low=np.where(found.value == 0, np.minimum(found.low, 0), found.low))

    def log_interval(self, middle: PerFeature) -> tuple[PerFeature, PerFeature]:
        """The interval about the logarithm of the ratio of both sides."""
        variance = self.variances[0] + self.variances[1] - 2 * self.covariance
        reach = _quantile(self.groups) * np.sqrt(np.maximum(variance, 0))
        return middle - reach, middle + reach


def _quantile(groups: list[int]) -> float:
    """Student's t with one degree of freedom less than the fewer groups; NaN for too few of them."""
    fewest = min(groups)
    return float(student.ppf((1 + CONFIDENCE) / 2, fewest - 1)) if fewest >= MIN_GROUPS else float("nan")


def _around(value: PerFeature, low: PerFeature, high: PerFeature) -> Estimate:
    """The interval, stretched to hold the value; none where the value is not defined."""
    known = np.where(np.isnan(value), np.nan, 0)
    return Estimate(value, np.minimum(low, value) + known, np.maximum(high, value) + known)
