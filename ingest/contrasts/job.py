"""The contrast job: select, score, compute, store."""

from collections.abc import Sequence

from ingest.contrasts.figures import contrast_figures
from ingest.contrasts.scores import Unit, covered_documents, read_scores
from ingest.contrasts.selection import check_disjoint, select_documents
from ingest.contrasts.storing import Definition, is_stored, store_contrast
from ingest.runs import RunRecord
from schema.errors import SelectionError
from schema.store import Atlas


def compute_contrast(
    atlas: Atlas, name: str, positive: Sequence[str], control: Sequence[str], unit: Unit | None = None
) -> list[str]:
    """Compute a contrast for every SAE that has encoded its documents; the SAEs for which it was not yet stored.

    Sets are spelled as in `ingest.contrasts.selection`. Without a unit it is the document where each
    document is one window, else one window of each.

    Raises:
        SelectionError: a set is empty, a text is on both sides, or no SAE has encoded documents of both.
    """
    positives = select_documents(atlas, positive)
    controls = select_documents(atlas, control)
    check_disjoint(positives, controls)
    chosen_unit = unit or default_unit(atlas, [*positives, *controls])
    definition = Definition(name, tuple(positive), tuple(control), chosen_unit)
    compared, computed = 0, []
    with RunRecord(atlas, "contrast", {"name": name, **definition.columns}, "cpu") as record:
        for sae, sae_name, d_sae in _saes(atlas):
            labels = covered_documents(atlas, sae, positives, controls)
            if labels is None:
                continue
            compared += 1
            if is_stored(atlas, definition, sae, labels):
                continue
            figures, tested = contrast_figures(read_scores(atlas, sae, d_sae, labels, chosen_unit))
            with atlas.transaction():
                record.start()
                store_contrast(atlas, definition, sae, labels, figures, tested)
            computed.append(sae_name)
    if not compared:
        raise SelectionError("no SAE has encoded documents of both sides; run: atlas ingest")
    return computed


def default_unit(atlas: Atlas, documents: Sequence[int]) -> Unit:
    rows = atlas.rows("SELECT max(contexts) FROM coverage WHERE document IN (SELECT unnest($1))", [list(documents)])
    return "document" if (rows[0][0] or 1) == 1 else "window"


def _saes(atlas: Atlas) -> list[tuple[int, str, int]]:
    return [
        (int(s), str(n), int(d))
        for s, n, d in atlas.rows("SELECT sae, release || '/' || sae_id, d_sae FROM sae ORDER BY sae")
    ]
