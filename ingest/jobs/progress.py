"""How far a job is: counted in its row of `ingest_run`, and told to whoever watches it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """How far a run is. documents and tokens are newly encoded; known ones were there before.

    updated, replaced, dropped and repeated are as the rules of `ingest.rows.document_identity` have it.
    """

    documents: int = 0
    known: int = 0
    tokens: int = 0
    activations: int = 0
    skipped: int = 0
    updated: int = 0
    replaced: int = 0
    dropped: int = 0
    repeated: int = 0

    @property
    def changes(self) -> list[str]:
        """What became of documents that were there, and of records that gave none, each in a few words."""
        words = {
            "replaced": self.replaced,
            "brought up to date": self.updated,
            "dropped as gone": self.dropped,
            "repeated": self.repeated,
        }
        return [f"{count:,} {what}" for what, count in words.items() if count]


@dataclass(frozen=True)
class Progress:
    """What a job does now, how many of how many it has done, and what its run has counted so far.

    total is None where the end is not known, as of a stream of documents.
    """

    stage: str
    done: int = 0
    total: int | None = None
    unit: str = "documents"
    counts: Counts = Counts()


Report = Callable[[Progress], None]
"""Is told of progress where a job can be left: what it raises ends the job there, and what is stored stays."""


def silent_report(progress: Progress) -> None:
    """The report of a job that nobody watches."""
