"""The rules of `ingest.rows.document_identity` once more, in plain Python: what an atlas holds after each run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

COUNTED = ("documents", "known", "updated", "replaced", "dropped", "repeated", "skipped")

Key = tuple[str, str]
"""A corpus and a text."""


@dataclass(frozen=True)
class Entry:
    """A record of a source."""

    text: str
    id: str | None = None
    term: str | None = None
    licence: str | None = None
    domain: str = "x"

    @property
    def fields(self) -> dict[str, str]:
        """The record as it stands in a file; what it does not say is left out."""
        said = {"text": self.text, "id": self.id, "licence": self.licence, "domain": self.domain}
        said["term"] = self.term if self.term and self.term in self.text else None
        return {name: value for name, value in said.items() if value is not None}


@dataclass
class Model:
    """The documents of the corpora `notes/DOMAIN`: id, term and licence by corpus and text."""

    held: dict[Key, tuple[str | None, str | None, str | None]] = field(default_factory=dict)

    def run(self, rows: Sequence[Entry], *, drop: bool) -> dict[str, int]:
        """Take the records of a run in; what it counts."""
        counts = Counter[str]()
        texts: set[Key] = set()
        named: dict[Key, str] = {}
        said: set[tuple[str, str | None]] = set()
        for row in rows:
            corpus = f"notes/{row.domain}"
            if row.id and named.get((corpus, row.id), row.text) != row.text:
                counts["skipped"] += 1
                continue
            new_name = row.id is not None and (corpus, row.id) not in named
            if row.id:
                named[corpus, row.id] = row.text
            if (corpus, row.text) in texts:
                counts["repeated"] += 1
                said |= {(row.text, row.id)} if new_name else set()
                continue
            texts.add((corpus, row.text))
            said.add((row.text, row.id))
            counts[self._take(corpus, row)] += 1
        if not counts["skipped"]:
            self._settle(texts, named, said, counts, drop)
        counts["known"] += counts["updated"]
        return {name: counts[name] for name in COUNTED}

    def _take(self, corpus: str, row: Entry) -> str:
        key, fields = (corpus, row.text), row.fields
        before = self.held.get(key)
        kept = before[0] if before else None
        self.held[key] = (row.id or kept, fields.get("term"), row.licence)
        if before is None:
            return "documents"
        return "known" if self.held[key] == before else "updated"

    def _settle(
        self,
        texts: set[Key],
        named: dict[Key, str],
        said: set[tuple[str, str | None]],
        counts: Counter[str],
        drop: bool,
    ) -> None:
        for key in [key for key in self.held if key not in texts]:
            (corpus, text), id_ = key, self.held[key][0]
            if (corpus, id_) in named or (text, None) in said or (id_ is not None and (text, id_) in said):
                counts["replaced"] += 1
            elif drop:
                counts["dropped"] += 1
            else:
                continue
            del self.held[key]
