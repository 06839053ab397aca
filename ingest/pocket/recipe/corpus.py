"""The training text: JSON lines with doc_id, source, domain and text, without its share-alike parts."""

from __future__ import annotations

import glob
import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

SHARE_ALIKE: dict[str, tuple[str, ...]] = {
    "pytorch/examples:wikitext-2": ("",),
    "amir-zeldes/gum": ("gum:GUM_bio_", "gum:GUM_voyage_"),
    "paultopia/conlaw_casebook": ("conlaw:modules/", "conlaw:new_cases_2024/"),
}
"""Prefixes of the doc_ids, by source, that carry (or may carry) text under CC BY-SA and are not trained on.

The `unedited` opinions of the casebook are the court's own words, in the public domain, and stay.
"""


@dataclass(frozen=True)
class TrainingDocument:
    """One text of a corpus, with what its licence and its domain are told from."""

    doc_id: str
    source: str
    domain: str
    text: str

    @property
    def parent(self) -> str:
        """The work that the text is a piece of: a book, a law, a sitting, an article."""
        return f"{self.source}/{self.doc_id.partition('#')[0]}"


def two_parts(
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
        judging.update(sorted(names, key=_hash)[::2])
    return (
        [document for document in documents if document.parent not in judging],
        [document for document in documents if document.parent in judging],
    )


def _hash(parent: str) -> bytes:
    return blake2b(parent.encode(), digest_size=16).digest()


def is_share_alike(document: TrainingDocument) -> bool:
    """Whether a document lies under a share-alike licence, by its source and the prefix of its doc_id."""
    return document.doc_id.startswith(SHARE_ALIKE.get(document.source, ()))


def expand(patterns: Iterable[str]) -> list[Path]:
    """The files that glob patterns name, sorted and each once.

    Raises: FileNotFoundError when a pattern matches nothing.
    """
    paths: set[Path] = set()
    for pattern in patterns:
        matches = glob.glob(pattern)  # noqa: PTH207 - Path.glob takes no absolute pattern
        if not matches:
            raise FileNotFoundError(f"no file matches {pattern!r}: give a path or a glob of .jsonl or .jsonl.gz files")
        paths.update(Path(match) for match in matches)
    return sorted(paths)


def read_documents(paths: Iterable[Path]) -> Iterator[TrainingDocument]:
    """Every document of the files, in order; a name that ends in .gz is decompressed."""
    for path in paths:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for line in lines:
                row = json.loads(line)
                yield TrainingDocument(row["doc_id"], row["source"], row["domain"], row["text"])


def read_training_documents(paths: Iterable[Path]) -> Iterator[TrainingDocument]:
    """Every document of the files that may be trained on, in order."""
    return (document for document in read_documents(paths) if not is_share_alike(document))
