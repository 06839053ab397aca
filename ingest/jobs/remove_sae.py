"""An SAE taken out of an atlas, with everything that was said of it, and the model and windows that no other uses.

Texts stay: they are the sources', not the SAE's. Nothing is computed on the way, so that an SAE whose rows no command
can read any more goes too. It is one transaction: killed at any moment, the SAE is there whole or not at all.
"""

import difflib

from sqlalchemy import Table

from ingest.jobs.runs import RunRecord
from schema import tables
from schema.errors import SelectionError
from schema.naming import name_saes
from schema.store import Atlas

KEYED = (tables.explanation,)
"""Tables of an SAE whose own keys others point to."""


def remove_sae(atlas: Atlas, spelled: str) -> str:
    """Remove the SAE of that name, of several the newest, or of that name and hash; its name and hash.

    Raises:
        SelectionError: the atlas holds no such SAE.
    """
    key, pinned = _named(atlas, spelled)
    with RunRecord(atlas, "remove", {"sae": pinned}, "cpu") as record, atlas.transaction():
        record.start()
        for table in KEYED:
            theirs = f"{table.name} IN (SELECT {table.name} FROM {table.name} WHERE sae = {key})"
            for child in _pointing(table):
                atlas.rows(f"DELETE FROM {child.name} WHERE {theirs}")
        for table in _pointing(tables.sae):
            atlas.rows(f"DELETE FROM {table.name} WHERE sae = {key}")
        atlas.rows(f"DELETE FROM sae WHERE sae = {key}")
        _remove_unused(atlas)
        name_saes(atlas)
    return pinned


def _named(atlas: Atlas, spelled: str) -> tuple[int, str]:
    known = atlas.rows("SELECT sae, pinned, label FROM sae ORDER BY ordinal")
    for key, pinned, label in known:
        if spelled in (label, pinned):
            return int(key), str(pinned)
    labels = [str(label) for _, _, label in known]
    near = difflib.get_close_matches(spelled, labels, n=3)
    raise SelectionError(
        f"{atlas.path} has no SAE '{spelled}'; " + (f"did you mean {' or '.join(near)}?" if near else _listed(labels))
    )


def _listed(labels: list[str]) -> str:
    return f"it has {', '.join(labels)}" if labels else "it holds none"


def _remove_unused(atlas: Atlas) -> None:
    """Delete contrasts that are of no SAE, models that none reads, and windows that none reads, with their tokens."""
    atlas.rows("DELETE FROM contrast WHERE contrast NOT IN (SELECT contrast FROM sae_contrast)")
    atlas.rows("DELETE FROM model WHERE model NOT IN (SELECT model FROM sae UNION ALL SELECT model FROM explanation)")
    unread = "tokenization NOT IN (SELECT tokenization FROM sae)"
    atlas.rows(f"DELETE FROM token WHERE context IN (SELECT context FROM context WHERE {unread})")
    for table in (tables.context, tables.vocabulary, tables.tokenization):
        atlas.rows(f"DELETE FROM {table.name} WHERE {unread}")


def _pointing(table: Table) -> list[Table]:
    """The tables with a column that names a row of this one."""
    return [
        other
        for other in tables.metadata.sorted_tables
        if other is not table and other.columns.get(table.name) is not None
    ]
