"""The local engine: in this process, each batch just before it is loaded."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ingest.encode.batch import BatchEncoder
from ingest.engines import Planned, encode_plan
from ingest.rows.batches import Plan


@dataclass(frozen=True)
class LocalEngine:
    """Asks for a plan when the one before it is loaded, so that no plan is ever stale."""

    encoder: BatchEncoder

    def encode(self, plans: Iterable[Plan]) -> Iterator[Planned]:
        """Each plan with what came of it."""
        return ((plan, encode_plan(self.encoder, plan)) for plan in plans)
