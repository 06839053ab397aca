"""The end of a run: older versions and what is gone taken out, once all of the sources have been read."""

from dataclasses import dataclass

from ingest.jobs.remove import remove_documents
from ingest.jobs.runs import RunRecord
from ingest.rows.identity import Seen
from ingest.rows.intake import Intake


@dataclass(frozen=True)
class Unseen:
    """Keys of documents that the run has not seen: older versions of those it has (R5), and others (R6)."""

    older: list[int]
    others: list[int]


def settle(record: RunRecord, seen: Seen, intake: Intake) -> list[str]:
    """Remove what the run has replaced, or is to drop, in one transaction; what stays that should go, and why."""
    unseen = _unseen(seen, intake)
    doomed = unseen.older + (unseen.others if intake.drop else [])
    doubts = "; ".join(intake.doubts)
    if doubts:
        undone = [f"{_versions(len(unseen.older))} kept: {doubts}"] if unseen.older else []
        return undone + ([f"no document is dropped as gone: {doubts}"] if intake.drop else [])
    if doomed:
        with record.atlas.transaction():
            record.start()
            remove_documents(record.atlas, doomed)
            record.add(replaced=len(unseen.older), dropped=len(doomed) - len(unseen.older))
    return []


def _unseen(seen: Seen, intake: Intake) -> Unseen:
    """The documents of the run's corpora whose texts it has not seen there."""
    theirs, parameters = "sources.family IS NOT NULL OR number IS NOT NULL", {}
    if intake.drop:
        theirs = "starts_with(name, $corpus || '/')" if intake.by_domain else "name = $corpus"
        parameters = {"corpus": intake.corpus}
    rows = seen.atlas.rows(_UNSEEN.format(theirs=theirs), parameters)
    return Unseen([key for key, older in rows if older], [key for key, older in rows if not older])


_UNSEEN = """
    WITH sources AS (
      SELECT DISTINCT family
      FROM seen_corpus
      WHERE family IS NOT NULL
    ), held AS (
      SELECT document, number, sources.family, CAST(content_hash AS UUID) AS text, md5_number(external_id) AS id
      FROM document
      JOIN corpus USING (corpus)
      LEFT JOIN seen_corpus USING (name)
      LEFT JOIN sources ON starts_with(name, sources.family || '/')
      WHERE {theirs}
    ), elsewhere AS (
      SELECT family, text, id
      FROM seen
      JOIN seen_corpus USING (number)
      WHERE family IS NOT NULL
    )
    SELECT
      document,
      EXISTS (FROM seen WHERE seen.number = held.number AND seen.id = held.id)
        OR EXISTS (
          FROM elsewhere
          WHERE elsewhere.family = held.family
            AND elsewhere.text = held.text
            AND COALESCE(elsewhere.id = held.id, true)
        )
    FROM held
    ANTI JOIN seen ON seen.number = held.number AND seen.text = held.text
    ORDER BY document
"""


def _versions(count: int) -> str:
    return "1 older version of a document is" if count == 1 else f"{count:,} older versions of documents are"
