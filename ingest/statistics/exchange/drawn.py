"""p where one side has few units: the distribution of the sum of so many lifts drawn without replacement.

Source: Pagano & Tritchler 1983, "On obtaining permutation distributions in polynomial time": the sum's
distribution from its Fourier transform. The transform of all choices of k is an elementary symmetric polynomial,
which Newton's identities give from power sums.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.fft import fft, irfft, next_fast_len
from scipy.special import comb

from ingest.statistics.exchange.asked import ROUNDING, Asked

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
