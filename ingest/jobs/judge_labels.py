"""The judge_labels job: labels judged by a language model of the user's choice, a transaction a label."""

from dataclasses import dataclass
from pathlib import Path

from ingest.jobs.label import saes_to_label
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.run_record import RunRecord
from ingest.labels.asked import judging
from ingest.labels.asked.endpoint import Endpoint
from ingest.labels.firing_places import gather_firing_places, labelled_documents_sha256
from ingest.labels.scored.words import JUDGE
from ingest.labels.stored_labels import labels_of_sae, replace_scores
from schema.errors import SelectionError
from schema.naming import check_feature_indices
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class JudgeLabelsRequest:
    """Of which features of which SAE the labels are judged, by whom, and beside how many wrong labels."""

    atlas: Path
    sae: str
    features: tuple[int, ...]
    endpoint: Endpoint
    wrong: int = 0


def judge_labels(request: JudgeLabelsRequest, report: Report = silent_report) -> int:
    """Have the labels of features judged by a language model; how many were.

    Raises:
        SelectionError: there is no such SAE or feature, a feature has no label, or the model is called as the judge by
            words is.
        ModelError: the language model does not answer; what it has answered before is stored.
        AtlasFileError: the atlas cannot be opened.
    """
    with open_atlas(request.atlas) as atlas:
        return judge_labels_into(atlas, request, report)


def judge_labels_into(atlas: Atlas, request: JudgeLabelsRequest, report: Report = silent_report) -> int:
    """Have the labels of features of an open atlas judged by a language model."""
    if request.endpoint.model == JUDGE:
        raise SelectionError(f"a model called {JUDGE} would replace what words tell; serve it under another name")
    ((sae, name, d_sae),) = saes_to_label(atlas, (request.sae,))
    check_feature_indices(request.features, name, d_sae)
    labels = labels_of_sae(atlas, sae)
    labelled = {label.feature for label in labels}
    if missing := [feature for feature in request.features if feature not in labelled]:
        raise SelectionError(f"feature {missing[0]} of {name} has no label; make one: atlas label make {atlas.path}")
    wanted = {label.key for label in labels if label.feature in request.features}
    arguments = {"sae": name, "features": list(request.features), "model": request.endpoint.model}
    done = 0
    with RunRecord(atlas, "judge", arguments, "cpu") as record:
        gather_firing_places(atlas, sae, d_sae)
        content = labelled_documents_sha256(atlas, sae)
        for scored in judging.judge_labels(atlas, sae, labels, wanted, (request.endpoint, request.wrong)):
            with atlas.transaction():
                shared = {"judge": request.endpoint.model, "ingest_run": record.start(), "documents_sha256": content}
                replace_scores(atlas, scored, shared)
            done += 1
            report(Progress("asking", done, len(wanted), "labels"))
    return done
