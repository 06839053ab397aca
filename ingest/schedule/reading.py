"""The documents of a job's sources, and whether all of them were read: what "gone" is decided by."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from ingest.schedule.config import Job
from ingest.sources import Document, Skipped, read_documents


@dataclass(frozen=True)
class Reading:
    """One reading of a job's sources.

    seen holds the hashes of each corpus' texts where they are needed, at about a hundred bytes a document;
    whole names the sources that were read to their end and gave something.
    """

    job: Job
    skipped: list[Skipped] = field(default_factory=list)
    seen: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    whole: set[str] = field(default_factory=set)

    def documents(self) -> Iterator[tuple[Document, str]]:
        """Every document with the name of its corpus, in source order, the first one read now.

        Raises:
            SourceError: a source cannot be read; here, or later, where it breaks off.
        """
        documents = islice(self._documents(), self.job.limit)
        return chain(list(islice(documents, 1)), documents)

    @property
    def doubts(self) -> list[str]:
        """Why a document that was not seen may be there all the same; none where all was read."""
        doubts = [f"{source} gave no document" for source in self.job.sources if source not in self.whole]
        if self.skipped:
            doubts.append(f"{len(self.skipped):,} records or files were skipped, such as {self.skipped[0].where}")
        return doubts

    def _documents(self) -> Iterator[tuple[Document, str]]:
        for source in self.job.sources:
            found = 0
            for record in read_documents(source, on_error=self.job.on_error, domain=self.job.domain):
                if isinstance(record, Skipped):
                    self.skipped.append(record)
                    continue
                found += 1
                yield self._placed(record)
            if found:
                self.whole.add(source)

    def _placed(self, record: Document) -> tuple[Document, str]:
        job = self.job
        document = replace(record, domain=job.domain) if job.domain else record
        corpus = job.name if job.domain else f"{job.name}/{document.domain}"
        if job.gone == "drop":
            self.seen[corpus].add(bytes.fromhex(document.content_hash))
        return document, corpus
