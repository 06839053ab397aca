"""What a run reads: the records of its sources in order, each with the corpus that it goes to."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Literal, Self

from ingest.sources import Document, Skipped, read_documents, source_place, source_stem
from schema.file_names import shown_path


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
class Sources:
    """What is to be read, for which atlas file, and the corpora that its documents go to.

    All of it goes to `corpus`, if that is given; else each domain is a corpus STEM/DOMAIN, under `stem` or the name of
    each source. With `drop`, what none of the sources holds is removed from their corpora. `fields` keep their numbers.
    """

    atlas: Path
    sources: tuple[str, ...]
    corpus: str | None = None
    stem: str | None = None
    domain: str | None = None
    limit: int | None = None
    on_error: Literal["stop", "skip"] = "stop"
    drop: bool = False
    fields: tuple[str, ...] = ()


@dataclass
class Intake:
    """Reads sources once, from the first to the last, and knows how far they have been read.

    `read` holds how many records each source gave that was read to its end; `borne` the asked fields of any document.
    """

    asked: Sources
    skipped: list[Skipped] = field(default_factory=list)
    read: dict[str, int] = field(default_factory=dict)
    borne: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._records = islice(self._read_all(), self.asked.limit)
        self._begun: list[Record] = []

    def begin(self) -> Self:
        """Read the first record, so that a missing file is met now.

        Raises:
            SourceError: a source cannot be read.
        """
        self._begun += islice(self._records, 1)
        return self

    def records(self) -> Iterator[Record]:
        """Every record in source order.

        Raises:
            SourceError: a source cannot be read, or breaks off.
        """
        begun, self._begun = self._begun, []
        return chain(begun, self._records)

    @property
    def doubts(self) -> list[str]:
        """Why what was not read may be in the sources all the same; none where all of them were read."""
        unread = [source for source in self.asked.sources if source not in self.read]
        if unread:
            return [f"--limit left {shown_path(unread[0])} unread, or its end"]
        doubts = [f"{shown_path(source)} gave no document" for source, found in self.read.items() if not found]
        if self.skipped:
            doubts.append(f"{len(self.skipped):,} records or files were skipped, such as {self.skipped[0].where}")
        return doubts

    @property
    def unborne(self) -> list[str]:
        """A line for each field that was asked for and that no document read has."""
        missing = [name for name in self.asked.fields if name not in self.borne]
        return [f"no document has a field {name!r} that is a number" for name in missing]

    def _read_all(self) -> Iterator[Record]:
        asked = self.asked
        for source in asked.sources:
            stem = asked.corpus or asked.stem or source_stem(source)
            folder = None if asked.corpus or asked.stem else source_place(source, asked.atlas.parent)
            family = None if asked.corpus or asked.domain else stem
            found = 0
            for record in read_documents(source, on_error=asked.on_error, domain=asked.domain, numbers=asked.fields):
                if isinstance(record, Skipped):
                    self.skipped.append(record)
                    continue
                found += 1
                self.borne.update(name for name, value in record.fields if value is not None)
                document = replace(record, domain=asked.domain) if asked.domain else record
                corpus = asked.corpus or f"{stem}/{document.domain}"
                yield Record(document, corpus, shown_path(source), family, folder)
            self.read[source] = found
