"""The label job: a label for each feature that fires, from the half of the documents that labels are made from.

The labels of an SAE are one transaction. They stand while its documents do; made again, they take the place of the
older automatic ones, and their scores go with these.
"""

from dataclasses import dataclass
from pathlib import Path

from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.run_record import RunRecord
from ingest.labels.firing_places import gather_firing_places, labelled_documents_sha256
from ingest.labels.made.making import make_labels
from ingest.labels.stored_labels import count_stored_labels_made_from, replace_automatic_labels
from schema.errors import SelectionError
from schema.naming import sae_named
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class LabelRequest:
    """Of which SAEs the features are to be labelled; of all, where none is named."""

    atlas: Path
    saes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Labelled:
    """An SAE, how many of its features have a label, and how many never fire; new: they were made now."""

    sae: str
    labels: int
    silent: int
    new: bool


def label(request: LabelRequest, report: Report = silent_report) -> list[Labelled]:
    """Label the features of SAEs.

    Raises:
        SelectionError: an SAE that the atlas does not hold, or one that has read nothing.
        AtlasFileError: the atlas cannot be opened.
    """
    with open_atlas(request.atlas) as atlas:
        return label_into(atlas, request, report)


def label_into(atlas: Atlas, request: LabelRequest, report: Report = silent_report) -> list[Labelled]:
    """Label the features of SAEs of an open atlas."""
    found = []
    with RunRecord(atlas, "label", {"saes": list(request.saes)}, "cpu") as record:
        for sae, name, d_sae in saes_to_label(atlas, request.saes):
            gather_firing_places(atlas, sae, d_sae)
            content = labelled_documents_sha256(atlas, sae)
            known = count_stored_labels_made_from(atlas, sae, content)
            if known is None:
                made = list(
                    make_labels(
                        atlas, sae, d_sae, lambda done, total: report(Progress("labelling", done, total, "features"))
                    )
                )
                with atlas.transaction():
                    replace_automatic_labels(atlas, sae, made, record.start(), content)
            labels = len(made) if known is None else known
            found.append(Labelled(name, labels, d_sae - labels, known is None))
    return found


def saes_to_label(atlas: Atlas, names: tuple[str, ...]) -> list[tuple[int, str, int]]:
    """Key, label and number of features of the SAEs named, or of all that have read anything.

    An imported one has not: where its export shows nothing a feature may fire.

    Raises:
        SelectionError: one is not there, or has read nothing.
    """
    named = [sae_named(atlas, name)[0] for name in names]
    rows = atlas.rows(
        """
        SELECT sae, label, d_sae
        FROM sae
        WHERE sae IN (SELECT sae FROM coverage WHERE summed)
          AND sae NOT IN (SELECT sae FROM sae_import)
        ORDER BY ordinal
        """
    )
    read = {int(sae): (int(sae), str(label), int(d_sae)) for sae, label, d_sae in rows}
    unread = [name for name, sae in zip(names, named, strict=True) if sae not in read]
    if unread or not read:
        which = f"{', '.join(unread)} has" if unread else "no SAE has"
        raise SelectionError(f"{which} read any document; ingest first: atlas ingest {atlas.path} SOURCE --sae SAE")
    return [read[sae] for sae in dict.fromkeys(named)] or list(read.values())
