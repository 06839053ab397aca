"""Features found by what their labels mean: the cosine between a text and each label, by a model of one's own.

A label is embedded once a model. Its vector lies in a file beside the atlas, ATLAS.meaning.db, or in that of a site,
which may be removed at any time; where the file cannot be written, vectors are computed anew.
"""

import hashlib
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingest.search.embedder import Embedder, Vectors
from schema.errors import SelectionError
from schema.store import Atlas

log = logging.getLogger(__name__)

AT_ONCE = 1_024
"""Labels whose vectors are in memory at a time."""
WAIT_SECONDS = 5.0
NEAR = pa.schema([("label", pa.string()), ("similarity", pa.float64())])
FOUND = """
    SELECT a.label AS sae, l.feature, l.label, CAST(n.similarity AS DOUBLE) AS similarity, l.method, l.model, s.auroc,
      s.wrong_best
    FROM near AS n
    JOIN feature_label AS l USING (label)
    JOIN sae AS a USING (sae)
    LEFT JOIN label_score AS s
      ON s.feature_label = l.feature_label
      AND s.negatives = 'random'
      AND s.judge = 'words'
    WHERE len($saes) = 0 OR list_contains($saes, l.sae)
    ORDER BY similarity DESC, s.auroc DESC NULLS LAST, l.feature_label
    LIMIT $limit
"""


def by_meaning(atlas: Atlas, embedder: Embedder, text: str, saes: Sequence[int] = (), limit: int = 20) -> pa.Table:
    """The labels whose meaning is nearest to a text, each with its feature and how far it was borne out.

    Raises:
        SelectionError: the text is empty.
    """
    if not text.strip():
        raise SelectionError("the text is empty; give some words")
    sql = "SELECT DISTINCT label FROM feature_label WHERE len($saes) = 0 OR list_contains($saes, sae) ORDER BY label"
    labels = [label for (label,) in atlas.rows(sql, {"saes": list(saes)})]
    with closing(VectorFile(label_vector_cache(atlas.path), embedder.sha256)) as kept:
        near = nearest_labels(embedder, text, labels, label_vectors(kept, embedder, labels), limit)
    table = pa.table({"label": [label for label, _ in near], "similarity": [float(cosine) for _, cosine in near]}, NEAR)
    with atlas.registered(near=table):
        return atlas.arrow(FOUND, {"saes": list(saes), "limit": limit})


def nearest_labels(
    embedder: Embedder, text: str, labels: Sequence[str], vectors: Iterable[Vectors], limit: int
) -> list[tuple[str, float]]:
    """The labels nearest to a text with their cosine; a label may be of several features, and is of one at least.

    `vectors` are those of the labels in their order, in parts.
    """
    (asked,) = embedder.vectors([text])
    parts = [part @ asked for part in vectors]  # (label,) each
    cosine = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return [(labels[n], float(cosine[n])) for n in np.argsort(-cosine, kind="stable")[:limit]]


def label_vector_cache(atlas: Path) -> Path:
    """Where the vectors of an atlas' labels lie."""
    return atlas.with_name(f"{atlas.name}.meaning.db")


class VectorFile:
    """The vectors of labels by one model, in a file that may be missing, damaged, or closed to writing."""

    def __init__(self, path: Path, model: str) -> None:
        self._path, self._model = path, model
        self._file: sqlite3.Connection | None = None
        self._writable = True
        try:
            self._file = sqlite3.connect(path, timeout=WAIT_SECONDS)
            self._file.execute("CREATE TABLE IF NOT EXISTS vector (model, label, vector, PRIMARY KEY (model, label))")
        except sqlite3.Error as error:
            self._give_up(error)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def known(self, labels: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors that are kept."""
        if self._file is None:
            return {}
        keys = {label: _key(label) for label in labels}
        marks = ", ".join("?" * len(keys))
        sql = f"SELECT label, vector FROM vector WHERE model = ? AND label IN ({marks})"
        try:
            found: dict[bytes, bytes] = dict(self._file.execute(sql, [self._model, *keys.values()]).fetchall())
        except sqlite3.Error as error:
            self._give_up(error)
            return {}
        return {label: np.frombuffer(found[key], "<f4") for label, key in keys.items() if key in found}

    def keep(self, labels: Sequence[str], vectors: Vectors) -> None:
        """Keep vectors, where the file can be written."""
        if self._file is None or not self._writable:
            return
        rows = [(self._model, _key(label), vector.tobytes()) for label, vector in zip(labels, vectors, strict=True)]
        try:
            with self._file:
                self._file.executemany("INSERT OR REPLACE INTO vector VALUES (?, ?, ?)", rows)
        except sqlite3.Error as error:
            self._writable = False
            log.warning("%s cannot be written (%s): labels are embedded anew each time", self._path, error)

    def _give_up(self, error: sqlite3.Error) -> None:
        log.warning("%s cannot be used (%s): labels are embedded without it", self._path, error)
        self.close()


def label_vectors(
    kept: VectorFile, embedder: Embedder, labels: Sequence[str], at_once: int = AT_ONCE
) -> Iterator[Vectors]:
    """The vectors of labels in their order, so many at a time; those that are not known yet are computed and kept."""
    for first in range(0, len(labels), at_once):
        part = labels[first : first + at_once]
        known = kept.known(part)
        if new := [label for label in part if label not in known]:
            computed = embedder.vectors(new).astype("<f4")
            kept.keep(new, computed)
            known |= dict(zip(new, computed, strict=True))
        yield np.stack([known[label] for label in part])


def _key(label: str) -> bytes:
    return hashlib.sha256(label.encode()).digest()
