"""Documents and SAEs taken out of an atlas, with every row that rests on them.

Maxima, top lists and counts of distinct things cannot be subtracted: what is
stored of a corpus is dropped and summed again from the documents that remain.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from sqlalchemy import Table

from ingest.contrasts.stale import mark_stale
from ingest.labels.stored_labels import mark_stale_labels
from ingest.rows.document_identity import Seen
from ingest.rows.source_records import Intake
from ingest.statistics.sums import rank_summed_tokens
from schema import tables
from schema.finite_numbers import filled_tables
from schema.naming import name_saes
from schema.store import Atlas

SUMMED = (
    tables.sae_corpus,
    tables.feature_corpus,
    tables.feature_histogram,
    tables.feature_token,
    tables.feature_example,
    tables.sae_quality,
    tables.attention_head,
)


@dataclass(frozen=True)
class Outgoing:
    """Keys of documents that a run takes out at its end: older versions (R5), and what is gone (R6).

    kept: a line for what should go and stays, and why.
    """

    older: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def outgoing_documents(seen: Seen, intake: Intake) -> Outgoing:
    """What a run has replaced, or is to drop, once all of its sources have been read; nothing where some were not."""
    older, others = _unseen(seen, intake)
    doubts, drop = "; ".join(intake.doubts), intake.asked.drop
    if not doubts:
        return Outgoing(older, others if drop else [])
    kept = [f"{_versions(len(older))} kept: {doubts}"] if older else []
    return Outgoing(kept=kept + ([f"no document is dropped as gone: {doubts}"] if drop else []))


def _unseen(seen: Seen, intake: Intake) -> tuple[list[int], list[int]]:
    """Documents of the run's corpora whose texts it has not seen there: older versions, and others."""
    theirs, parameters = "sources.family IS NOT NULL OR number IS NOT NULL", {}
    if intake.asked.drop:
        theirs = "name = $corpus" if intake.asked.corpus else "starts_with(name, $corpus || '/')"
        parameters = {"corpus": intake.asked.corpus or intake.asked.stem}
    agreed = [dict(zip(_AGREED.names, folders, strict=True)) for folders in sorted(seen.agreed)]
    with seen.atlas.registered(agreed=pa.Table.from_pylist(agreed, _AGREED)):
        rows = seen.atlas.rows(_UNSEEN.format(theirs=theirs), parameters)
    return [key for key, older in rows if older], [key for key, older in rows if not older]


def remove_documents(atlas: Atlas, documents: Sequence[int]) -> None:
    """Delete documents, all that depends on them, and corpora left empty; to be called inside a transaction.

    The sums of their corpora are taken back: `sum_corpora` makes them anew. Contrasts that read them are
    marked: `refresh_contrasts` computes them again.
    """
    mark_stale(atlas, documents)
    mark_stale_labels(atlas, documents)
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
    held = filled_tables(atlas.rows)
    _take_back_sums(atlas, held)
    _delete_ablations(atlas, held)
    _delete(atlas, tables.document, held)
    atlas.rows(
        """
        DELETE FROM corpus
        WHERE corpus IN (FROM affected)
          AND corpus NOT IN (SELECT corpus FROM document)
        """
    )
    atlas.rows("DROP TABLE affected")


def remove_sae(atlas: Atlas, key: int) -> None:
    """Delete an SAE, all that was said of it, and what no other uses; to be called inside a transaction.

    Texts stay: they are the sources', not the SAE's. Nothing is computed on the way, so that an SAE whose rows no
    command can read any more goes too.
    """
    held = filled_tables(atlas.rows)
    atlas.rows(
        "CREATE TEMP TABLE doomed_patch_pair AS SELECT DISTINCT patch_pair FROM patch_effect WHERE sae = ?", [key]
    )
    _delete(atlas, tables.patch_pair, held)
    atlas.rows("CREATE TEMP TABLE doomed_graph AS SELECT DISTINCT graph FROM graph_node WHERE sae = ?", [key])
    _delete(atlas, tables.graph, held)
    atlas.rows("CREATE TEMP TABLE doomed_sae AS SELECT sae FROM sae WHERE sae = ?", [key])
    for table in (tables.sae_match, tables.feature_match):
        atlas.rows(f"DELETE FROM {table.name} WHERE other_sae IN (FROM doomed_sae)")
    _delete(atlas, tables.sae, held)
    for table in (tables.reproduction_feature, tables.reproduction_fault):
        atlas.rows(f"DELETE FROM {table.name} WHERE (contrast, sae) NOT IN (SELECT (contrast, sae) FROM reproduction)")
    atlas.rows("DELETE FROM contrast WHERE contrast NOT IN (SELECT contrast FROM sae_contrast)")
    atlas.rows("DELETE FROM association WHERE association NOT IN (SELECT association FROM sae_association)")
    atlas.rows(f"DELETE FROM model WHERE model NOT IN ({_MODELS_USED})")
    for table in (tables.attention_summary, tables.attention_head):
        atlas.rows(
            f"DELETE FROM {table.name} WHERE (model, tokenization) NOT IN (SELECT (model, tokenization) FROM sae)"
        )
    unread = "tokenization NOT IN (SELECT tokenization FROM sae)"
    atlas.rows(f"DELETE FROM token WHERE context IN (SELECT context FROM context WHERE {unread})")
    for table in (tables.context, tables.vocabulary, tables.tokenization):
        atlas.rows(f"DELETE FROM {table.name} WHERE {unread}")
    name_saes(atlas)


