"""What a job does to the atlas: new documents in, those that are gone out, contrasts and explanations renewed."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ingest.attribution.explained_model import Subject, explained_keys
from ingest.attribution.questions import FeatureQuestion
from ingest.attribution.shapley import Method
from ingest.contrasts.selection import select_documents
from ingest.jobs.association import AssociationRequest, association_into
from ingest.jobs.contrast import ContrastRequest, contrast_into, refresh_contrasts
from ingest.jobs.explain import ExplainRequest, explain_into
from ingest.jobs.ingest import IngestRequest, IngestResult, ingest_into
from ingest.jobs.progress import Progress, Report
from ingest.jobs.reader import KeptReader, Loaded
from ingest.rows.source_records import Intake
from ingest.schedule.config import Contrast, Job, Schedule
from schema.errors import SelectionError
from schema.store import Atlas

log = logging.getLogger(__name__)


@dataclass
class Done:
    """What a job did: the key of its ingest run, and what it had to leave undone."""

    ingest_run: int | None = None
    undone: list[str] = field(default_factory=list)


Fill = Callable[[Atlas], Done]
"""The part of a job that writes."""


@dataclass(frozen=True)
class Upkeep:
    """Does the work of a schedule's jobs, with one model for all of them."""

    schedule: Schedule
    reader: KeptReader

    def begin(self, job: Job, report: Report) -> Fill:
        """Read the first document and load the model, the atlas still closed; what is left to do once it is open.

        Raises:
            SourceError, ModelError: see there.
        """
        request = self._request(job)
        intake = Intake(request).begin()
        report(Progress("loading the model"))
        loaded = self.reader.load()
        report(Progress("opening the atlas"))

        def _fill(atlas: Atlas) -> Done:
            result = ingest_into(atlas, request, loaded, report, intake)
            _log_documents(job, result)
            done = Done(result.run, list(result.notes))
            report(Progress("contrasting"))
            refresh_contrasts(atlas)
            for contrast in self.schedule.contrasts_of(job):
                report(Progress("contrasting"))
                if self._refresh(atlas, job, contrast, done) and contrast.best:
                    self._explain(atlas, job, contrast, loaded, report)
            return done

        return _fill

    def _request(self, job: Job) -> IngestRequest:
        """A domain makes the job's name that of its corpus; without one each domain is a corpus NAME/DOMAIN."""
        return IngestRequest(
            atlas=self.schedule.atlas,
            sources=job.sources,
            corpus=job.name if job.domain else None,
            stem=None if job.domain else job.name,
            domain=job.domain,
            limit=job.limit,
            on_error=job.on_error,
            drop=job.gone == "drop",
            fields=job.fields,
            reader=self.reader.reader,
        )

    def _refresh(self, atlas: Atlas, job: Job, contrast: Contrast, done: Done) -> bool:
        """Bring a contrast up to date; false where it waits for a corpus that holds nothing yet."""
        for name in (*contrast.positive, *contrast.control, *contrast.corpora, *contrast.classes):
            try:
                select_documents(atlas, [name])
            except SelectionError:
                done.undone.append(f"contrast {contrast.name} waits: '{name}' holds no document yet")
                return False
        try:
            computed = _computed(atlas, contrast)
        except SelectionError as error:
            if contrast.two_sided:
                raise
            done.undone.append(f"contrast {contrast.name} waits: {error}")
            return False
        if computed:
            log.info("%s: contrast %s computed for %s", job.name, contrast.name, ", ".join(computed))
        return True

    def _explain(self, atlas: Atlas, job: Job, contrast: Contrast, loaded: Loaded, report: Report) -> None:
        """Explain the best features of a contrast, on windows of its positive documents; what is stored is kept."""
        model, saes = loaded
        for sae in saes:
            subject = Subject.of(model, sae)
            features = best_features(atlas, contrast.name, explained_keys(atlas, subject).sae, contrast.best)
            request = ExplainRequest(
                atlas=self.schedule.atlas,
                question=FeatureQuestion(tuple(features)),
                method=Method(),
                documents=contrast.positive,
                limit=contrast.windows,
                reader=self.reader.reader,
            )
            new = _explained(atlas, request, (model, [sae]), report) if features else 0
            if new:
                log.info("%s: %d explanations of %s's best features", job.name, new, contrast.name)


def _computed(atlas: Atlas, contrast: Contrast) -> list[str]:
    """The SAEs for which a contrast was computed."""
    how = contrast.unit, contrast.shuffles
    if contrast.two_sided:
        return contrast_into(
            atlas, ContrastRequest(atlas.path, contrast.name, contrast.positive, contrast.control, *how)
        )
    sets = contrast.corpora or contrast.classes
    return association_into(atlas, AssociationRequest(atlas.path, contrast.name, contrast.target, sets, *how))


def best_features(atlas: Atlas, contrast: str, sae: int, best: int) -> Sequence[int]:
    """The first candidates of a contrast, in the order of the saved query `candidates`."""
    rows = atlas.rows(
        """
        SELECT feature
        FROM feature_confirmation
        JOIN contrast USING (contrast)
        WHERE name = ?
          AND sae = ?
        ORDER BY place_discovery
        LIMIT ?
        """,
        [contrast, sae, best],
    )
    return [int(feature) for (feature,) in rows]


def _explained(atlas: Atlas, request: ExplainRequest, loaded: Loaded, report: Report) -> int:
    try:
        return len(explain_into(atlas, request, loaded, report).new)
    except SelectionError as error:
        log.info("nothing to explain: %s", error)
        return 0


def _log_documents(job: Job, result: IngestResult) -> None:
    counts = result.counts
    log.info(
        "%s: %d documents encoded, %d known, %d skipped, %d tokens%s",
        job.name,
        counts.documents,
        counts.known,
        counts.skipped,
        counts.tokens,
        "".join(f", {change}" for change in counts.changes),
    )
    for skipped in result.skipped[:3]:
        log.warning("%s: skipped %s: %s", job.name, skipped.where, skipped.reason)
