"""Batches of documents: how they are cut, and what of each is still to do.

Batches are cut in source order before the atlas is asked what it knows, so that
a resumed run computes the very batches of an undisturbed one.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingest.registration import Registered
from ingest.sources import Document
from schema.store import Atlas

BATCH_CHARACTERS = 65_536
BATCH_DOCUMENTS = 1_024


@dataclass(frozen=True)
class Batch:
    """Documents that are encoded and stored together, each with its corpus; no text twice in a corpus."""

    documents: list[Document]
    corpora: list[str]


@dataclass(frozen=True)
class Plan:
    """What of a batch is still to do.

    documents: keys, None where the row is missing; windowed: the document's windows are stored;
    wanted[s][d]: SAE s has not encoded document d; replaced: keys of older versions of the missing ones;
    clashing: places of documents whose id names another text of the same run.
    """

    batch: Batch
    documents: list[int | None]
    windowed: list[bool]
    wanted: list[list[bool]]
    replaced: list[int]
    clashing: list[int]

    @property
    def done(self) -> bool:
        """Nothing is left to do."""
        return not any(self.pending)

    @property
    def pending(self) -> list[bool]:
        """For each document, whether some SAE has yet to encode it."""
        return [any(masks) for masks in zip(*self.wanted, strict=True)]

    @property
    def todo(self) -> int:
        """Documents that some SAE has yet to encode."""
        return sum(self.pending)


def cut_batches(documents: Iterable[tuple[Document, str]]) -> Iterator[Batch]:
    """Cut (document, corpus) pairs into batches, by characters; a text repeated in its corpus is dropped."""
    batch, characters, seen = Batch([], []), 0, set[tuple[str, str]]()
    for document, corpus in documents:
        identity = (corpus, document.content_hash)
        if identity in seen:
            continue
        seen.add(identity)
        batch.documents.append(document)
        batch.corpora.append(corpus)
        characters += len(document.text)
        if characters >= BATCH_CHARACTERS or len(batch.documents) >= BATCH_DOCUMENTS:
            yield batch
            batch, characters, seen = Batch([], []), 0, set()
    if batch.documents:
        yield batch


def plan_batch(atlas: Atlas, batch: Batch, registered: Registered, run: int | None) -> Plan:
    """Ask the atlas what it knows of a batch's documents; `run` is the run under way, if it has begun."""
    asked = pa.table(
        {
            "place": np.arange(len(batch.documents)),
            "name": batch.corpora,
            "content_hash": [document.content_hash for document in batch.documents],
            "external_id": [document.external_id if document.identified else None for document in batch.documents],
        },
        schema=_ASKED,
    )
    with atlas.registered(asked=asked):
        rows = atlas.rows(_KNOWN, [registered.tokenization])
        versions = atlas.rows(_OLDER_VERSIONS)
    known = {row[0] for row in rows}
    older = [version for version in versions if version[1] not in known]
    return Plan(
        batch=batch,
        documents=[row[0] for row in rows],
        windowed=[row[1] for row in rows],
        wanted=[[sae not in (row[2] or ()) for row in rows] for sae in registered.saes],
        replaced=[document for _, document, stored_by in older if run is None or stored_by != run],
        clashing=sorted(
            _named_twice(batch) | {place for place, _, stored_by in older if run is not None and stored_by == run}
        ),
    )


def without(batch: Batch, places: Collection[int]) -> Batch:
    """The batch without the documents at those places."""
    kept = [place for place in range(len(batch.documents)) if place not in places]
    return Batch([batch.documents[place] for place in kept], [batch.corpora[place] for place in kept])


_ASKED = pa.schema(
    [("place", pa.int64()), ("name", pa.string()), ("content_hash", pa.string()), ("external_id", pa.string())]
)

_KNOWN = """
    SELECT
      document,
      EXISTS (FROM context WHERE context.document = d.document AND tokenization = ?),
      (SELECT LIST(sae) FROM coverage WHERE coverage.document = d.document)
    FROM asked
    LEFT JOIN corpus USING (name)
    LEFT JOIN document AS d ON d.corpus = corpus.corpus AND d.content_hash = asked.content_hash
    ORDER BY place
"""

_OLDER_VERSIONS = """
    SELECT place, document.document, (SELECT MAX(ingest_run) FROM coverage WHERE coverage.document = document.document)
    FROM asked
    JOIN corpus USING (name)
    JOIN document ON document.corpus = corpus.corpus AND document.external_id = asked.external_id
    WHERE document.content_hash <> asked.content_hash
      AND NOT EXISTS (
        FROM document AS same
        WHERE same.corpus = corpus.corpus
          AND same.content_hash = asked.content_hash
      )
    ORDER BY place, document.document
"""


def _named_twice(batch: Batch) -> set[int]:
    """Places of documents whose id an earlier one of the batch bears in the same corpus."""
    seen, found = set[tuple[str, str]](), set[int]()
    for place, (document, corpus) in enumerate(zip(batch.documents, batch.corpora, strict=True)):
        name = (corpus, document.external_id)
        if document.identified and name in seen:
            found.add(place)
        seen.add(name)
    return found
