"""The ingest job: documents in, activations and their sums in the atlas.

    read -> cut batches -> sift -> ask what is known -> encode -> store, a transaction a batch -> settle -> sum

Killed at any moment, the file holds whole batches only, and the same call
finishes the job. A call that finds nothing to do changes nothing but the log of runs.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ingest.contrasts.refresh import refresh_contrasts
from ingest.encode.batch import BatchEncoder, EncodedBatch
from ingest.jobs.runs import Counts, RunRecord, record_failure
from ingest.models.language_model import LanguageModel
from ingest.models.matching import load_together
from ingest.models.sae import LoadedSAE
from ingest.rows.batches import Plan, check_folders, cut_batches, plan_batch
from ingest.rows.identity import Seen
from ingest.rows.intake import Intake, Record
from ingest.rows.registration import Registered, register
from ingest.rows.settlement import settle
from ingest.rows.store import store_batch
from ingest.sources import Skipped
from ingest.statistics.sums import sum_pending
from schema.errors import SourceError
from schema.file_names import shown
from schema.locking import held
from schema.store import Atlas, check_path, open_atlas

Report = Callable[[str, Counts], None]
Read = tuple[Intake, Iterator[Record]]
"""What is read, and its records, of which the first has been read already."""

LoadedReader = tuple[LanguageModel, Sequence[LoadedSAE]]


@dataclass(frozen=True)
class IngestRequest:
    """What to ingest: sources in order, into which atlas, through which SAEs."""

    atlas: Path
    sources: tuple[str, ...]
    saes: tuple[str, ...] = ("pocket",)
    model: str | None = None
    corpus: str | None = None
    domain: str | None = None
    limit: int | None = None
    on_error: Literal["stop", "skip"] = "stop"
    device: str = "cpu"
    batch_documents: int | None = None
    """Most documents of a batch, if not the usual."""


@dataclass(frozen=True)
class IngestResult:
    """What an ingest did. `skipped` holds the records and files that were passed over."""

    counts: Counts
    summed: list[tuple[int, int]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0
    run: int | None = None
    """Key of the run's row."""

    notes: list[str] = field(default_factory=list)
    """What stays that should have gone, and why; which corpora two folders share."""


def ingest(request: IngestRequest, report: Report = lambda stage, counts: None) -> IngestResult:
    """Load the model and the SAEs, and run the job; `report` is told the stage and the counts as they grow.

    Raises:
        SourceError, ModelError, AtlasFileError: see there; what was stored before stays.
    """
    check_path(request.atlas, create=True)
    with held(request.atlas):
        try:
            intake = intake_of(request)
            records = intake.records()
            if request.atlas.exists() and request.atlas.stat().st_size:
                open_atlas(request.atlas).close()
            report("loading the model", Counts())
            model, saes = load_together(request.saes, request.model, request.device)
        except BaseException as error:
            asked = _arguments(request, request.model, request.saes)
            record_failure(request.atlas, "ingest", asked, request.device, error)
            raise
        return _run(request, (intake, records), (model, saes), report)


def ingest_with(
    request: IngestRequest,
    model: LanguageModel,
    saes: Sequence[LoadedSAE],
    report: Report = lambda stage, counts: None,
) -> IngestResult:
    """The same with a model and SAEs that are loaded already: `request.model` and `request.saes` are not read."""
    intake = intake_of(request)
    return _run(request, (intake, intake.records()), (model, saes), report)


def intake_of(request: IngestRequest) -> Intake:
    """What a request reads: without a corpus, each domain of each source is one."""
    return Intake(
        atlas=request.atlas,
        sources=request.sources,
        corpus=request.corpus,
        domain=request.domain,
        by_domain=request.corpus is None,
        limit=request.limit,
        on_error=request.on_error,
    )


def _run(request: IngestRequest, read: Read, loaded: LoadedReader, report: Report) -> IngestResult:
    with open_atlas(request.atlas, create=True) as atlas:
        result = ingest_into(atlas, request, read, loaded, report)
        refresh_contrasts(atlas)
        return result


def ingest_into(
    atlas: Atlas,
    request: IngestRequest,
    read: Read,
    loaded: LoadedReader,
    report: Report = lambda stage, counts: None,
) -> IngestResult:
    """The same into an open atlas, of an intake and its records: what the request says of sources is not read."""
    started = time.perf_counter()
    (intake, records), (model, saes) = read, loaded
    arguments = _arguments(request, model.name, [str(sae.name) for sae in saes])
    with Seen(atlas) as seen, RunRecord(atlas, "ingest", arguments, request.device, idle=True) as record:
        encoder = BatchEncoder.of(model, saes, request.device)
        registered = register(atlas, model, saes, encoder.bos_activations())
        batches = cut_batches(records, request.batch_documents)
        for batch in batches:
            _encode(_sift(batch, intake, seen, record), seen, encoder, registered, record)
            report("encoding", record.counts)
        notes = settle(record, seen, intake) + seen.shared()
        record.add(skipped=len(intake.skipped) - record.counts.skipped)
        report("summing", record.counts)
        summed = list(sum_pending(atlas))
    return IngestResult(record.counts, summed, intake.skipped, time.perf_counter() - started, record.key, notes)


def _sift(batch: Sequence[Record], intake: Intake, seen: Seen, record: RunRecord) -> list[Record]:
    """What is left of a batch without repeated texts and taken ids; a taken id is refused, or passed over."""
    sifted = seen.sift(batch)
    for clashing in sifted.clashing:
        document = clashing.document
        reason = f"the id {document.external_id!r} names two texts; give each document an id of its own"
        if intake.on_error == "stop":
            raise SourceError(f"{document.source}: {reason}, or pass over the second: --on-error skip")
        intake.skipped.append(Skipped(document.source, reason))
    record.add(repeated=sifted.repeated, skipped=len(intake.skipped) - record.counts.skipped)
    return sifted.records


def _encode(
    records: list[Record],
    seen: Seen,
    encoder: BatchEncoder,
    registered: Registered,
    record: RunRecord,
) -> None:
    """Encode and store what is not yet known of a batch, and bring up to date what is."""
    atlas = record.atlas
    check_folders(atlas, records, seen)
    plan = plan_batch(atlas, records, registered)
    known = len(records) - plan.todo
    if plan.done:
        record.add(known=known)
        return
    encoded = None
    if plan.todo:
        texts = [each.document.text for each in records]
        hashes = [each.document.content_hash for each in records]
        encoded = encoder.encode(texts, hashes, plan.wanted)
    with atlas.transaction():
        run = record.start()
        store_batch(atlas, plan, encoded, registered, run)
        record.add(documents=plan.todo, known=known, updated=sum(plan.outdated), **_sizes(plan, encoded))


def _sizes(plan: Plan, encoded: EncodedBatch | None) -> dict[str, int]:
    """How many tokens and activations are new."""
    if encoded is None:
        return {}
    tokens = (sum(map(len, parts)) for parts, todo in zip(encoded.windows, plan.pending, strict=True) if todo)
    return {"tokens": sum(tokens), "activations": sum(table.num_rows for table in encoded.activations)}


def _arguments(request: IngestRequest, model: str | None, saes: Sequence[str]) -> dict[str, object]:
    return {
        "sources": list(map(shown, request.sources)),
        "saes": list(saes),
        "model": model,
        "corpus": request.corpus,
        "domain": request.domain,
        "limit": request.limit,
        "on_error": request.on_error,
    }
