"""How often anything is found where labels mean nothing, at every size of the sides; and what is found where it is."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ingest.statistics.exchange import Rows, lifts_of, units_of
from ingest.statistics.permutation import LEVEL, observed_p
from ingest.statistics.rank_sum import benjamini_hochberg
from tests.made.relabelled import SIZES, Found, random_scores, rank_sums, signed_ranks

Report = dict[str, object]
FEATURES = 2000
BOOKS = ((12, 3), (20, 10), (40, 6), (60, 30))
"""Books, and how many are positive."""

PLANTED = (4, 6, 8, 10, 12, 15, 20, 30)
"""Positive documents, against four times as many."""

TRIALS = 20


def discoveries(relabellings: int, seed: int) -> Iterator[Report]:
    """So many relabellings of each size and kind; then the power."""
    rng = np.random.default_rng(seed)
    for n_positive, n_control in SIZES:
        n = n_positive + n_control
        units = units_of(np.arange(n), np.arange(n) < n_positive)
        yield _report(f"{n_positive}:{n_control}", partial(rank_sums, _scores(rng, n), units, relabellings))
    for books, positive in BOOKS:
        book = np.sort(rng.integers(0, books, 256))
        units = units_of(book, book < positive)
        yield _report(
            f"{positive} of {books} books",
            partial(rank_sums, random_scores(rng, FEATURES, 256, book), units, relabellings),
        )
    pairs = units_of(np.arange(128) // 2, np.arange(128) % 2 == 0)
    yield _report("64 pairs", partial(rank_sums, _scores(rng, 128), pairs, relabellings))
    strata = units_of(np.arange(256), np.arange(256) < 30, rng.integers(0, 5, 256))
    yield _report("30:226 in five strata", partial(rank_sums, _scores(rng, 256), strata, relabellings))
    yield _report("paired test, 64 pairs", partial(signed_ranks, _scores(rng, 128), max(1, relabellings // 20)))
    yield {"suite": "discoveries", "what": "power", **_power(rng), "faults": []}


def _scores(rng: np.random.Generator, n_documents: int) -> np.ndarray:
    return random_scores(rng, FEATURES, n_documents)


def _report(what: str, find: Callable[[], Found]) -> Report:
    began = time.monotonic()
    found = find()
    return {
        "suite": "discoveries",
        "what": what,
        "relabellings": found.relabellings,
        "with any": {"q": round(found.stored, 4), "Benjamini and Hochberg alone": round(found.uncalibrated, 4)},
        "nominal": LEVEL,
        "seconds": round(time.monotonic() - began, 1),
        "faults": [] if found.within else [f"anything is found in {found.stored:.3f} of relabellings"],
    }


def _power(rng: np.random.Generator) -> dict[str, object]:
    """How often a planted feature is found among FEATURES, by the number of positive documents."""
    found = {}
    for n_positive in PLANTED:
        positive = np.arange(5 * n_positive) < n_positive
        units, hits = units_of(np.arange(len(positive)), positive), 0
        for _ in range(TRIALS):
            scores = random_scores(rng, FEATURES, len(positive))
            scores[0] = (rng.random(len(positive)) < np.where(positive, 0.9, 0.05)) * rng.gamma(2.0, size=len(positive))
            feature, unit = np.nonzero(scores)
            p = observed_p(lifts_of(Rows(feature, unit, scores[feature, unit]), units, FEATURES), units)
            hits += benjamini_hochberg(p)[0] <= LEVEL
        found[f"{n_positive}:{4 * n_positive}"] = float(hits / TRIALS)
    return {"found, firing in 90 % of positive and 5 % of control documents": found}
