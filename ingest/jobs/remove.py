"""The remove job: a corpus or an SAE taken out, and what rested on it computed again.

An SAE goes in one transaction: killed at any moment, it is there whole or not at all.
"""

from dataclasses import dataclass
from pathlib import Path

from ingest.contrasts.selection import select_documents
from ingest.jobs.contrast import refresh_contrasts
from ingest.jobs.progress import Report, silent_report
from ingest.jobs.run_record import RunRecord
from ingest.rows.removal import remove_documents, remove_sae
from ingest.statistics.sums import sum_corpora
from schema.errors import SelectionError
from schema.naming import sae_named
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class RemoveRequest:
    """What to remove: the documents of a corpus, domain=D or term=T, or an SAE by its name, or name and hash."""

    atlas: Path
    corpus: str | None = None
    sae: str | None = None


@dataclass(frozen=True)
class RemoveResult:
    """What went: how many documents, and the name and hash of the SAE.

    recomputed: the contrasts that read what went, of two sides, of a number or of classes, computed again or dropped.
    finished: there was no such corpus, but an earlier command had left work undone, which is done now.
    """

    documents: int = 0
    sae: str | None = None
    recomputed: tuple[str, ...] = ()
    finished: bool = False


def remove(request: RemoveRequest, report: Report = silent_report) -> RemoveResult:
    """Remove it.

    Raises:
        SelectionError: the atlas holds no such corpus or SAE.
        AtlasFileError: the atlas cannot be opened.
    """
    with open_atlas(request.atlas) as atlas:
        return remove_into(atlas, request, report)


def remove_into(atlas: Atlas, request: RemoveRequest, report: Report = silent_report) -> RemoveResult:
    """Remove it from an open atlas."""
    if request.sae is not None:
        return RemoveResult(sae=_remove_sae(atlas, request.sae))
    finished = [*sum_corpora(atlas), *refresh_contrasts(atlas)]
    try:
        removed = _remove_corpus(atlas, str(request.corpus))
    except SelectionError:
        if not finished:
            raise
        return RemoveResult(finished=True)
    return RemoveResult(documents=removed, recomputed=tuple(refresh_contrasts(atlas)))


def _remove_corpus(atlas: Atlas, name: str) -> int:
    """Remove the documents that a set names; how many went."""
    documents = list(select_documents(atlas, (name,)))
    with RunRecord(atlas, "remove", {"corpus": name}, "cpu") as record:
        with atlas.transaction():
            record.start()
            remove_documents(atlas, documents)
        for _ in sum_corpora(atlas):
            pass
    return len(documents)


def _remove_sae(atlas: Atlas, spelled: str) -> str:
    """Remove the SAE of that name, of several the newest, or of that name and hash; its name and hash."""
    key, pinned = sae_named(atlas, spelled)
    with RunRecord(atlas, "remove", {"sae": pinned}, "cpu") as record, atlas.transaction():
        record.start()
        remove_sae(atlas, key)
    return pinned
