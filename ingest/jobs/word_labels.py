"""The word_labels job: labels worded by a language model of the user's choice, a transaction a feature."""

from dataclasses import dataclass
from pathlib import Path

from ingest.jobs.label import saes_to_label
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.run_record import RunRecord
from ingest.labels.asked import wording
from ingest.labels.asked.endpoint import Endpoint
from ingest.labels.asked.wording import Worded
from ingest.labels.firing_places import gather_firing_places, labelled_documents_sha256
from ingest.labels.stored_labels import add_worded_labels
from schema.naming import check_feature_indices
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class WordLabelsRequest:
    """Which features of which SAE are to be labelled, and by whom."""

    atlas: Path
    sae: str
    features: tuple[int, ...]
    endpoint: Endpoint


def word_labels(request: WordLabelsRequest, report: Report = silent_report) -> list[Worded]:
    """Have features labelled by a language model.

    Raises:
        SelectionError: there is no such SAE or feature, or a feature fires in no document that labels are made from.
        ModelError: the language model does not answer; what it has answered before is stored.
        AtlasFileError: the atlas cannot be opened.
    """
    with open_atlas(request.atlas) as atlas:
        return word_labels_into(atlas, request, report)


def word_labels_into(atlas: Atlas, request: WordLabelsRequest, report: Report = silent_report) -> list[Worded]:
    """Have features of an open atlas labelled by a language model."""
    ((sae, name, d_sae),) = saes_to_label(atlas, (request.sae,))
    check_feature_indices(request.features, name, d_sae)
    arguments = {"sae": name, "features": list(request.features), "model": request.endpoint.model}
    found = []
    with RunRecord(atlas, "label", arguments, "cpu") as record:
        gather_firing_places(atlas, sae, d_sae)
        content = labelled_documents_sha256(atlas, sae)
        for worded in wording.word_labels(atlas, sae, request.features, request.endpoint):
            with atlas.transaction():
                shared = {"source_sha256": content, "ingest_run": record.start()}
                add_worded_labels(atlas, sae, worded, request.endpoint.model, shared)
            found.append(worded)
            report(Progress("asking", len(found), len(request.features), "features"))
    return found
