"""What a run reads: the records of its sources in order, each with the corpus that it goes to."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from ingest.sources import Document, Skipped, read_documents, source_place, source_stem
from schema.file_names import shown


@dataclass(frozen=True)
class Record:
    """A document as a source gives it.

    `family` begins the names of the corpora that the source's domains are (`family/DOMAIN`), and is None where all of
    it goes to one corpus; `folder` is the one of a source whose own name is the corpus's, and None where the corpus
    was named by whoever began the run.
    """

    document: Document
    corpus: str
    source: str
    family: str | None = None
    folder: str | None = None

    @property
    def external_id(self) -> str | None:
        """The id that the source gave."""
        return self.document.external_id if self.document.identified else None


@dataclass(frozen=True)
class Intake:
    """The sources of a run, where their documents go, and how far they have been read.

    Documents go to `corpus`, else to one named after each source; `by_domain` makes each domain a corpus of its own.
    `atlas` is the file that they go to. With `drop`, what none of the sources holds is removed from their corpora.
    """

    atlas: Path
    sources: tuple[str, ...]
    corpus: str | None = None
    domain: str | None = None
    by_domain: bool = True
    limit: int | None = None
    on_error: Literal["stop", "skip"] = "stop"
    drop: bool = False
    skipped: list[Skipped] = field(default_factory=list)
    read: dict[str, int] = field(default_factory=dict)
    """How many records each source gave that was read to its end."""

    def records(self) -> Iterator[Record]:
        """Every record in source order; the first one is read now, so that a missing file is met at once.

        Raises:
            SourceError: a source cannot be read; here, or later, where it breaks off.
        """
        records = islice(self._records(), self.limit)
        return chain(list(islice(records, 1)), records)

    @property
    def doubts(self) -> list[str]:
        """Why what was not read may be in the sources all the same; none where all of them were read."""
        unread = [source for source in self.sources if source not in self.read]
        if unread:
            return [f"--limit left {shown(unread[0])} unread, or its end"]
        doubts = [f"{shown(source)} gave no document" for source, found in self.read.items() if not found]
        if self.skipped:
            doubts.append(f"{len(self.skipped):,} records or files were skipped, such as {self.skipped[0].where}")
        return doubts

    def _records(self) -> Iterator[Record]:
        for source in self.sources:
            base = self.corpus or source_stem(source)
            folder = None if self.corpus else source_place(source, self.atlas.parent)
            found = 0
            for record in read_documents(source, on_error=self.on_error, domain=self.domain):
                if isinstance(record, Skipped):
                    self.skipped.append(record)
                    continue
                found += 1
                document = replace(record, domain=self.domain) if self.domain else record
                named = f"{base}/{document.domain}" if self.by_domain else base
                family = base if self.by_domain and not self.domain else None
                yield Record(document, named, shown(source), family, folder)
            self.read[source] = found
