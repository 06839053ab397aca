"""What a source gives: documents, what it passed over, and the rows and faults that its files are read as."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

from schema.errors import SourceError

LINE_LIMIT = 10_000_000  # bytes, the line ending left out

ID_FIELDS = ("external_id", "doc_id", "id")
FIELDS = frozenset(
    {
        "text",
        "domain",
        "source",
        "licence",
        "license",
        "attribution",
        "template",
        "group",
        "term",
        "term_start",
        "term_end",
    }
    | set(ID_FIELDS)
)
"""The fields that a record may have; any other is ignored, unless it is asked for as a number."""


@dataclass(frozen=True)
class Document:
    """One text, with where it comes from and the term that it is about."""

    external_id: str
    text: str
    domain: str
    source: str
    licence: str | None = None
    attribution: str | None = None
    term: str | None = None
    term_start: int | None = None
    term_end: int | None = None
    template: str | None = None
    group: str | None = None
    """The whole that it is a piece of, such as a book, a law or a patient, where its source says so."""
    fields: tuple[tuple[str, float | None], ...] = ()
    """Numbers that were asked for by the names of their fields; None where its record does not have one."""
    identified: bool = False
    """The source gave the id: another text under it is a new version of the document."""
    sourced: bool = field(default=False, compare=False)
    """The record gave its `source`; else it is the name of the file, which may change."""

    @property
    def group_name(self) -> str | None:
        """The whole it is a piece of: its group, else its template, else its id before `#`; None if it stands alone."""
        if self.group or self.template:
            return self.group or self.template
        whole, mark, _ = self.external_id.partition("#")
        return whole if self.identified and mark and whole else None

    @cached_property
    def content_hash(self) -> str:
        """BLAKE2b-128 of the UTF-8 text, hexadecimal."""
        return blake2b(self.text.encode("utf-8"), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Skipped:
    """A record (`FILE:LINE`) or a whole file (`FILE`) that was passed over, and why."""

    where: str
    reason: str


@dataclass(frozen=True)
class Row:
    """The fields of the record that begins on a line (of a Parquet file: a row), counted from 1."""

    line: int
    fields: Mapping[str, object]


@dataclass(frozen=True)
class Fault:
    """What is wrong with a record, or with a whole file where `line` is None, and what to do about it."""

    line: int | None
    reason: str
    advice: str = "mend it"
    waits: bool = False
    """It is no mistake: the file is left for the next time, or is none of ours."""


class RecordError(SourceError):
    """A record cannot become a document; `advice` says what to do."""

    def __init__(self, reason: str, advice: str = "mend the record") -> None:
        super().__init__(reason)
        self.advice = advice


def quoted_document_names(names: list[str]) -> str:
    """Give the first few names for a message, each shortened and on one line."""
    shown = [repr(name if len(name) <= 40 else name[:40] + "…") for name in names[:8]]
    return ", ".join(shown + ["…"] * (len(names) > 8)) or "none"
