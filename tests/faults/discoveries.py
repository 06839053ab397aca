"""How often anything is found where labels mean nothing, at every size of the sides; and what is found where it is."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ingest.statistics.permutation import LEVEL, observed_p
from ingest.statistics.rank_sum import benjamini_hochberg
from ingest.statistics.shuffles import Rows, Units, rank_lifts, shuffled_units
from tests.made.relabelled import SIZES, Found, random_scores, rank_sums, signed_ranks
from tests.made.relabelled_numbers import associations, q_of

Report = dict[str, object]
FEATURES = 2000
BOOKS = ((12, 3), (20, 10), (40, 6), (60, 30))
"""Books, and how many are positive."""

WINDOWED = ((4, 164), (15, 241), (45, 211), (128, 128))
"""Positive and control documents, of which one window in up to twenty is compared."""

PLANTED = (4, 6, 8, 10, 12, 15, 20, 30)
"""Positive documents, against four times as many."""

BEARING = (20, 30, 40, 60, 80, 120)
"""Documents with a number, or of three even classes, among which a planted feature is looked for."""

TRIALS = 20


def discoveries(relabellings: int, seed: int) -> Iterator[Report]:
    """So many relabellings of each size and kind; then the power."""
    rng = np.random.default_rng(seed)
    for n_positive, n_control in SIZES:
        n = n_positive + n_control
        units = shuffled_units(np.arange(n), np.arange(n) < n_positive)
        yield _report(f"{n_positive}:{n_control}", partial(rank_sums, _scores(rng, n), units, relabellings))
    for n_positive, n_control in WINDOWED:
        n = n_positive + n_control
        units = shuffled_units(np.arange(n), np.arange(n) < n_positive)
        what = f"{n_positive}:{n_control}, one window of each"
        yield _report(what, partial(rank_sums, _windows(rng, n), units, relabellings))
    for books, positive in BOOKS:
        book = np.sort(rng.integers(0, books, 256))
        units = shuffled_units(book, book < positive)
        yield _report(
            f"{positive} of {books} books",
            partial(rank_sums, random_scores(rng, FEATURES, 256, book), units, relabellings),
        )
        yield from _by_group(rng, f"{positive} of {books} books", units, book, relabellings)
    pairs = shuffled_units(np.arange(128) // 2, np.arange(128) % 2 == 0)
    yield _report("64 pairs", partial(rank_sums, _scores(rng, 128), pairs, relabellings))
    strata = shuffled_units(np.arange(256), np.arange(256) < 30, rng.integers(0, 5, 256))
    yield _report("30:226 in five strata", partial(rank_sums, _scores(rng, 256), strata, relabellings))
    yield _report("paired test, 64 pairs", partial(signed_ranks, _scores(rng, 128), max(1, relabellings // 20)))
    yield from _associations(rng, max(1, relabellings // 10))
    yield {"suite": "discoveries", "what": "power", **_power(rng), "faults": []}
    yield {"suite": "discoveries", "what": "power of associations", **_power_of_associations(rng), "faults": []}


def _by_group(
    rng: np.random.Generator, what: str, units: Units, book: np.ndarray, relabellings: int
) -> Iterator[Report]:
    """What describes a contrast and calls nothing: how often features fire, and lengths, each a test by itself."""
    fires = (random_scores(rng, FEATURES, len(book), book) > 0).astype(np.float32)
    yield _report(f"{what}, fires or not", partial(rank_sums, fires, units, relabellings))
    length = 60 + 20 * rng.normal(size=book.max() + 1)[book] + 5 * rng.normal(size=len(book))
    tokens = np.maximum(1, length).astype(np.int32).astype(np.float32)[None]
    yield _report(f"{what}, length", partial(rank_sums, tokens, units, relabellings))


def _associations(rng: np.random.Generator, relabellings: int) -> Iterator[Report]:
    """Numbers and classes of documents that mean nothing: tied, sparse, unbalanced, of books, and within groups."""
    n = 256
    alone, quarter, book = np.arange(n), np.arange(n) // 4, np.sort(rng.integers(0, 40, n))
    asked = {
        "a number": (alone, rng.normal(size=n)),
        "a number of four values": (alone, rng.integers(0, 4, n).astype(float)),
        "a number that 9 of 256 have": (alone, np.where(alone < 9, alone, 0).astype(float)),
        "a number of 40 books": (book, rng.normal(size=40)[book]),
        "a number within 64 groups": (quarter, rng.normal(size=n)),
        "classes of 4, 12 and 240": (alone, np.digitize(alone, [4, 16])),
        "six even classes": (alone, alone % 6),
        "five classes of 40 books": (book, (np.arange(40) % 5)[book]),
        "three classes within 64 groups": (quarter, rng.integers(0, 3, n)),
    }
    for what, (group, label) in asked.items():
        scores = random_scores(rng, 500, n, book if group is book else None)
        yield _report(what, partial(associations, scores, group, label, relabellings))


def _scores(rng: np.random.Generator, n_documents: int) -> np.ndarray:
    return random_scores(rng, FEATURES, n_documents)


def _windows(rng: np.random.Generator, n_documents: int) -> np.ndarray:
    """Scores of one window of each document: silent where the feature fires in another one, of 1 to 20 of them."""
    scores = _scores(rng, n_documents)
    windows = rng.integers(1, 21, n_documents)
    return np.where(rng.random(scores.shape) < 1 / windows, scores, np.float32(0))


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
        units, hits = shuffled_units(np.arange(len(positive)), positive), 0
        for _ in range(TRIALS):
            scores = random_scores(rng, FEATURES, len(positive))
            scores[0] = (rng.random(len(positive)) < np.where(positive, 0.9, 0.05)) * rng.gamma(2.0, size=len(positive))
            feature, unit = np.nonzero(scores)
            p = observed_p(rank_lifts(Rows(feature, unit, scores[feature, unit]), units, FEATURES), units)
            hits += benjamini_hochberg(p)[0] <= LEVEL
        found[f"{n_positive}:{4 * n_positive}"] = float(hits / TRIALS)
    return {"found, firing in 90 % of positive and 5 % of control documents": found}


def _power_of_associations(rng: np.random.Generator) -> dict[str, object]:
    """How often a planted feature is found among 200, by the number of documents."""
    found: dict[str, dict[str, float]] = {"following a number, rank correlation about 0.6": {}}
    found["firing in 90 % of one of three classes and 5 % of the others"] = {}
    for n in BEARING:
        number, classes, hits = rng.normal(size=n), np.arange(n) % 3, np.zeros(2)
        for _ in range(TRIALS):
            scores = random_scores(rng, 200, n)
            scores[0] = np.exp(0.75 * number + rng.normal(size=n))
            hits[0] += q_of(scores, np.arange(n), number)[0] <= LEVEL
            scores[0] = (rng.random(n) < np.where(classes == 0, 0.9, 0.05)) * rng.gamma(2.0, size=n)
            hits[1] += q_of(scores, np.arange(n), classes)[0] <= LEVEL
        for rates, hit in zip(found.values(), hits, strict=True):
            rates[str(n)] = float(hit / TRIALS)
    return {"found": found}