_MODELS_USED = " UNION ALL ".join(
    f"SELECT model FROM {name}" for name in ("sae", "explanation", "patch_pair", "graph", "study_prompt")
)


def _take_back_sums(atlas: Atlas, held: Sequence[Table]) -> None:
    """Drop what is summed of the affected corpora, and mark their documents as not summed."""
    saes = atlas.rows("SELECT DISTINCT sae FROM sae_corpus WHERE corpus IN (FROM affected) ORDER BY sae")
    for table in (table for table in SUMMED if table in held):
        atlas.rows(f"DELETE FROM {table.name} WHERE corpus IN (FROM affected)")
    theirs = "document IN (SELECT document FROM document WHERE corpus IN (FROM affected))"
    atlas.rows(f"DELETE FROM feature_document WHERE {theirs}")
    atlas.rows(f"UPDATE coverage SET summed = false WHERE {theirs}")
    for (sae,) in saes:
        rank_summed_tokens(atlas, sae)


def _delete_ablations(atlas: Atlas, held: Sequence[Table]) -> None:
    """Delete ablations that read a document that goes: their figures are over all that they read."""
    atlas.rows(
        """
        CREATE TEMP TABLE doomed_ablation AS
        SELECT DISTINCT ablation
        FROM ablation_document
        WHERE document IN (FROM doomed_document)
        """
    )
    _delete(atlas, tables.ablation, held)


def _delete(atlas: Atlas, table: Table, held: Sequence[Table]) -> None:
    """Delete the rows of a table whose keys are in the temporary table doomed_TABLE, after their dependants.

    held: the tables that hold a row; the others, most of them in most atlases, are not looked through.
    """
    doomed = f"doomed_{table.name}"
    for child in _dependants(table, held):
        theirs = " OR ".join(f"{column} IN (FROM {doomed})" for column in _pointers(child, table))
        if [column.name for column in child.primary_key] == [child.name]:
            atlas.rows(f"CREATE TEMP TABLE doomed_{child.name} AS SELECT {child.name} FROM {child.name} WHERE {theirs}")
            _delete(atlas, child, held)
        else:
            atlas.rows(f"DELETE FROM {child.name} WHERE {theirs}")
    atlas.rows(f"DELETE FROM {table.name} WHERE {table.name} IN (FROM {doomed})")
    atlas.rows(f"DROP TABLE {doomed}")


def _dependants(table: Table, held: Sequence[Table]) -> list[Table]:
    """Those of the tables that have a column that points to this one."""
    return [child for child in held if child is not table and _pointers(child, table)]


def _pointers(child: Table, table: Table) -> list[str]:
    """The columns of one table that point to another."""
    return [column.name for column in child.columns if column.info.get("references") == table.name]


_AGREED = pa.schema([("name", pa.string()), ("folder", pa.string()), ("former", pa.string())])
"""Corpora with a folder of the run and another whose data set it is, moved (R7)."""

_UNSEEN = """
    WITH sources AS (
      SELECT DISTINCT family
      FROM seen_corpus
      WHERE family IS NOT NULL
    ), held AS (
      SELECT document, number, sources.family, folder, CAST(content_hash AS UUID) AS text, md5_number(external_id) AS id
      FROM document
      JOIN corpus USING (corpus)
      LEFT JOIN seen_corpus USING (name)
      LEFT JOIN sources ON starts_with(name, sources.family || '/')
      WHERE {theirs}
    ), read AS (
      SELECT family, folder, text, id
      FROM seen
      JOIN seen_corpus USING (number)
      WHERE family IS NOT NULL
    ), moved AS (
      SELECT DISTINCT family, folder, former
      FROM agreed
      JOIN seen_corpus USING (name)
    ), elsewhere AS (
      FROM read
      UNION ALL
      SELECT family, former, text, id
      FROM read
      JOIN moved USING (family, folder)
    )
    SELECT
      document,
      EXISTS (FROM seen WHERE seen.number = held.number AND seen.id = held.id)
        OR EXISTS (
          FROM elsewhere
          WHERE elsewhere.family = held.family
            AND elsewhere.folder IS NOT DISTINCT FROM held.folder
            AND elsewhere.text = held.text
            AND COALESCE(elsewhere.id = held.id, true)
        )
    FROM held
    ANTI JOIN seen ON seen.number = held.number AND seen.text = held.text
    ORDER BY document
"""


def _versions(count: int) -> str:
    return "1 older version of a document is" if count == 1 else f"{count:,} older versions of documents are"
