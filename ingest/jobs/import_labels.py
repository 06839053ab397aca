"""The import_labels job: labels that others made, of the SAEs of the atlas; all of the files, or none."""

from dataclasses import dataclass
from pathlib import Path

from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.run_record import RunRecord
from ingest.labels.imported.arrival import Arrival, Arrived
from ingest.labels.imported.matching import Matching
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class ImportLabelsRequest:
    """Files of Neuronpedia's bulk export, of delphi's explanations (a folder stands for its files), or CSV.

    The SAE that they are of, where they do not say it themselves, and what Neuronpedia calls its dictionary.
    """

    atlas: Path
    files: tuple[Path, ...]
    sae: str | None = None
    neuronpedia_id: str | None = None


def import_labels(request: ImportLabelsRequest, report: Report = silent_report) -> Arrived:
    """Store the labels of files.

    Raises:
        SourceError: a file cannot be read as labels.
        SelectionError: a label is of another SAE than those of the atlas, or of a feature that the SAE has not.
        AtlasFileError: the atlas cannot be opened.
    """
    with open_atlas(request.atlas) as atlas:
        return import_labels_into(atlas, request, report)


def import_labels_into(atlas: Atlas, request: ImportLabelsRequest, report: Report = silent_report) -> Arrived:
    """Store the labels of files in an open atlas."""
    matching = Matching.of(atlas, request.sae, request.neuronpedia_id)
    arguments = {"files": [str(path) for path in request.files], "sae": request.sae}
    with RunRecord(atlas, "label import", arguments, "cpu") as record, atlas.transaction():
        arrival = Arrival(atlas, matching, record.start)
        for done, path in enumerate(request.files, start=1):
            arrival.take(path)
            report(Progress("importing", done, len(request.files), "files"))
    return arrival.arrived
