"""The invariants of an atlas file: what holds of every file, after any kill, in any version.

Each is a question to the file whose answer counts violations.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

from schema import tables
from schema.finite import not_finite
from schema.migrations import MIGRATIONS
from schema.store import Atlas


@dataclass(frozen=True)
class Finding:
    """An invariant, and how many rows violate it."""

    invariant: str
    violations: int


def verify(atlas: Atlas) -> Iterator[Finding]:
    """Check every invariant, one after the other."""
    yield Finding("every migration is applied once, in order", _migrations(atlas))
    yield Finding("every row that is pointed to exists", sum(_orphans(atlas)))
    yield Finding("every text has the hash it is known by", _hashes(atlas))
    yield Finding("every number is finite", sum(found.rows for found in not_finite(atlas)))
    for name, statement in _statements():
        yield Finding(name, int(atlas.rows(statement)[0][0]))


def _migrations(atlas: Atlas) -> int:
    applied = atlas.rows("SELECT migration, name FROM migration ORDER BY migration")
    known = [(number, module.__name__.rpartition(".")[2]) for number, module in enumerate(MIGRATIONS, start=1)]
    return abs(len(known) - len(applied)) + sum(a != b for a, b in zip(applied, known, strict=False))


def _orphans(atlas: Atlas) -> Iterator[int]:
    """Rows without the row they point to, for each reference that is no foreign key."""
    for table in tables.metadata.sorted_tables:
        for column in table.columns:
            target = column.info.get("references")
            if target is None or (table.name == target):
                continue
            columns = "sae, feature" if target == "feature" else column.name
            sql = f"""
                SELECT COUNT(*)
                FROM (SELECT DISTINCT {columns} FROM {table.name} WHERE {column.name} IS NOT NULL)
                ANTI JOIN {target} USING ({columns})
            """
            yield int(atlas.rows(sql)[0][0])


def _hashes(atlas: Atlas) -> int:
    """Documents whose text does not give their content hash."""
    rows = atlas.duckdb.execute("SELECT text, content_hash FROM document")
    wrong = 0
    while batch := rows.fetchmany(1_000):
        wrong += sum(hashlib.blake2b(text.encode(), digest_size=16).hexdigest() != known for text, known in batch)
    return wrong


def _statements() -> Iterator[tuple[str, str]]:
    """Each invariant that is a SELECT: its name, from the comment above it, and the statement."""
    script = files("schema").joinpath("verify.sql").read_text(encoding="utf-8")
    for part in script.split(";\n"):
        lines = part.strip().splitlines()
        if lines:
            yield lines[0].removeprefix("-- "), "\n".join(lines[1:])
