"""The ingest job: documents in, activations and their sums in the atlas.

    plan: read -> cut batches -> sift -> ask what is known
    encode: by an engine (`ingest.engines`)
    load: store, a transaction a batch -> take out -> sum

Killed at any moment, the file holds whole batches only, and the same call
finishes the job. A call that finds nothing to do changes nothing but the log of runs.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from ingest.encode.batch import BatchEncoder, EncodedBatch
from ingest.encode.precision import changes_by_precision
from ingest.engines import Engine, encode_plan
from ingest.engines.cluster import RayCluster, check_ray
from ingest.engines.local import LocalEngine
from ingest.engines.ray import RayEngine, ray_shards_read_by
from ingest.engines.shards import Shards
from ingest.jobs.contrast import refresh_contrasts
from ingest.jobs.progress import Counts, Progress, Report, silent_report
from ingest.jobs.reader import POCKET_READER, Loaded, Reader
from ingest.jobs.run_record import RunRecord, record_failure
from ingest.rows.batch_rows import store_batch
from ingest.rows.batches import Plan, Planner, check_batch_folders, cut_batches
from ingest.rows.document_identity import Seen
from ingest.rows.registration import register_saes
from ingest.rows.removal import outgoing_documents, remove_documents
from ingest.rows.source_records import Intake, Record, Sources
from ingest.sources import Skipped
from ingest.statistics.sums import sum_corpora
from schema.atlas_file import check_path
from schema.errors import SourceError
from schema.file_names import shown_path
from schema.locking import hold_atlas
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class IngestRequest(Sources):
    """What to ingest: sources in order, into which atlas, through which SAEs.

    batch_documents: most documents of a batch, if not the usual; ray: where to encode, if not in this process.
    """

    reader: Reader = POCKET_READER
    batch_documents: int | None = None
    ray: RayCluster | None = None


@dataclass(frozen=True)
class IngestResult:
    """What an ingest did, and the key of its run's row.

    summed: pairs of an SAE and a corpus whose sums have changed; skipped: records and files that were passed over;
    notes: what a precision below float32 changes; what stays that should have gone, and why; which corpora two folders
    share; stages: seconds of each.
    """

    counts: Counts
    summed: list[tuple[int, int]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0
    run: int | None = None
    notes: list[str] = field(default_factory=list)
    stages: Mapping[str, float] = field(default_factory=dict)


def ingest(request: IngestRequest, report: Report = silent_report) -> IngestResult:
    """Read the first document, load the model and the SAEs, and ingest; contrasts that have changed are renewed.

    Raises:
        SourceError, ModelError, AtlasFileError: see there; what was stored before stays.
    """
    check_path(request.atlas, create=True)
    if request.ray is not None:
        check_ray(request.reader)
    device = request.reader.runs_on
    with hold_atlas(request.atlas):
        try:
            intake = Intake(request).begin()
            if request.atlas.exists() and request.atlas.stat().st_size:
                open_atlas(request.atlas).close()
            report(Progress("loading the model"))
            loaded = request.reader.load()
        except BaseException as error:
            asked = _arguments(request, request.reader.model, request.reader.saes)
            record_failure(request.atlas, "ingest", asked, device, error)
            raise
        with open_atlas(request.atlas, create=True) as atlas:
            result = ingest_into(atlas, request, loaded, report, intake)
            refresh_contrasts(atlas)
            return result


def ingest_into(
    atlas: Atlas, request: IngestRequest, loaded: Loaded, report: Report = silent_report, intake: Intake | None = None
) -> IngestResult:
    """Ingest into an open atlas; `intake` reads the request's sources, and may have begun already."""
    started, (model, saes) = time.perf_counter(), loaded
    intake = intake or Intake(request).begin()
    device = request.reader.runs_on
    arguments = _arguments(request, model.name, [str(sae.name) for sae in saes])
    with Seen(atlas) as seen, RunRecord(atlas, "ingest", arguments, device, idle=True) as record:
        encoder = BatchEncoder.of(model, saes, device)
        with encoder.stages.timed("register"):
            planner = Planner(atlas, register_saes(atlas, model, saes, encoder.bos_activations()))
        plans = _plans(cut_batches(intake.records(), request.batch_documents), planner, intake, seen, record)
        with encoder.stages.timed("read"):
            compared: list[str] = []
            for plan, encoded in _engine(request, loaded, encoder, record, report).encode(plans):
                _load(plan, encoded, planner, encoder, record)
                report(_progress("encoding", record))
                compared = compared or [record.document.text for record in plan.records if plan.todo]
        notes = (
            _changed_by_precision(compared, loaded, device, report)
            + _take_out(record, seen, intake)
            + seen.shared()
            + intake.unborne
        )
        record.add(skipped=len(intake.skipped) - record.counts.skipped)
        report(_progress("summing", record))
        with encoder.stages.timed("sums"):
            summed = list(sum_corpora(atlas))
    seconds = time.perf_counter() - started
    return IngestResult(record.counts, summed, intake.skipped, seconds, record.key, notes, encoder.stages.seconds)


