"""What one half of the documents chooses, judged by the other where labels mean nothing, many times over."""

import time
from collections.abc import Iterator

import numpy as np
from scipy.stats import binom

from tests.made.apart import PRINTED, Judged, documents_of, judge, judge_set, mean_of, relabelled, scores_of

Report = dict[str, object]
FEATURES = 2000
KINDS = {
    "60 documents": (np.arange(60), 30, 0.0),
    "120 documents": (np.arange(120), 60, 0.0),
    "240 documents": (np.arange(240), 120, 0.0),
    "240 documents, 40 of them positive": (np.arange(240), 40, 0.0),
    "240 pieces of 40 books": (np.repeat(np.arange(40), 6), 120, 1.0),
    "300 pieces of 30 books of any length": (np.repeat(np.arange(30), np.arange(30) % 19 + 1), 120, 1.0),
}
"""The group of each document, how many are positive, and how much pieces of one book have in common."""

NOMINAL = PRINTED * 0.025
"""Intervals at level 0.95 that lie above the truth by chance."""


SURE = 0.025


def halves(runs: int, seed: int) -> Iterator[Report]:
    """So many relabellings of each kind."""
    for name, (group, n_positive, likes_books) in KINDS.items():
        began, rng = time.monotonic(), np.random.default_rng(seed)
        scores = scores_of(rng, documents_of(group, n_positive), FEATURES, likes_books)
        drawn = [relabelled(rng, scores) for _ in range(runs)]
        judged, sets = [judge(one) for one in drawn], [judge_set(one) for one in drawn]
        found, kept = mean_of(judged), np.mean([one.size > 0 for one in sets])
        sure = np.mean([one.confirmed for one in sets])
        yield {
            "suite": "halves",
            "what": f"{name}, {runs} relabellings",
            "relabellings": runs,
            "confirmed": round(found.confirmed, 2),
            "nominal": NOMINAL,
            "bias": round(found.bias, 4),
            "chosen on all documents": {"confirmed": round(found.all_confirmed, 2), "bias": round(found.all_bias, 4)},
            "sets": {"any feature": round(float(kept), 3), "confirmed": round(float(sure), 3), "nominal": SURE},
            "seconds": round(time.monotonic() - began, 1),
            "faults": [*_faults(found, judged), *_set_faults(float(sure), runs)],
        }


def _faults(found: Judged, judged: list[Judged]) -> Iterator[str]:
    """Means that chance does not explain, at three standard errors; the bootstrap may confirm half as many again."""
    errors = {
        name: float(np.std([vars(one)[name] for one in judged])) / len(judged) ** 0.5 for name in ("confirmed", "bias")
    }
    if found.confirmed > 1.5 * NOMINAL + 3 * errors["confirmed"]:
        yield f"{found.confirmed:.2f} of {PRINTED} confirmed"
    if abs(found.bias) > 3 * errors["bias"] + 0.005:
        yield f"AUROC off by {found.bias:.4f}"


def _set_faults(sure: float, runs: int) -> Iterator[str]:
    """Sets that are confirmed more often than chance explains, at one in a thousand."""
    if sure * runs > binom.ppf(0.999, runs, SURE):
        yield f"{sure:.3f} of the sets of features confirmed"
