"""Batches of documents: how they are cut, and what of each is still to do.

Batches are cut in source order before the atlas is asked what it knows, so that
a resumed run computes the very batches of an undisturbed one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from ingest.rows.document_identity import Bearer, Seen
from ingest.rows.document_rows import differs_condition, document_rows
from ingest.rows.fields import changed_fields
from ingest.rows.registration import Registered
from ingest.rows.source_records import Record
from schema.store import Atlas

BATCH_CHARACTERS = 65_536
BATCH_DOCUMENTS = 1_024


@dataclass(frozen=True)
class Plan:
    """What of a batch is still to do; no text is in it twice in a corpus.

    documents: keys, None where the row is missing; windowed: the document's windows are stored;
    wanted[s][d]: SAE s has not encoded document d; outdated: what is stored of a known document is not what its
    record says; after: how many batches its run had stored when it was made.
    """

    records: list[Record]
    documents: list[int | None]
    windowed: list[bool]
    wanted: list[list[bool]]
    outdated: list[bool]
    after: int = 0

    @property
    def done(self) -> bool:
        """Nothing is left to do."""
        return not any(self.pending) and not any(self.outdated)

    @property
    def pending(self) -> list[bool]:
        """For each document, whether some SAE has yet to encode it."""
        return [any(masks) for masks in zip(*self.wanted, strict=True)]

    @property
    def todo(self) -> int:
        """Documents that some SAE has yet to encode."""
        return sum(self.pending)


def cut_batches(records: Iterable[Record], most: int | None = None) -> Iterator[list[Record]]:
    """Cut records into batches, by characters and number."""
    batch, characters = list[Record](), 0
    for record in records:
        batch.append(record)
        characters += len(record.document.text)
        if characters >= BATCH_CHARACTERS or len(batch) >= (most or BATCH_DOCUMENTS):
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


@dataclass
class Planner:
    """Plans the batches of a run, and once more those that the atlas has moved on from; nobody else writes to it."""

    atlas: Atlas
    registered: Registered
    stored: int = 0
    """Batches that the run has stored."""

    def plan(self, records: Sequence[Record]) -> Plan:
        """What of a batch is to do, as the atlas is now."""
        return replace(plan_batch(self.atlas, records, self.registered), after=self.stored)

    def renewed(self, plan: Plan) -> Plan:
        """The plan if nothing was stored since, else another of its batch."""
        return plan if plan.after == self.stored else self.plan(plan.records)


def plan_batch(atlas: Atlas, records: Sequence[Record], registered: Registered) -> Plan:
    """Ask the atlas what it knows of a batch that has been sifted."""
    said = document_rows(records)
    with atlas.registered(said=said):
        documents: list[int | None] = [key for (key,) in atlas.rows(_KNOWN)]
    with atlas.registered(said=said.append_column("document", pa.array(documents, pa.int32()))):
        rows = atlas.rows(_STATE, [registered.tokenization])
    changed = changed_fields(atlas, records, documents)
    return Plan(
        records=list(records),
        documents=documents,
        windowed=[row[0] for row in rows],
        wanted=[[sae not in (row[1] or ()) for row in rows] for sae in registered.saes],
        outdated=[row[2] or key in changed for row, key in zip(rows, documents, strict=True)],
    )


def check_batch_folders(atlas: Atlas, records: Sequence[Record], seen: Seen) -> None:
    """Compare the ids of a batch with those that came from other folders.

    Raises:
        SourceError: an id is another data set's (R7).
    """
    if not any(record.folder and record.external_id for record in records):
        return
    with atlas.registered(said=document_rows(records)):
        found = atlas.rows(_ELSEWHERE)
    for ordinal, content_hash, folder in found:
        seen.clashes(records[ordinal], Bearer(content_hash, folder))


_KNOWN = """
    SELECT document
    FROM said
    LEFT JOIN corpus USING (name)
    LEFT JOIN document ON document.corpus = corpus.corpus AND document.content_hash = said.content_hash
    ORDER BY ordinal
"""

_STATE = f"""
    SELECT
      EXISTS (FROM context WHERE context.document = said.document AND tokenization = ?),
      (SELECT LIST(sae) FROM coverage WHERE coverage.document = said.document),
      document.document IS NOT NULL AND ({differs_condition()})
    FROM said
    LEFT JOIN document USING (document)
    ORDER BY ordinal
"""

_ELSEWHERE = """
    SELECT ordinal, document.content_hash, document.folder
    FROM said
    JOIN corpus USING (name)
    JOIN document ON document.corpus = corpus.corpus AND document.external_id = said.external_id
    WHERE NOT said.kept_external_id
      AND document.folder <> said.folder
    ORDER BY document.content_hash <> said.content_hash, ordinal
"""
