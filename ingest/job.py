"""The ingest job: documents in, activations and their sums in the atlas.

    read -> cut batches -> ask what is known -> encode -> store, a transaction a batch -> sum

Killed at any moment, the file holds whole batches only, and the same call
finishes the job. A call that finds nothing to do changes nothing but the log of runs.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from ingest.batches import Plan, cut_batches, plan_batch, without
from ingest.contrasts.refresh import refresh_contrasts
from ingest.encode.batch import BatchEncoder
from ingest.models.language_model import LanguageModel
from ingest.models.matching import load_together
from ingest.models.sae import LoadedSAE
from ingest.registration import Registered, register
from ingest.removal import remove_documents
from ingest.runs import Counts, RunRecord, record_failure
from ingest.sources import Document, Skipped, read_documents, source_stem
from ingest.statistics.sums import sum_pending
from ingest.storing import store_batch
from schema.errors import SourceError
from schema.file_names import shown
from schema.locking import held
from schema.store import Atlas, check_path, open_atlas

Report = Callable[[str, Counts], None]


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


@dataclass(frozen=True)
class IngestResult:
    """What an ingest did. `skipped` holds the records and files that were passed over."""

    counts: Counts
    summed: list[tuple[int, int]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0
    run: int | None = None
    """Key of the run's row."""


def ingest(request: IngestRequest, report: Report = lambda stage, counts: None) -> IngestResult:
    """Load the model and the SAEs, and run the job; `report` is told the stage and the counts as they grow.

    Raises:
        SourceError, ModelError, AtlasFileError: see there; what was stored before stays.
    """
    check_path(request.atlas, create=True)
    with held(request.atlas):
        try:
            skipped: list[Skipped] = []
            documents = _first_read(_documents(request, skipped))
            if request.atlas.exists() and request.atlas.stat().st_size:
                open_atlas(request.atlas).close()
            report("loading the model", Counts())
            model, saes = load_together(request.saes, request.model, request.device)
        except BaseException as error:
            asked = _arguments(request, request.model, request.saes)
            record_failure(request.atlas, "ingest", asked, request.device, error)
            raise
        return _run(request, model, saes, report, (documents, skipped))


def ingest_with(
    request: IngestRequest,
    model: LanguageModel,
    saes: Sequence[LoadedSAE],
    report: Report = lambda stage, counts: None,
) -> IngestResult:
    """The same with a model and SAEs that are loaded already: `request.model` and `request.saes` are not read."""
    skipped: list[Skipped] = []
    return _run(request, model, saes, report, (_first_read(_documents(request, skipped)), skipped))


def _run(
    request: IngestRequest,
    model: LanguageModel,
    saes: Sequence[LoadedSAE],
    report: Report,
    read: tuple[Iterator[tuple[Document, str]], list[Skipped]],
) -> IngestResult:
    with open_atlas(request.atlas, create=True) as atlas:
        result = ingest_into(atlas, request, read, (model, saes), report)
        refresh_contrasts(atlas)
        return result


def ingest_into(
    atlas: Atlas,
    request: IngestRequest,
    read: tuple[Iterator[tuple[Document, str]], list[Skipped]],
    loaded: tuple[LanguageModel, Sequence[LoadedSAE]],
    report: Report = lambda stage, counts: None,
) -> IngestResult:
    """The same into an open atlas, of (document, corpus) pairs and what was passed over while they were read."""
    started = time.perf_counter()
    (documents, skipped), (model, saes) = read, loaded
    arguments = _arguments(request, model.name, [str(sae.name) for sae in saes])
    with RunRecord(atlas, "ingest", arguments, request.device, idle=True) as record:
        encoder = BatchEncoder.of(model, saes, request.device)
        registered = register(atlas, model, saes, encoder.bos_activations())
        for _ in _encode(request, documents, encoder, registered, record, skipped):
            report("encoding", record.counts)
        record.add(skipped=len(skipped))
        report("summing", record.counts)
        summed = list(sum_pending(atlas))
    return IngestResult(record.counts, summed, skipped, time.perf_counter() - started, record.key)


def _encode(
    request: IngestRequest,
    documents: Iterator[tuple[Document, str]],
    encoder: BatchEncoder,
    registered: Registered,
    record: RunRecord,
    skipped: list[Skipped],
) -> Iterator[None]:
    """Encode and store every batch that is not yet known."""
    atlas = record.atlas
    for cut in cut_batches(documents):
        batch = cut
        plan = plan_batch(atlas, batch, registered, record.key)
        if plan.clashing:
            _pass_over(plan, request.on_error, skipped)
            batch = without(batch, plan.clashing)
            plan = plan_batch(atlas, batch, registered, record.key)
        known = len(batch.documents) - plan.todo
        if plan.done:
            record.add(known=known, skipped=len(skipped))
            yield
            continue
        texts = [document.text for document in batch.documents]
        hashes = [document.content_hash for document in batch.documents]
        encoded = encoder.encode(texts, hashes, plan.wanted)
        with atlas.transaction():
            run = record.start()
            if plan.replaced:
                remove_documents(atlas, plan.replaced)
            store_batch(atlas, plan, encoded, registered, run)
            tokens = sum(
                sum(map(len, parts)) for parts, todo in zip(encoded.windows, plan.pending, strict=True) if todo
            )
            activations = sum(table.num_rows for table in encoded.activations)
            record.add(plan.todo, known, tokens, activations, len(skipped))
        yield


def _pass_over(plan: Plan, on_error: Literal["stop", "skip"], skipped: list[Skipped]) -> None:
    """Refuse, or pass over, documents whose id names another text of the same run."""
    for place in plan.clashing:
        document = plan.batch.documents[place]
        reason = f"the id {document.external_id!r} names two texts; give each document an id of its own"
        if on_error == "stop":
            raise SourceError(f"{document.source}: {reason}, or pass over the second: --on-error skip")
        skipped.append(Skipped(document.source, reason))


def _documents(request: IngestRequest, skipped: list[Skipped]) -> Iterator[tuple[Document, str]]:
    """Every document with the name of its corpus, in source order; what is passed over goes to `skipped`."""

    def read() -> Iterator[tuple[Document, str]]:
        for source in request.sources:
            stem = source_stem(source)
            for record in read_documents(source, on_error=request.on_error, domain=request.domain):
                if isinstance(record, Skipped):
                    skipped.append(record)
                    continue
                document = replace(record, domain=request.domain) if request.domain else record
                yield document, request.corpus or f"{stem}/{document.domain}"

    return islice(read(), request.limit)


def _first_read(documents: Iterator[tuple[Document, str]]) -> Iterator[tuple[Document, str]]:
    """The same documents, the first one read now: a missing file is met before any model is loaded."""
    return chain(list(islice(documents, 1)), documents)


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
