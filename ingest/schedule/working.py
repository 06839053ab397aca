"""What a job does to the atlas: new documents in, those that are gone out, contrasts and explanations renewed."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ingest.attribution.request import ExplainRequest, Method, Target
from ingest.attribution.subject import Subject, find_keys
from ingest.contrasts.refresh import refresh_contrasts
from ingest.contrasts.selection import select_documents
from ingest.jobs.contrast import compute_contrast
from ingest.jobs.explain import explain_into
from ingest.jobs.ingest import IngestRequest, IngestResult, ingest_into
from ingest.rows.intake import Intake
from ingest.schedule.config import Contrast, Job, Schedule
from ingest.schedule.loaded import Loaded, LoadedReader
from schema.errors import SelectionError
from schema.store import Atlas

log = logging.getLogger(__name__)

Check = Callable[[], None]
"""Called where work can be left; raises to leave it."""


@dataclass
class Done:
    """What a job did: the key of its ingest run, and what it had to leave undone."""

    ingest_run: int | None = None
    undone: list[str] = field(default_factory=list)


Fill = Callable[[Atlas], Done]
"""The part of a job that writes."""


@dataclass(frozen=True)
class Filler:
    """Does the work of a schedule's jobs, with one model for all of them."""

    schedule: Schedule
    reader: LoadedReader

    def begin(self, job: Job, check: Check) -> Fill:
        """Read the first document and load the model, the atlas still closed; what is left to do once it is open.

        Raises:
            SourceError, ModelError: see there.
        """
        intake = self._intake(job)
        records = intake.records()
        check()
        loaded = self.reader.get()
        check()

        def fill(atlas: Atlas) -> Done:
            request = self._request(job)
            result = ingest_into(atlas, request, (intake, records), loaded, lambda stage, counts: check())
            _log_documents(job, result)
            done = Done(result.run, list(result.notes))
            check()
            refresh_contrasts(atlas)
            for contrast in self.schedule.contrasts_of(job):
                check()
                if self._refresh(atlas, job, contrast, done) and contrast.best:
                    self._explain(atlas, job, contrast, loaded, check)
            return done

        return fill

    def _request(self, job: Job) -> IngestRequest:
        return IngestRequest(
            atlas=self.schedule.atlas,
            sources=job.sources,
            saes=self.schedule.reader.saes,
            model=self.schedule.reader.model,
            corpus=job.name,
            domain=job.domain,
            limit=job.limit,
            on_error=job.on_error,
            device=self.reader.device,
        )

    def _intake(self, job: Job) -> Intake:
        return Intake(
            atlas=self.schedule.atlas,
            sources=job.sources,
            corpus=job.name,
            domain=job.domain,
            by_domain=job.domain is None,
            limit=job.limit,
            on_error=job.on_error,
            drop=job.gone == "drop",
        )

    def _refresh(self, atlas: Atlas, job: Job, contrast: Contrast, done: Done) -> bool:
        """Bring a contrast up to date; false where it waits for a corpus that holds nothing yet."""
        for name in (*contrast.positive, *contrast.control):
            try:
                select_documents(atlas, [name])
            except SelectionError:
                done.undone.append(f"contrast {contrast.name} waits: '{name}' holds no document yet")
                return False
        computed = compute_contrast(
            atlas, contrast.name, contrast.positive, contrast.control, contrast.unit, contrast.shuffles
        )
        if computed:
            log.info("%s: contrast %s computed for %s", job.name, contrast.name, ", ".join(computed))
        return True

    def _explain(self, atlas: Atlas, job: Job, contrast: Contrast, loaded: Loaded, check: Check) -> None:
        """Explain the best features of a contrast, on windows of its positive documents; what is stored is kept."""
        model, saes = loaded
        for sae in saes:
            subject = Subject.of(model, sae)
            features = best_features(atlas, contrast.name, find_keys(atlas, subject).sae, contrast.best)
            request = ExplainRequest(
                atlas=self.schedule.atlas,
                question="feature",
                method=Method("end_of_text"),
                target=Target(features=tuple(features)),
                documents=contrast.positive,
                limit=contrast.windows,
                device=self.reader.device,
            )
            new = _explained(atlas, request, subject, check) if features else 0
            if new:
                log.info("%s: %d explanations of %s's best features", job.name, new, contrast.name)


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


def _explained(atlas: Atlas, request: ExplainRequest, subject: Subject, check: Check) -> int:
    try:
        return len(explain_into(atlas, request, subject, lambda done, prompts: check()).new)
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
