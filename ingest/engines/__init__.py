"""Engines: where the batches of a run are encoded.

A run plans, an engine encodes, and the run loads:

    plan      what of a batch the atlas does not hold yet (`ingest.rows.batches`)
    encode    its texts to windows and sparse rows, without an atlas, here or on other machines
    load      a transaction a batch (`ingest.rows.batch_rows`), in the order of the plans

An engine may ask for plans ahead of what is loaded. One that the atlas has moved on from meanwhile is made again when
it is loaded, so that nothing is stored twice, and nothing is left out.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from ingest.encode.batch import BatchEncoder, EncodedBatch
from ingest.rows.batches import Plan

Planned = tuple[Plan, EncodedBatch | None]
"""A plan and what its documents are encoded to; None where none was to be."""


class Engine(Protocol):
    """Encodes batches; every engine gives the same."""

    def encode(self, plans: Iterable[Plan]) -> Iterator[Planned]:
        """Each plan with what came of it, in their order.

        Raises:
            ModelError: a document cannot be encoded.
        """
        ...


def encode_plan(encoder: BatchEncoder, plan: Plan) -> EncodedBatch | None:
    """Encode in this process what a plan wants."""
    if not plan.todo:
        return None
    documents = [record.document for record in plan.records]
    texts, hashes = [each.text for each in documents], [each.content_hash for each in documents]
    return encoder.encode(texts, hashes, plan.wanted)
