"""Documents that are no longer in any source of their corpus, taken out exactly."""

from collections.abc import Collection, Mapping

import pyarrow as pa

from ingest.removal import remove_documents
from ingest.runs import RunRecord
from ingest.schedule.config import Job
from ingest.statistics.sums import sum_pending
from schema.store import Atlas


def drop_gone(atlas: Atlas, job: Job, seen: Mapping[str, Collection[bytes]]) -> int:
    """Remove the documents of a job's corpora that were not seen in its sources, all of which were read.

    Contrasts that read them are left to `refresh_contrasts`. How many documents went.
    """
    doomed = _unseen(atlas, job, seen)
    if not doomed:
        return 0
    with RunRecord(atlas, "remove", {"corpus": job.name, "gone": len(doomed)}, "cpu") as record:
        with atlas.transaction():
            record.start()
            remove_documents(atlas, doomed)
        for _ in sum_pending(atlas):
            pass
    return len(doomed)


def _unseen(atlas: Atlas, job: Job, seen: Mapping[str, Collection[bytes]]) -> list[int]:
    table = pa.table(
        {
            "name": pa.array([name for name, hashes in seen.items() for _ in hashes], pa.string()),
            "content_hash": pa.array([found.hex() for hashes in seen.values() for found in hashes], pa.string()),
        }
    )
    theirs = "corpus.name = $name" if job.domain else "starts_with(corpus.name, $name || '/')"
    with atlas.registered(seen=table):
        rows = atlas.rows(
            f"""
            SELECT document
            FROM document
            JOIN corpus USING (corpus)
            ANTI JOIN seen ON seen.name = corpus.name AND seen.content_hash = document.content_hash
            WHERE {theirs}
            ORDER BY document
            """,
            {"name": job.name},
        )
    return [int(document) for (document,) in rows]
