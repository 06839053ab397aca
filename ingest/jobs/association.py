"""The association job: features against a number of each document, or between classes of documents; later, again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.contrasts import SHUFFLES
from ingest.contrasts.associations.association_figures import compute_figures
from ingest.contrasts.associations.question import (
    Borne,
    Question,
    covered_documents,
    documents_hash,
    documents_with_labels,
    read_associated_documents,
)
from ingest.contrasts.associations.stored_associations import store_association, stored_shuffles
from ingest.contrasts.scores import Unit, default_score_unit
from ingest.contrasts.stored_contrasts import drop_contrast, drop_stale, stale_definitions
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.run_record import RunRecord
from schema.errors import SelectionError
from schema.store import Atlas, open_atlas

LEAST_SHUFFLES = 100
"""p is by shuffles: with fewer, those that are pooled do not tell how far out the largest of them are."""


@dataclass(frozen=True)
class AssociationRequest:
    """A numeric field of documents, of some sets or all; or, without a field, sets that are classes.

    unit, shuffles: as of a contrast, but p is by shuffles, of which there are LEAST_SHUFFLES at least.
    """

    atlas: Path
    name: str
    field: str | None
    sets: Sequence[str]
    unit: Unit | None = None
    shuffles: int = SHUFFLES

    @property
    def question(self) -> Question:
        """What is asked."""
        return Question(self.name, self.field, tuple(self.sets))


def association(request: AssociationRequest, report: Report = silent_report) -> list[str]:
    """Compute an association for every SAE that has encoded its documents; the SAEs for which something was missing.

    Raises:
        SelectionError: a set is empty, no document has the field, a text is of two classes, there are too few shuffles,
            or no SAE has encoded documents of all classes.
        AtlasFileError: the atlas cannot be opened.
    """
    with open_atlas(request.atlas) as atlas:
        return association_into(atlas, request, report)


def association_into(atlas: Atlas, request: AssociationRequest, report: Report = silent_report) -> list[str]:
    """Compute an association in an open atlas."""
    if request.shuffles < LEAST_SHUFFLES:
        raise SelectionError(f"p is by shuffles here, and needs {LEAST_SHUFFLES}; give --null {LEAST_SHUFFLES} or more")
    question = request.question
    borne = documents_with_labels(atlas, question)
    plan = request.unit or default_score_unit(atlas, list(borne.labels)), request.shuffles
    saes = atlas.rows("SELECT sae, label, d_sae FROM sae ORDER BY sae")
    compared, computed = 0, []
    arguments = {"name": question.name, "field": question.field, "sets": list(question.sets)}
    with RunRecord(atlas, "contrast", arguments | {"unit": plan[0], "shuffles": plan[1]}, "cpu") as record:
        for done, (sae, label, d_sae) in enumerate(saes, start=1):
            labels = covered_documents(atlas, sae, borne)
            if _answers(labels, question):
                compared += 1
                if _bring_up(record, question, (sae, d_sae), (borne, labels), plan):
                    computed.append(str(label))
            report(Progress("contrasting", done, len(saes), "SAEs"))
    if not compared:
        raise SelectionError("no SAE has encoded documents that differ in what is asked; run: atlas ingest")
    return computed


def refresh_associations(atlas: Atlas) -> list[str]:
    """Compute every association again that is marked so; the names of these associations.

    One that cannot be asked any more is dropped, and the figures for an SAE that has no such documents.
    """
    stale = stale_definitions(atlas, "association", "field, sets, unit")
    for name, field, sets, unit, shuffles in stale:
        try:
            association_into(atlas, AssociationRequest(atlas.path, name, field, json.loads(sets), unit, shuffles))
        except SelectionError:
            with atlas.transaction():
                drop_contrast(atlas, "association", name)
    drop_stale(atlas, "association")
    return [str(name) for name, *_ in stale]


def _answers(labels: dict[int, float], question: Question) -> bool:
    """Whether documents differ in what they bear, and there are some of each class."""
    return len(set(labels.values())) >= (len(question.sets) if question.kind == "classes" else 2)


def _bring_up(
    record: RunRecord,
    question: Question,
    sae: tuple[int, int],
    documents: tuple[Borne, dict[int, float]],
    plan: tuple[Unit, int],
) -> bool:
    """Compute an association for an SAE that is not stored with so many shuffles; false if it is."""
    (key, _), (borne, labels), (unit, shuffles) = sae, documents, plan
    atlas = record.atlas
    content = documents_hash(atlas, key, labels)
    known = stored_shuffles(atlas, question, unit, key, content)
    if known is not None and known >= shuffles:
        return False
    asked = read_associated_documents(atlas, key, labels, question, unit)
    figures = compute_figures(atlas, sae, asked, question.sets, plan)
    figures.summary["documents_without"] = borne.without
    with atlas.transaction():
        record.start()
        drop_contrast(atlas, "contrast", question.name)
        store_association(atlas, question, unit, key, figures, content)
    return True
