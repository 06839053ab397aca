"""The attention job: what each head looks at, document by document; and whether it differs between a contrast's sides.

Documents are stored some at a time, each in whole: killed at any moment, the same command goes on from there.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingest.attribution.prompts import Prompt, prompt_windows
from ingest.circuits.attention.attention_contrast import SHUFFLES, compare_sides
from ingest.circuits.attention.attention_measures import COMPARED
from ingest.circuits.attention.attention_rows import (
    average_corpora,
    corpus_means_complete,
    document_rows,
    documents_looked_at,
    measure_attention_of_documents,
)
from ingest.circuits.tracer import Tracer
from ingest.contrasts.scores import Documents, read_documents
from ingest.contrasts.selection import select_documents
from ingest.contrasts.stale import STALE
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.reader import POCKET_READER, Loaded, Reader
from ingest.jobs.run_record import RunRecord
from schema import tables
from schema.errors import SelectionError
from schema.store import Atlas, open_atlas

DOCUMENTS_AT_ONCE = 256


@dataclass(frozen=True)
class AttentionRequest:
    """Whose attention: documents of sets, and those of contrasts, which are compared too. The reader has one SAE."""

    atlas: Path
    documents: tuple[str, ...] = ()
    contrasts: tuple[str, ...] = ()
    limit: int | None = None
    shuffles: int = SHUFFLES
    reader: Reader = POCKET_READER


@dataclass
class AttentionResult:
    """What a job did: documents newly looked at and known before, contrasts newly compared and known before.

    `sae` is the name and hash of the SAE that says how documents are cut.
    """

    sae: str = ""
    new: int = 0
    known: int = 0
    contrasts: list[str] = field(default_factory=list)
    contrasts_known: list[str] = field(default_factory=list)
    seconds: float = 0.0


def attention(request: AttentionRequest, report: Report = silent_report) -> AttentionResult:
    """Load the model and the SAE, and look at what heads look at.

    Raises:
        SelectionError: a set or a contrast that there is not; nothing has changed then.
        ModelError, AtlasFileError: see there.
    """
    open_atlas(request.atlas).close()
    loaded = request.reader.load()
    with open_atlas(request.atlas) as atlas:
        return attention_into(atlas, request, loaded, report)


def attention_into(
    atlas: Atlas, request: AttentionRequest, loaded: Loaded, report: Report = silent_report
) -> AttentionResult:
    """Look at what heads look at in documents of an open atlas, by a loaded model; the SAE says how they are cut."""
    started, tracer = time.perf_counter(), Tracer.of(atlas, *loaded)
    result = AttentionResult(tracer.keys[0].pinned)
    model, tokenization, sae = tracer.keys[0].model, tracer.keys[0].tokenization, tracer.keys[0].sae
    contrasts = {name: _contrast(atlas, name, sae) for name in request.contrasts}
    asked = list(select_documents(atlas, request.documents))[: request.limit] if request.documents else []
    asked += [int(key) for _, documents in contrasts.values() for key in documents.key]
    known = documents_looked_at(atlas, model, tokenization)
    wanted = [key for key in dict.fromkeys(asked) if key not in known]
    result.known = len(set(asked)) - len(wanted)
    arguments = {"sae": str(tracer.sae.name), "documents": list(request.documents), "contrasts": list(contrasts)}
    with RunRecord(atlas, "circuit attention", arguments, request.reader.runs_on) as record:
        for batch in _batches(atlas, wanted, tokenization):
            _look(record, tracer, batch, result)
            report(Progress("looking", result.new, len(wanted), "documents"))
        if not corpus_means_complete(atlas, model, tokenization):
            with atlas.transaction():
                record.start()
                average_corpora(atlas, model, tokenization)
        for name, (contrast, documents) in contrasts.items():
            _compare(record, tracer, (name, contrast), documents, request.shuffles, result)
    return replace(result, seconds=time.perf_counter() - started)


def _contrast(atlas: Atlas, name: str, sae: int) -> tuple[int, Documents]:
    """The key of a contrast, and the documents of it that the SAE has read."""
    rows = atlas.rows(
        """
        SELECT contrast, unit
        FROM contrast
        JOIN sae_contrast USING (contrast)
        WHERE name = ?
          AND sae = ?
          AND documents_hash <> ?
        """,
        [name, sae, STALE],
    )
    if not rows:
        stored = ", ".join(known for (known,) in atlas.rows("SELECT name FROM contrast ORDER BY name")) or "none"
        raise SelectionError(
            f"{atlas.path} holds no contrast '{name}' of this SAE; it has: {stored}; make it first: atlas contrast"
        )
    contrast, unit = rows[0]
    labels = atlas.rows(
        "SELECT document, positive FROM contrast_document WHERE contrast = ? AND sae = ? ORDER BY document",
        [contrast, sae],
    )
    return contrast, read_documents(atlas, sae, dict(labels), unit)


def _batches(atlas: Atlas, documents: list[int], tokenization: int) -> Iterator[list[Prompt]]:
    """The windows of some documents at a time."""
    for first in range(0, len(documents), DOCUMENTS_AT_ONCE):
        yield prompt_windows(atlas, documents[first : first + DOCUMENTS_AT_ONCE], tokenization)


def _look(record: RunRecord, tracer: Tracer, windows: list[Prompt], result: AttentionResult) -> None:
    found = measure_attention_of_documents(tracer, windows)
    with record.atlas.transaction():
        record.start()
        record.atlas.append(tables.attention_summary, document_rows(tracer, found))
        record.add(documents=len(found), tokens=sum(map(len, windows)))
    result.new += len(found)


def _compare(
    record: RunRecord,
    tracer: Tracer,
    contrast: tuple[str, int],
    documents: Documents,
    shuffles: int,
    result: AttentionResult,
) -> None:
    """Compare the sides of a contrast, unless that is stored: what changes its documents drops it."""
    (name, key), sae = contrast, tracer.keys[0].sae
    if record.atlas.rows("SELECT 1 FROM attention_contrast WHERE contrast = ? AND sae = ? LIMIT 1", [key, sae]):
        result.contrasts_known.append(name)
        return
    n_heads = tracer.n_heads
    parts = defaultdict(list)
    for measure, columns in compare_sides(_values(record.atlas, tracer, documents), documents, shuffles).items():
        cells = np.arange(len(columns["p"]))
        parts["measure"].append(np.full(len(cells), measure))
        parts["layer"].append((cells // n_heads).astype(np.int16))
        parts["head"].append((cells % n_heads).astype(np.int16))
        for column, values in columns.items():
            parts[column].append(values)
    if not parts:
        raise SelectionError(f"contrast '{name}' has fewer than five groups on a side: heads cannot be compared")
    joined = {column: np.concatenate(values) for column, values in parts.items()}
    rows = pa.table({column: pa.array(values, from_pandas=True) for column, values in joined.items()})
    for column, own in (("contrast", key), ("sae", sae)):
        rows = rows.append_column(column, pa.array(np.full(len(rows), own, np.int16)))
    with record.atlas.transaction():
        record.start()
        record.atlas.append(tables.attention_contrast, rows)
    result.contrasts.append(name)


def _values(atlas: Atlas, tracer: Tracer, documents: Documents) -> dict[str, np.ndarray]:
    """Each compared measure of the documents: (document, layer x head), NaN where there is none."""
    chosen = pa.table({"document": documents.key, "place": np.arange(len(documents), dtype=np.int32)})
    with atlas.registered(chosen=chosen):
        rows = atlas.arrow(
            f"""
            SELECT place, layer, head, {", ".join(COMPARED)}
            FROM attention_summary
            JOIN chosen USING (document)
            WHERE model = $model
              AND tokenization = $tokenization
            ORDER BY place, layer, head
            """,
            {"model": tracer.keys[0].model, "tokenization": tracer.keys[0].tokenization},
        )
    cells = tracer.hooked.n_layers * tracer.n_heads
    cell = rows["layer"].to_numpy() * tracer.n_heads + rows["head"].to_numpy()
    found = {}
    for measure in COMPARED:
        values = np.full((len(documents), cells), np.nan)
        values[rows["place"].to_numpy(), cell] = rows[measure].cast(pa.float64()).to_numpy()
        found[measure] = values
    return found
