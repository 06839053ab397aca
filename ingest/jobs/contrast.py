"""The contrast job: select, score, compute, store."""

from collections.abc import Iterator, Sequence

from ingest.contrasts import SHUFFLES
from ingest.contrasts.computing import compute_figures
from ingest.contrasts.scores import Unit, covered_documents, read_documents
from ingest.contrasts.selection import check_disjoint, normal_texts, select_documents
from ingest.contrasts.storing import Definition, documents_hash, store_contrast, stored_shuffles
from ingest.jobs.runs import RunRecord
from schema.errors import SelectionError
from schema.store import Atlas


def compute_contrast(
    atlas: Atlas,
    name: str,
    positive: Sequence[str],
    control: Sequence[str],
    unit: Unit | None = None,
    shuffles: int = SHUFFLES,
) -> list[str]:
    """Compute a contrast for every SAE that has encoded its documents; the SAEs for which something was missing.

    Sets are spelled as in `ingest.contrasts.selection`. Without a unit it is the document where each
    document is one window, else one window of each. `shuffles` is the least number of shuffles that its null holds;
    without any there is no family-wise p, and q rests on the single p alone.

    Raises:
        SelectionError: a set is empty, a text is on both sides, or no SAE has encoded documents of both.
    """
    positives = normal_texts(atlas, select_documents(atlas, positive))
    controls = normal_texts(atlas, select_documents(atlas, control))
    check_disjoint(positives, controls)
    chosen_unit = unit or default_unit(atlas, [*positives, *controls])
    definition = Definition(name, tuple(positive), tuple(control), chosen_unit)
    compared, computed = 0, []
    arguments = {"name": name, **definition.columns, "shuffles": shuffles}
    with RunRecord(atlas, "contrast", arguments, "cpu") as record:
        for sae, sae_name, d_sae in _saes(atlas):
            labels = covered_documents(atlas, sae, positives, controls)
            if labels is None:
                continue
            compared += 1
            if _bring_up(record, definition, (sae, d_sae), labels, shuffles):
                computed.append(sae_name)
    if not compared:
        raise SelectionError("no SAE has encoded documents of both sides; run: atlas ingest")
    return computed


def _bring_up(
    record: RunRecord, definition: Definition, sae: tuple[int, int], labels: dict[int, bool], shuffles: int
) -> bool:
    """Compute a contrast for an SAE that is not stored with so many shuffles; false if it is."""
    atlas, (key, _) = record.atlas, sae
    content = documents_hash(atlas, key, labels)
    known = stored_shuffles(atlas, definition, key, content)
    if known is not None and known >= shuffles:
        return False
    documents = read_documents(atlas, key, labels, definition.unit)
    figures = compute_figures(atlas, sae, documents, definition.unit, shuffles)
    with atlas.transaction():
        record.start()
        store_contrast(atlas, definition, key, figures, content)
    return True


def default_unit(atlas: Atlas, documents: Sequence[int]) -> Unit:
    """The document where each is one window; else one window of each, since a maximum grows with length."""
    rows = atlas.rows("SELECT max(contexts) FROM coverage WHERE document IN (SELECT unnest($1))", [list(documents)])
    return "document" if (rows[0][0] or 1) == 1 else "window"


def _saes(atlas: Atlas) -> Iterator[tuple[int, str, int]]:
    rows = atlas.rows("SELECT sae, label, d_sae FROM sae ORDER BY sae")
    return ((int(sae), str(name), int(d_sae)) for sae, name, d_sae in rows)
