"""What an association asks, and the documents and labels that answer it."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from ingest.contrasts.scores import Documents, Unit, read_documents, read_scored_documents
from ingest.contrasts.selection import contrasted_texts, select_documents
from schema.errors import SelectionError
from schema.methods import method_revision
from schema.store import Atlas


@dataclass(frozen=True)
class Question:
    """An association by its name: a numeric field of documents, or sets that are classes.

    A target without sets is asked of all documents that have the field.
    """

    name: str
    field: str | None
    sets: tuple[str, ...]

    @property
    def kind(self) -> str:
        """What the label is: target or classes."""
        return "classes" if self.field is None else "target"


@dataclass(frozen=True)
class Borne:
    """What the documents of a question bear.

    labels: document -> its number or the place of its class; texts: document -> a hash of its text, in the order of
    the texts; without counts the documents of the sets that lack the field.
    """

    labels: dict[int, float]
    texts: dict[int, str]
    without: int = 0


@dataclass(frozen=True)
class Asked:
    """The documents of a question as an SAE has encoded them.

    Shapes: label (document,), numbers, or classes from 0 where n_classes is above 0.
    """

    documents: Documents
    label: Shaped[np.ndarray, " document"]
    n_classes: int

    def half(self, *, confirmation: bool) -> "Asked":
        """Those of one half."""
        inside = self.documents.confirmation == confirmation
        return Asked(self.documents.half(confirmation=confirmation), self.label[inside], self.n_classes)

    @property
    def groups(self) -> int:
        """How many groups there are; of the class with the fewest, where there are classes."""
        group = self.documents.group
        if not self.n_classes:
            return len(np.unique(group))
        return min(len(np.unique(group[self.label == number])) for number in range(self.n_classes))


def documents_with_labels(atlas: Atlas, question: Question) -> Borne:
    """The documents that a question is about, with what they bear.

    Raises:
        SelectionError: a set is empty, no document has the field, or a text is of two classes.
    """
    return _numbers(atlas, question, question.field) if question.field is not None else _classes(atlas, question)


def _numbers(atlas: Atlas, question: Question, field: str) -> Borne:
    rows = atlas.rows("SELECT document, value FROM document_field WHERE name = ? ORDER BY document", [field])
    known = {int(document): float(value) for document, value in rows}
    if not known:
        names = [name for (name,) in atlas.rows("SELECT DISTINCT name FROM document_field ORDER BY name")]
        has = f"this atlas has: {', '.join(names[:8])}" if names else "this atlas has none"
        raise SelectionError(f"no document has a field '{field}' ({has}); keep it: atlas ingest ... --field {field}")
    chosen = select_documents(atlas, question.sets) if question.sets else known
    held = [document for document in chosen if document in known]
    if not held:
        raise SelectionError(f"no document of {', '.join(question.sets)} has the field '{field}'")
    texts = contrasted_texts(atlas, held)
    labels = {document: known[document] for document in texts}
    if len(set(labels.values())) < 2:
        raise SelectionError(f"'{field}' is the same in all {len(labels):,} documents: there is nothing to go with it")
    return Borne(labels, texts, len(chosen) - len(held))


def _classes(atlas: Atlas, question: Question) -> Borne:
    if len(set(question.sets)) < 2:
        raise SelectionError("classes are two sets or more; repeat --class")
    labels: dict[int, float] = {}
    of_text: dict[str, int] = {}
    chosen = [contrasted_texts(atlas, select_documents(atlas, [name])) for name in question.sets]
    for place, texts in enumerate(chosen):
        for document, text in texts.items():
            if of_text.setdefault(text, place) != place:
                pair = f"{question.sets[of_text[text]]} and {question.sets[place]}"
                raise SelectionError(f"a text is of both {pair}; choose classes that share none")
            labels[document] = place
    return Borne(labels, contrasted_texts(atlas, labels))


def covered_documents(atlas: Atlas, sae: int, borne: Borne) -> dict[int, float]:
    """What documents bear that the SAE has encoded and summed; a text counts once, that of the first corpus."""
    held = read_scored_documents(atlas, sae)
    first: dict[str, int] = {}
    for document, text in borne.texts.items():
        if document in held:
            first.setdefault(text, document)
    return {first[text]: borne.labels[first[text]] for text in sorted(first)}


def read_associated_documents(
    atlas: Atlas, sae: int, labels: dict[int, float], question: Question, unit: Unit
) -> Asked:
    """What is known of the documents; those of each class are halved evenly."""
    n_classes = len(question.sets) if question.kind == "classes" else 0
    label = np.fromiter(labels.values(), dtype=np.int64 if n_classes else float)
    documents = read_documents(atlas, sae, dict.fromkeys(labels, True), unit, label if n_classes else None)
    return Asked(documents, label, n_classes)


def documents_hash(atlas: Atlas, sae: int, labels: dict[int, float]) -> str:
    """A hash of the documents compared, what is said of them, the sums of their corpora, and the figures' revision."""
    keys = list(labels)
    said = atlas.rows(
        """
        SELECT document, content_hash, group_name
        FROM document
        WHERE document IN (SELECT unnest($1))
        ORDER BY document
        """,
        [keys],
    )
    return hashlib.sha256(
        json.dumps([method_revision("association"), sae, sorted(labels.items()), said]).encode()
    ).hexdigest()
