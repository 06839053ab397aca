"""The evaluate job: documents of the atlas through the model and an SAE, a row of `sae_quality` a corpus.

A corpus is a transaction of its own. Its figures stand until a document of it is replaced or removed; they are
computed again when it has grown, or when another number of documents is asked for.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import delete, insert

from ingest.contrasts.selection import select_documents
from ingest.encode.batch import BatchEncoder
from ingest.encode.windows import Tokenization
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.reader import POCKET_READER, Loaded, Reader
from ingest.jobs.run_record import RunRecord
from ingest.quality.measuring import Meter
from ingest.quality.quality_sums import Losses, Quality, Reconstruction, quality_figures
from ingest.rows.registration import register_saes
from schema import tables
from schema.errors import SelectionError
from schema.store import Atlas, open_atlas

Sums = tuple[Reconstruction, Losses]

DOCUMENTS = 64
"""Documents read from the atlas, and cut into windows, at a time."""


@dataclass(frozen=True)
class EvaluateRequest:
    """The corpus to evaluate the reader's one SAE on; a source's name means each of its corpora, one by one."""

    atlas: Path
    corpus: str
    limit: int | None = None
    reader: Reader = POCKET_READER


@dataclass(frozen=True)
class Corpus:
    """A corpus, and how many of its documents are read, from the first on."""

    key: int
    name: str
    documents: int


@dataclass(frozen=True)
class Evaluated:
    """The figures of a corpus; `known` where they were in the atlas before."""

    corpus: Corpus
    quality: Quality
    known: bool


def evaluate(request: EvaluateRequest, report: Report = silent_report) -> list[Evaluated]:
    """Load the model and the SAE, and evaluate it.

    Raises:
        SelectionError: there is no such corpus, or nothing in it can be predicted.
        ModelError, AtlasFileError: see there; what was stored before stays.
    """
    with open_atlas(request.atlas) as atlas:
        corpora_to_evaluate(atlas, request.corpus, request.limit)
    loaded = request.reader.load()
    with open_atlas(request.atlas) as atlas:
        return evaluate_into(atlas, request, loaded, report)


def evaluate_into(
    atlas: Atlas, request: EvaluateRequest, loaded: Loaded, report: Report = silent_report
) -> list[Evaluated]:
    """Evaluate a loaded SAE on corpora of an open atlas; a new SAE is registered."""
    (model, (sae,)), device = loaded, request.reader.runs_on
    meter = Meter(model, sae, device)
    corpora = corpora_to_evaluate(atlas, request.corpus, request.limit)
    encoder = BatchEncoder.of(model, [sae], device)
    key = register_saes(atlas, model, [sae], encoder.bos_activations()).saes[0]
    total, done = sum(corpus.documents for corpus in corpora), 0
    found = []
    arguments = {"sae": str(sae.name), "model": model.name, "corpus": request.corpus, "limit": request.limit}
    with RunRecord(atlas, "evaluate", arguments, device) as record:
        for corpus in corpora:
            known = stored_quality(atlas, key, corpus)
            if known is None:
                sums: Sums | None = None
                for read, part in _parts(atlas, corpus, meter, encoder.tokenization):
                    sums = part if sums is None else (sums[0] + part[0], sums[1] + part[1])
                    report(Progress("evaluating", done + read, total))
                _store(record, key, corpus, figures := _figures(corpus, sums, model.config.d_vocab))
            else:
                figures = known
                record.add(known=corpus.documents)
            done += corpus.documents
            report(Progress("evaluating", done, total))
            found.append(Evaluated(corpus, figures, known is not None))
    return found


def corpora_to_evaluate(atlas: Atlas, name: str, limit: int | None = None) -> list[Corpus]:
    """The corpus of that name, or every corpus of that source, by name.

    Raises:
        SelectionError: there is none.
    """
    rows = atlas.rows(
        """
        SELECT corpus, name, COUNT(*)
        FROM corpus
        JOIN document USING (corpus)
        WHERE name = $name
          OR starts_with(name, $name || '/')
        GROUP BY ALL
        ORDER BY name
        """,
        {"name": name},
    )
    if not rows:
        select_documents(atlas, [name])
        raise SelectionError(f"'{name}' is no corpus but a set of documents; an SAE is evaluated on whole corpora")
    return [Corpus(key, corpus, min(documents, limit or documents)) for key, corpus, documents in rows]


def stored_quality(atlas: Atlas, sae: int, corpus: Corpus) -> Quality | None:
    """The figures that the atlas holds of just these documents."""
    names = ", ".join(Quality.__dataclass_fields__)
    sql = f"SELECT {names} FROM sae_quality WHERE sae = ? AND corpus = ? AND documents = ?"
    rows = atlas.rows(sql, [sae, corpus.key, corpus.documents])
    return Quality(*rows[0]) if rows else None


def _parts(atlas: Atlas, corpus: Corpus, meter: Meter, tokenization: Tokenization) -> Iterator[tuple[int, Sums]]:
    """Documents read so far, and the sums of the last of them."""
    read = 0
    for texts, hashes in _documents(atlas, corpus):
        windows = [window for parts in tokenization.windows(texts, hashes) for window in parts]
        read += len(texts)
        for sums in meter.measure(windows):
            yield read, sums


def _documents(atlas: Atlas, corpus: Corpus) -> Iterator[tuple[list[str], list[str]]]:
    """Texts and content hashes of the corpus' documents, some at a time."""
    last, left = -1, corpus.documents
    while left:
        rows = atlas.rows(
            """
            SELECT document, text, content_hash
            FROM document
            WHERE corpus = ?
              AND document > ?
            ORDER BY document
            LIMIT ?
            """,
            [corpus.key, last, min(left, DOCUMENTS)],
        )
        last, left = rows[-1][0], left - len(rows)
        yield [row[1] for row in rows], [row[2] for row in rows]


def _figures(corpus: Corpus, sums: Sums | None, d_vocab: int) -> Quality:
    """Raises SelectionError where there is no token, or none that can be predicted."""
    if sums is None or not sums[1].predicted_tokens:
        raise SelectionError(f"corpus {corpus.name} holds no token that could be predicted; ingest longer texts")
    figures = quality_figures(*sums, d_vocab)
    wrong = [name for name, value in asdict(figures).items() if value is not None and not math.isfinite(value)]
    if wrong:
        raise SelectionError(f"corpus {corpus.name}: {', '.join(wrong)} cannot be computed: not a finite number")
    return figures


def _store(record: RunRecord, sae: int, corpus: Corpus, figures: Quality) -> None:
    """Replace the row of the SAE and the corpus, in a transaction."""
    table = tables.sae_quality
    row = {"sae": sae, "corpus": corpus.key, "documents": corpus.documents, **asdict(figures)}
    row |= {name: getattr(figures, name) for name in ("ce_recovered", "ce_recovered_uniform", "ce_rise")}
    with record.atlas.transaction() as connection:
        row["ingest_run"] = record.start()
        connection.execute(delete(table).where(table.c.sae == sae, table.c.corpus == corpus.key))
        connection.execute(insert(table), row)
        record.add(documents=corpus.documents, tokens=figures.tokens)
