"""The score job: how far each label tells contexts in which its feature fires from those in which it is silent.

Scores are of documents that had no part in making labels. They are stored some hundred features at a time; what is
stored of the same documents is not computed again.
"""

from dataclasses import dataclass
from pathlib import Path

from ingest.jobs.label import saes_to_label
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.run_record import RunRecord
from ingest.labels.firing_places import gather_firing_places, labelled_documents_sha256
from ingest.labels.scored.scoring import score_labels
from ingest.labels.scored.words import JUDGE
from ingest.labels.stored_labels import labels_of_sae, replace_scores, unscored_labels
from schema.errors import SelectionError
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class ScoreRequest:
    """Of which SAEs the labels are to be scored; of all, where none is named."""

    atlas: Path
    saes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScoredSAE:
    """An SAE, how many labels it has, and how many of these were scored now."""

    sae: str
    labels: int
    scored: int


def score(request: ScoreRequest, report: Report = silent_report) -> list[ScoredSAE]:
    """Score the labels of SAEs.

    Raises:
        SelectionError: an SAE that the atlas does not hold, or that has no labels.
        AtlasFileError: the atlas cannot be opened.
    """
    with open_atlas(request.atlas) as atlas:
        return score_into(atlas, request, report)


def score_into(atlas: Atlas, request: ScoreRequest, report: Report = silent_report) -> list[ScoredSAE]:
    """Score the labels of SAEs of an open atlas."""
    found = []
    with RunRecord(atlas, "score", {"saes": list(request.saes)}, "cpu") as record:
        for sae, name, d_sae in saes_to_label(atlas, request.saes):
            labels = labels_of_sae(atlas, sae)
            gather_firing_places(atlas, sae, d_sae)
            content = labelled_documents_sha256(atlas, sae)
            wanted = unscored_labels(atlas, sae, JUDGE, content)
            done = 0
            for scored in score_labels(atlas, sae, labels, wanted):
                with atlas.transaction():
                    shared = {"judge": JUDGE, "ingest_run": record.start(), "documents_sha256": content}
                    replace_scores(atlas, scored, shared)
                done += len({each.label for each in scored})
                report(Progress("scoring", done, len(wanted), "labels"))
            found.append(ScoredSAE(name, len(labels), len(wanted)))
    if not any(each.labels for each in found):
        raise SelectionError(f"{request.atlas} has no labels; make them: atlas label make {request.atlas}")
    return found
