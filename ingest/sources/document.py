"""What a source gives: documents, and what it passed over."""

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b


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
