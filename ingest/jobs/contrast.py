"""The contrast job: select documents of both sides, score them, compute the figures, store them; later, again.

A contrast is computed again where documents that it read have changed, or the rules have (`ingest.contrasts.stale`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.contrasts import SHUFFLES
from ingest.contrasts.contrast_figures import compute_figures
from ingest.contrasts.scores import CHUNK_ROWS, Unit, covered_documents, default_score_unit, read_documents
from ingest.contrasts.selection import check_disjoint, contrasted_texts, select_documents
from ingest.contrasts.stored_contrasts import (
    Definition,
    documents_hash,
    drop_contrast,
    drop_stale,
    stale_definitions,
    store_contrast,
    stored_shuffles,
)
from ingest.jobs.association import refresh_associations
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.run_record import RunRecord
from schema.errors import SelectionError
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class ContrastRequest:
    """Which sets of documents to compare, spelled as in `ingest.contrasts.selection`.

    Without a unit it is the document where each document is one window, else one window of each. `shuffles` is the
    least number of shuffles that its null holds; without any there is no family-wise p, and q rests on the single p.
    Scores are in memory a range of features at a time, of about `chunk_rows` rows.
    """

    atlas: Path
    name: str
    positive: Sequence[str]
    control: Sequence[str]
    unit: Unit | None = None
    shuffles: int = SHUFFLES
    chunk_rows: int = CHUNK_ROWS


def contrast(request: ContrastRequest, report: Report = silent_report) -> list[str]:
    """Compute a contrast for every SAE that has encoded its documents; the SAEs for which something was missing.

    Raises:
        SelectionError: a set is empty, a text is on both sides, or no SAE has encoded documents of both.
        AtlasFileError: the atlas cannot be opened.
    """
    with open_atlas(request.atlas) as atlas:
        return contrast_into(atlas, request, report)


def contrast_into(atlas: Atlas, request: ContrastRequest, report: Report = silent_report) -> list[str]:
    """Compute a contrast in an open atlas."""
    positives = contrasted_texts(atlas, select_documents(atlas, request.positive))
    controls = contrasted_texts(atlas, select_documents(atlas, request.control))
    check_disjoint(positives, controls)
    unit = request.unit or default_score_unit(atlas, [*positives, *controls])
    definition = Definition(request.name, tuple(request.positive), tuple(request.control), unit)
    saes = atlas.rows("SELECT sae, label, d_sae FROM sae ORDER BY sae")
    compared, computed = 0, []
    arguments = {"name": request.name, **definition.columns, "shuffles": request.shuffles}
    with RunRecord(atlas, "contrast", arguments, "cpu") as record:
        for done, (sae, label, d_sae) in enumerate(saes, start=1):
            labels = covered_documents(atlas, sae, positives, controls)
            if labels is not None:
                compared += 1
                if _bring_up(record, definition, (sae, d_sae), labels, request):
                    computed.append(str(label))
            report(Progress("contrasting", done, len(saes), "SAEs"))
    if not compared:
        raise SelectionError("no SAE has encoded documents of both sides; run: atlas ingest")
    return computed


def _bring_up(
    record: RunRecord, definition: Definition, sae: tuple[int, int], labels: dict[int, bool], request: ContrastRequest
) -> bool:
    """Compute a contrast for an SAE that is not stored with as many shuffles as requested; false if it is."""
    atlas, (key, _) = record.atlas, sae
    content = documents_hash(atlas, key, labels)
    known = stored_shuffles(atlas, definition, key, content)
    if known is not None and known >= request.shuffles:
        return False
    documents = read_documents(atlas, key, labels, definition.unit)
    figures = compute_figures(atlas, sae, documents, definition.unit, request.shuffles, request.chunk_rows)
    with atlas.transaction():
        record.start()
        store_contrast(atlas, definition, key, figures, content)
    return True


def refresh_contrasts(atlas: Atlas) -> list[str]:
    """Compute every contrast again that is marked so, its null too, then every association; their names.

    One that has lost a side is dropped, and the figures for an SAE that has.
    """
    stale = stale_definitions(atlas, "contrast", "positive, control, unit")
    for name, positive, control, unit, shuffles in stale:
        sides = json.loads(positive), json.loads(control)
        try:
            contrast_into(atlas, ContrastRequest(atlas.path, name, *sides, unit, shuffles or SHUFFLES))
        except SelectionError:
            with atlas.transaction():
                drop_contrast(atlas, "contrast", name)
    drop_stale(atlas, "contrast")
    return [*(str(name) for name, *_ in stale), *refresh_associations(atlas)]
