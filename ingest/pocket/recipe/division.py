"""Which works are trained on and which are held out: whole works, never pieces of one.

The validation file comes first. A domain of which it has too few works to judge is given more, taken out of the
training text before anything is trained on it; the rule is by hash, so that nobody chooses them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b

import numpy as np
from jaxtyping import Bool, UInt64

from ingest.pocket.recipe.corpus import TrainingDocument, is_training_source_share_alike

LARGEST_SHARE = 0.2
"""Most of a domain's training works that are held out: a domain of few works stays with the training text."""

GRAM = 13
"""Words of a run that counts as copied, as in Brown et al. 2020, "Language Models are Few-Shot Learners"."""
COPIED = 0.3
"""A document is no independent text where more than this share of its runs stands in the training text."""


@dataclass(frozen=True)
class Division:
    """The documents that are trained on, and those that are held out; no work has documents in both."""

    training: list[TrainingDocument]
    held_out: list[TrainingDocument]
    taken: int
    """Works of the training files that are held out."""
    dropped: int
    """Documents in neither part: of works that are held out, but copied from the training text."""


def divide(train: Iterable[TrainingDocument], valid: Sequence[TrainingDocument], works: int) -> Division:
    """Hold out the validation documents, and of each domain works of the training documents until it has `works`.

    Share-alike documents of the training files are in neither part. A work that lies in both files is held out.
    """
    documents = [document for document in train if not is_training_source_share_alike(document)]
    known = {document.parent for document in valid}
    taken = _taken(documents, known, valid, works)
    training = [document for document in documents if document.parent not in known | taken]
    more = [document for document in documents if document.parent in taken]
    copied = {
        id(each)
        for each, share in zip(more, shares_copied_from_training(more, training), strict=True)
        if share > COPIED
    }
    held_out = [*valid, *(document for document in more if id(document) not in copied)]
    return Division(training, held_out, len(taken), len(copied))


def _taken(
    documents: list[TrainingDocument], known: set[str], valid: Sequence[TrainingDocument], works: int
) -> set[str]:
    """The works that are held out beside those of the validation file, the first in the order of their hashes."""
    candidates: defaultdict[str, set[str]] = defaultdict(set)
    for document in documents:
        if document.parent not in known:
            candidates[document.domain].add(document.parent)
    taken: set[str] = set()
    for domain, names in candidates.items():
        present = len({document.parent for document in valid if document.domain == domain})
        wanted = min(max(works - present, 0), int(LARGEST_SHARE * len(names)))
        taken.update(sorted(names, key=work_hash)[:wanted])
    return taken


def two_validation_parts(
    documents: Sequence[TrainingDocument],
) -> tuple[list[TrainingDocument], list[TrainingDocument]]:
    """The documents to choose features by, and those to judge them by: no parent has pieces in both.

    The parents of each domain, in the order of their hashes, go to either part in turn; the order of documents stays.
    """
    parents: defaultdict[str, set[str]] = defaultdict(set)
    for document in documents:
        parents[document.domain].add(document.parent)
    judging: set[str] = set()
    for names in parents.values():
        judging.update(sorted(names, key=work_hash)[::2])
    return (
        [document for document in documents if document.parent not in judging],
        [document for document in documents if document.parent in judging],
    )


def work_hash(parent: str) -> bytes:
    """What works are put in order by: it knows nothing of what they say."""
    return blake2b(parent.encode(), digest_size=16).digest()


def shares_copied_from_training(
    documents: Sequence[TrainingDocument], training: Iterable[TrainingDocument]
) -> list[float]:
    """The share of each document's runs of `GRAM` words, in lower case, that stand somewhere in the training text.

    A document shorter than a run has none, and a share of 0.
    """
    runs = [_runs(document.text) for document in documents]
    wanted = np.unique(np.concatenate(runs)) if runs else np.empty(0, np.uint64)
    seen: Bool[np.ndarray, " run"] = np.zeros(len(wanted), dtype=bool)
    for found in _places(training, wanted):
        seen[found] = True
    return [float(seen[np.searchsorted(wanted, each)].mean()) if len(each) else 0.0 for each in runs]


def _places(training: Iterable[TrainingDocument], wanted: UInt64[np.ndarray, " run"]) -> Iterator[np.ndarray]:
    """The places, in the sorted runs that are wanted, of those that each document has."""
    for document in training:
        runs = _runs(document.text)
        at = np.searchsorted(wanted, runs)
        inside = at < len(wanted)
        at, runs = at[inside], runs[inside]
        yield at[wanted[at] == runs]


def _runs(text: str) -> UInt64[np.ndarray, " run"]:
    """A number of 64 bits for each run of words: a polynomial of the words' own hashes, with wrapping arithmetic."""
    words = text.lower().split()
    hashes = np.fromiter((_word_hash(word) for word in words), dtype=np.uint64, count=len(words))
    if len(hashes) < GRAM:
        return np.empty(0, np.uint64)
    runs = np.zeros(len(hashes) - GRAM + 1, dtype=np.uint64)
    for place in range(GRAM):
        runs = runs * np.uint64(0x9E3779B97F4A7C15) + hashes[place : place + len(runs)]
    return runs


@cache
def _word_hash(word: str) -> int:
    """64 bits that are equal on every machine and in every run, unlike those of Python's own hash."""
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")
