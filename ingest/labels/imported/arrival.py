"""Labels on their way from files into the atlas: matched, told apart, and appended some thousands at a time."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from ingest.labels.imported.description import words_of_imported_label
from ingest.labels.imported.explanation import Explanation
from ingest.labels.imported.files import imported_label_files_sha256, imported_labels_format, read_imported_explanations
from ingest.labels.imported.matching import Matching
from ingest.labels.stored_labels import OWN, append_labels
from schema import tables
from schema.errors import SourceError
from schema.store import Atlas

ROWS = 4_096
"""Labels that are in memory at a time; of all others, 16 bytes each."""


@dataclass
class Arrived:
    """How many labels are new, by SAE; how many the atlas held; how many were said twice, and where first."""

    new: dict[str, int] = field(default_factory=dict)
    known: int = 0
    repeated: int = 0
    first_repeat: str | None = None


@dataclass
class Arrival:
    """What has arrived so far; to be used inside one transaction, so that all of it is there or nothing.

    run: gives the key of the row of ingest_run, when the first label is stored.
    """

    atlas: Atlas
    matching: Matching
    run: Callable[[], int]
    arrived: Arrived = field(default_factory=Arrived)

    def __post_init__(self) -> None:
        sql = "SELECT sae, feature, label, method, model FROM feature_label WHERE source <> ?"
        self.held = {_digest(*row) for row in self.atlas.rows(sql, [OWN])}
        self.seen: dict[bytes, str] = {}
        self.named: dict[tuple[int, str], bytes] = {}
        self.next_key = self.atlas.next_key(tables.feature_label)

    def take(self, path: Path) -> None:
        """Store the labels of a file.

        Raises:
            SourceError: the file cannot be read, or gives one name to two labels.
            SelectionError: a label is of no SAE here, or of a feature that the SAE has not.
        """
        kind = imported_labels_format(path)
        source = {"source": path.name, "source_sha256": imported_label_files_sha256(path)}
        rows = (
            source | row for found in read_imported_explanations(path) if (row := self._row(found, kind)) is not None
        )
        while part := list(islice(rows, ROWS)):
            run = self.run()
            append_labels(self.atlas, tables.feature_label, (row | {"ingest_run": run} for row in part))

    def _row(self, found: Explanation, kind: str) -> dict[str, object] | None:
        """The row of a label that is new."""
        target = self.matching.target(found, kind)
        digest = _digest(target.key, found.feature, found.label, found.method, found.model)
        if digest in self.held:
            self.arrived.known += 1
            return None
        if self._said_before(found, digest, target.key):
            return None
        self.arrived.new[target.label] = self.arrived.new.get(target.label, 0) + 1
        self.next_key += 1
        return {
            "feature_label": self.next_key - 1,
            "sae": target.key,
            "feature": found.feature,
            "label": found.label,
            "method": found.method,
            "kind": "text",
            "words": json.dumps(words_of_imported_label(found.label), ensure_ascii=False),
            "author": found.author,
            "model": found.model,
            "created_at": found.created_at,
            "external_id": found.external_id,
        }

    def _said_before(self, found: Explanation, digest: bytes, sae: int) -> bool:
        if found.external_id is not None and self.named.setdefault((sae, found.external_id), digest) != digest:
            name = " ".join(found.external_id.split())[:80]
            raise SourceError(f"{found.where}: the id {name} has named another label before; nothing is stored")
        first = self.seen.setdefault(digest, found.where)
        if first is found.where:
            return False
        self.arrived.repeated += 1
        self.arrived.first_repeat = self.arrived.first_repeat or f"{found.where} says what {first} says"
        return True


def _digest(*fields: object) -> bytes:
    """What two labels have in common that say the same of a feature, in the same way."""
    return blake2b(json.dumps(fields, ensure_ascii=False).encode(), digest_size=16).digest()
