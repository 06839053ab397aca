"""Documents taken out of an atlas, with everything that was said of them.

Maxima, top lists and counts of distinct things cannot be subtracted: what is
stored of a corpus is dropped and summed again from the documents that remain.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from sqlalchemy import Table

from ingest.contrasts.selection import select_documents
from ingest.contrasts.stale import mark_stale
from ingest.jobs.runs import RunRecord
from ingest.statistics.sums import rank_tokens, sum_pending
from schema import tables
from schema.store import Atlas

SUMMED = (
    tables.sae_corpus,
    tables.feature_corpus,
    tables.feature_histogram,
    tables.feature_token,
    tables.feature_example,
    tables.sae_quality,
)


def remove_corpus(atlas: Atlas, name: str) -> int:
    """Remove a corpus, or every corpus of a source, with its documents; how many documents went.

    Raises:
        SelectionError: there is no such corpus.
    """
    documents = list(select_documents(atlas, (name,)))
    with RunRecord(atlas, "remove", {"corpus": name}, "cpu") as record:
        with atlas.transaction():
            record.start()
            remove_documents(atlas, documents)
        for _ in sum_pending(atlas):
            pass
    return len(documents)


def remove_documents(atlas: Atlas, documents: Sequence[int]) -> None:
    """Delete documents, all that depends on them, and corpora left empty; to be called inside a transaction.

    The sums of their corpora are taken back: `sum_pending` makes them anew. Contrasts that read them are
    marked: `refresh_contrasts` computes them again.
    """
    mark_stale(atlas, documents)
    doomed = pa.table({"document": np.asarray(documents, np.int32)})
    with atlas.registered(doomed=doomed):
        atlas.rows("CREATE TEMP TABLE doomed_document AS SELECT document FROM doomed")
        atlas.rows(
            """
            CREATE TEMP TABLE affected AS
            SELECT DISTINCT corpus
            FROM document
            WHERE document IN (FROM doomed_document)
            """
        )
    _take_back_sums(atlas)
    _delete(atlas, tables.document)
    atlas.rows(
        """
        DELETE FROM corpus
        WHERE corpus IN (FROM affected)
          AND corpus NOT IN (SELECT corpus FROM document)
        """
    )
    atlas.rows("DROP TABLE affected")


def _take_back_sums(atlas: Atlas) -> None:
    """Drop what is summed of the affected corpora, and mark their documents as not summed."""
    saes = atlas.rows("SELECT DISTINCT sae FROM sae_corpus WHERE corpus IN (FROM affected) ORDER BY sae")
    for table in SUMMED:
        atlas.rows(f"DELETE FROM {table.name} WHERE corpus IN (FROM affected)")
    theirs = "document IN (SELECT document FROM document WHERE corpus IN (FROM affected))"
    atlas.rows(f"DELETE FROM feature_document WHERE {theirs}")
    atlas.rows(f"UPDATE coverage SET summed = false WHERE {theirs}")
    for (sae,) in saes:
        rank_tokens(atlas, sae)


def _delete(atlas: Atlas, table: Table) -> None:
    """Delete the rows of a table whose keys are in the temporary table doomed_TABLE, after their dependants."""
    doomed = f"doomed_{table.name}"
    for child in _dependants(table):
        theirs = f"{table.name} IN (FROM {doomed})"
        if child.name in child.primary_key.columns:
            atlas.rows(f"CREATE TEMP TABLE doomed_{child.name} AS SELECT {child.name} FROM {child.name} WHERE {theirs}")
            _delete(atlas, child)
        else:
            atlas.rows(f"DELETE FROM {child.name} WHERE {theirs}")
    atlas.rows(f"DELETE FROM {table.name} WHERE {table.name} IN (FROM {doomed})")
    atlas.rows(f"DROP TABLE {doomed}")


def _dependants(table: Table) -> list[Table]:
    """The tables with a column that points to this one."""
    return [
        child
        for child in tables.metadata.sorted_tables
        if child is not table and any(column.info.get("references") == table.name for column in child.columns)
    ]
