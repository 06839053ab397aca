"""What a snapshot is made from, as one hash: equal fingerprints need no new snapshot."""

from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version

from atlas.publish.tables import UNPUBLISHED
from queries import saved_queries
from schema import Atlas, migrations
from schema.tables import metadata

DISTRIBUTION = "feature-atlas"
LOGS = frozenset({"ingest_run", "migration", "scheduled_run"})
"""A run that changed nothing else is not worth a snapshot; one that did shows in the other tables."""


def fingerprint(atlas: Atlas) -> str:
    """SHA-256, hexadecimal, over the versions, the saved queries and every row that is published.

    Rows are hashed by DuckDB and summed, so their order does not matter; the
    unpublished tables are what the published ones were computed from.
    """
    parts: list[object] = [program_version(), migrations.VERSION, saved_queries()]
    for table in metadata.sorted_tables:
        if table.name not in UNPUBLISHED | LOGS:
            rows = f"SELECT count(*), sum(CAST(hash(row) AS HUGEINT)) FROM {table.name} AS row"
            parts.append((table.name, *(atlas.duckdb.execute(rows).fetchone() or ())))
    return sha256("\n".join(map(repr, parts)).encode()).hexdigest()


def program_version() -> str:
    """The installed version of this program."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "(version unknown)"
