"""p where all ways to exchange labels can be counted: one side has few units, or few stand out of the largest tie.

Where a side is small, the distribution of the sum of so many lifts drawn without replacement comes from its Fourier
transform: that of all choices of k is an elementary symmetric polynomial, which Newton's identities give from power
sums. Where few units stand out, every way to label them counts with its chance.

Source: Pagano & Tritchler 1983, "On obtaining permutation distributions in polynomial time"; Lee, Fuchsberger, Kim &
Scott 2016, "An efficient resampling method for calibrating single and gene-based rare variant association analysis in
case-control studies": where few carry a variant, the ways in which they can be cases are few.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from scipy.fft import fft, irfft, next_fast_len
from scipy.sparse import csr_array
from scipy.special import comb

from ingest.statistics.shuffles.rank_lifts import ROUNDING, Asked, Strata
from ingest.statistics.shuffles.units import Units

FEW = 8
"""Where one side has so few units, the sums of so many ranks are counted."""

LEVELS = 400
"""A lift is one of at most so many when sums are counted; beyond 200 units it is rounded, and p with it, upward."""

LEAST = 1e-12
"""No p from counted sums is smaller: what the Fourier transform leaves of their precision."""


def drawn_p(lift: Float[np.ndarray, "block unit"], drawn: int, asked: Asked) -> Float[np.ndarray, " pair"]:
    """p from the distribution of the sum of a few lifts drawn without replacement."""
    lowest = lift.min(axis=1, keepdims=True)
    scale = np.minimum(2, LEVELS / np.maximum(np.ptp(lift, axis=1, keepdims=True), 0.5))
    exact = (lift - lowest) * scale
    level = np.rint(exact)
    chance = _sums(level.astype(np.int64), drawn)
    middle = drawn * exact.mean(axis=1)
    slack = np.where(scale[:, 0] < 2, drawn / 2, 0) + ROUNDING * lift.shape[1]
    beyond = asked.distance * scale[asked.feature, 0] - slack[asked.feature]
    last = np.clip(np.floor(middle[asked.feature] - beyond), -1, chance.shape[1] - 1).astype(int)
    first = np.clip(np.ceil(middle[asked.feature] + beyond), last + 1, chance.shape[1]).astype(int)
    below = np.pad(np.cumsum(chance, axis=1), ((0, 0), (1, 0)))
    above = np.pad(np.cumsum(chance[:, ::-1], axis=1), ((0, 0), (1, 0)))[:, ::-1]
    p: Float[np.ndarray, " pair"] = np.clip(below[asked.feature, last + 1] + above[asked.feature, first], LEAST, 1)
    return p


def _sums(level: Int[np.ndarray, "block unit"], drawn: int) -> Float[np.ndarray, "block sum"]:
    """The distribution of the sum of `drawn` levels: the elementary symmetric polynomial of x^level.

    It comes from the power sums by Newton's identities, at the roots of one that a Fourier transform stands for.
    """
    n_features, n = level.shape
    length = next_fast_len(drawn * int(level.max()) + 1, real=True)
    counts = np.bincount((level + length * np.arange(n_features)[:, None]).ravel(), minlength=n_features * length)
    spectrum = fft(counts.reshape(n_features, length).astype(float), axis=1)
    root = np.arange(length // 2 + 1)
    powers = [spectrum[:, root * times % length] for times in range(1, drawn + 1)]
    elementary = [np.ones_like(powers[0])]
    for size in range(1, drawn + 1):
        total = np.zeros_like(powers[0])
        for times in range(1, size + 1):
            total += (-1) ** (times - 1) * elementary[size - times] * powers[times - 1]
        elementary.append(total / size)
    chance: Float[np.ndarray, "block sum"] = np.maximum(irfft(elementary[drawn], length, axis=1), 0) / comb(n, drawn)
    return chance


def enumerated_p(
    by_unit: csr_array, units: Units, strata: Strata, mean: Float[np.ndarray, " block"], asked: Asked
) -> Float[np.ndarray, " pair"]:
    """p from every way to label the units that stand out; all features of the block have as many of them."""
    n_features, m = len(mean), int(by_unit.indptr[1])
    unit, lift = by_unit.indices.reshape(n_features, m), by_unit.data.reshape(n_features, m)
    order = np.argsort(units.stratum[unit], axis=1, kind="stable")
    stratum = np.take_along_axis(units.stratum[unit], order, axis=1)
    lift = np.take_along_axis(lift, order, axis=1)
    sums, chance = np.zeros((n_features, 1)), np.ones((n_features, 1))
    positives, before = np.zeros((n_features, 1)), np.zeros(n_features)
    for place in range(m):
        same = stratum[:, place] == stratum[:, place - 1] if place else np.zeros(n_features, dtype=bool)
        positives, before = np.where(same[:, None], positives, 0), np.where(same, before, 0)
        left = (strata.units[stratum[:, place]] - before)[:, None]
        share = np.clip((strata.positives[stratum[:, place]][:, None] - positives) / left, 0, 1)
        sums = np.concatenate([sums, sums + lift[:, place, None]], axis=1)
        chance = np.concatenate([chance * (1 - share), chance * share], axis=1)
        positives, before = np.concatenate([positives, positives + 1], axis=1), before + 1
    return _share_beyond(np.abs(sums - mean[:, None]), chance, asked, ROUNDING * len(units.positive))


def _share_beyond(
    distance: Float[np.ndarray, "feature way"],
    chance: Float[np.ndarray, "feature way"],
    asked: Asked,
    rounding: float,
) -> Float[np.ndarray, " pair"]:
    """The total chance of the ways at least as far out as each distance that is asked for."""
    order = np.argsort(-distance, axis=1)
    ascending = -np.take_along_axis(distance, order, axis=1)
    total = np.cumsum(np.take_along_axis(chance, order, axis=1), axis=1)
    p = np.empty(len(asked.feature))
    starts = np.searchsorted(asked.feature, np.arange(len(distance) + 1))
    for feature, (first, last) in enumerate(pairwise(starts)):
        reached = np.searchsorted(ascending[feature], rounding - asked.distance[first:last], side="right")
        p[first:last] = total[feature, np.maximum(reached, 1) - 1]
    return np.minimum(p, 1)