def _engine(request: IngestRequest, loaded: Loaded, encoder: BatchEncoder, record: RunRecord, report: Report) -> Engine:
    if request.ray is None:
        return LocalEngine(encoder)

    def _tell(stage: str, done: int, total: int | None) -> None:
        report(Progress(stage, done, total, "batches", record.counts))

    shards = Shards.of(request.atlas, request.ray.shards)
    return RayEngine(request.ray, shards, request.reader, ray_shards_read_by(*loaded), _tell)


def _progress(stage: str, record: RunRecord) -> Progress:
    return Progress(stage, record.counts.documents + record.counts.known, counts=record.counts)


def _plans(
    batches: Iterable[list[Record]], planner: Planner, intake: Intake, seen: Seen, record: RunRecord
) -> Iterator[Plan]:
    """What of each batch is to do, asked for when its turn comes."""
    for batch in batches:
        records = _sift(batch, intake, seen, record)
        check_batch_folders(planner.atlas, records, seen)
        yield planner.plan(records)


def _sift(batch: Sequence[Record], intake: Intake, seen: Seen, record: RunRecord) -> list[Record]:
    """What is left of a batch without repeated texts and taken ids; a taken id is refused, or passed over."""
    sifted = seen.sift(batch)
    for clashing in sifted.clashing:
        document = clashing.document
        reason = f"the id {document.external_id!r} names two texts; give each document an id of its own"
        if intake.asked.on_error == "stop":
            raise SourceError(f"{document.source}: {reason}, or pass over the second: --on-error skip")
        intake.skipped.append(Skipped(document.source, reason))
    record.add(repeated=sifted.repeated, skipped=len(intake.skipped) - record.counts.skipped)
    return sifted.records


def _load(plan: Plan, encoded: EncodedBatch | None, planner: Planner, encoder: BatchEncoder, record: RunRecord) -> None:
    """Store what is not yet known of a batch, and bring up to date what is."""
    renewed = planner.renewed(plan)
    if renewed.wanted != plan.wanted:
        encoded = encode_plan(encoder, renewed)
    known = len(renewed.records) - renewed.todo
    if renewed.done:
        record.add(known=known)
        return
    with encoder.stages.timed("write"), record.atlas.transaction():
        run = record.start()
        store_batch(record.atlas, renewed, encoded, planner.registered, run)
        record.add(documents=renewed.todo, known=known, updated=sum(renewed.outdated), **_sizes(renewed, encoded))
    planner.stored += 1


def _changed_by_precision(texts: Sequence[str], loaded: Loaded, device: str, report: Report) -> list[str]:
    """What running in less than float32 changes of the activations of these texts, a line for each SAE."""
    model, saes = loaded
    if model.precision == "float32" or not texts:
        return []
    report(Progress("comparing with float32"))
    return [str(each) for each in changes_by_precision(model, saes, texts, device)]


def _sizes(plan: Plan, encoded: EncodedBatch | None) -> dict[str, int]:
    """How many tokens and activations are new."""
    if encoded is None:
        return {}
    tokens = (sum(map(len, parts)) for parts, todo in zip(encoded.windows, plan.pending, strict=True) if todo)
    return {"tokens": sum(tokens), "activations": sum(table.num_rows for table in encoded.activations)}


def _take_out(record: RunRecord, seen: Seen, intake: Intake) -> list[str]:
    """Remove what the run has replaced, or is to drop, in one transaction; what stays that should go, and why."""
    out = outgoing_documents(seen, intake)
    if out.older or out.gone:
        with record.atlas.transaction():
            record.start()
            remove_documents(record.atlas, out.older + out.gone)
            record.add(replaced=len(out.older), dropped=len(out.gone))
    return out.kept


def _arguments(request: IngestRequest, model: str | None, saes: Sequence[str]) -> dict[str, object]:
    return {
        "sources": list(map(shown_path, request.sources)),
        "saes": list(saes),
        "model": model,
        "corpus": request.corpus or request.stem,
        "domain": request.domain,
        "limit": request.limit,
        "on_error": request.on_error,
        **({"precision": request.reader.precision} if request.reader.precision != "float32" else {}),
        **({"ray": asdict(request.ray)} if request.ray else {}),
        **({"fields": list(request.fields)} if request.fields else {}),
    }
