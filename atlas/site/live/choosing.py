"""Which SAEs a typed text is read by, where none are named: those of the snapshot that is served."""

import sqlite3
from contextlib import closing
from pathlib import Path

from atlas.publish.database import DATABASE
from schema import AtlasError


def published_saes(folder: Path) -> tuple[str, ...]:
    """The SAEs of a snapshot, spelled release/sae_id, that read the model of the first.

    Raises:
        AtlasError: it holds none.
    """
    with closing(sqlite3.connect(f"{(folder / DATABASE).resolve().as_uri()}?mode=ro", uri=True)) as database:
        found = database.execute(
            "SELECT release || '/' || sae_id FROM sae "
            "WHERE (model, tokenization) = (SELECT model, tokenization FROM sae ORDER BY ordinal LIMIT 1) "
            "ORDER BY ordinal"
        ).fetchall()
    if not found:
        raise AtlasError("the published atlas holds no SAE yet; ingest something, and publish again")
    return tuple(dict.fromkeys(str(row[0]) for row in found))
