"""The invariants of an atlas file: what holds of every file, after any kill, in any version.

Each is a question to the file whose answer counts violations.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.resources import files

from schema.finite_numbers import filled_tables, not_finite
from schema.memory import grouped_rows
from schema.migrations import MIGRATIONS
from schema.store import Atlas

KEYS = 2**31 - 1
"""Keys of documents and contexts are below, or were written by nobody."""

ROOM = 2
"""A range holds one in so many of the activations that memory groups: where grouping fills DuckDB's share, the process
goes beyond it."""


@dataclass(frozen=True)
class Finding:
    """An invariant, and how many rows violate it."""

    invariant: str
    violations: int


def verify(atlas: Atlas) -> Iterator[Finding]:
    """Check every invariant, one after the other."""
    for invariant, violations in invariants().items():
        yield Finding(invariant, violations(atlas))


def invariants() -> dict[str, Callable[[Atlas], int]]:
    """Each invariant, and what counts the rows that violate it."""
    return {
        "every migration is applied once, in order": _migrations,
        "every row that is pointed to exists": lambda atlas: sum(_orphans(atlas)),
        "every text has the hash it is known by": _hashes,
        "every number is finite": lambda atlas: sum(found.rows for found in not_finite(atlas.rows)),
        **{name: partial(_counted, statement) for name, statement in _statements()},
    }


def _counted(statement: str, atlas: Atlas) -> int:
    """The violations, added up over ranges of contexts or of documents where the statement asks for them."""
    subject = next((name for name in ("context", "document") if f"$first_{name}" in statement), None)
    if subject is None:
        return int(atlas.rows(statement)[0][0])
    bounds = (dict(zip((f"first_{subject}", f"last_{subject}"), ends, strict=True)) for ends in _ranges(atlas, subject))
    return sum(int(atlas.rows(statement, ends)[0][0]) for ends in bounds)


def _ranges(atlas: Atlas, subject: str) -> Iterator[tuple[int, int]]:
    """Ranges of keys that cover every number, in each about half the activations that memory groups at a time."""
    ((rows, first, last, room),) = atlas.rows(
        f"""
        SELECT
          (SELECT COUNT(*) FROM activation),
          (SELECT COALESCE(MIN({subject}), 0) FROM {subject}),
          (SELECT COALESCE(MAX({subject}), 0) FROM {subject}),
          current_setting('memory_limit')
        """
    )
    step = max(1, (last - first + 1) * grouped_rows(room) // (ROOM * max(1, rows)))
    starts = [-KEYS, *range(first + step, last + 1, step)]
    yield from zip(starts, [start - 1 for start in starts[1:]] + [KEYS], strict=True)


def _migrations(atlas: Atlas) -> int:
    applied = atlas.rows("SELECT migration, name FROM migration ORDER BY migration")
    known = [(number, migration.name) for number, migration in enumerate(MIGRATIONS, start=1)]
    return abs(len(known) - len(applied)) + sum(a != b for a, b in zip(applied, known, strict=False))


def _orphans(atlas: Atlas) -> Iterator[int]:
    """Rows without the row they point to, for each reference that is no foreign key; a statement for each target."""
    pointing: dict[str, list[str]] = {}
    for table in filled_tables(atlas.rows):
        for column in table.columns:
            target = column.info.get("references")
            if target is None or (table.name == target):
                continue
            key = "sae, feature" if target == "feature" else f"{column.name} AS {target}"
            pointed = f"SELECT DISTINCT {key} FROM {table.name} WHERE {column.name} IS NOT NULL"
            pointing.setdefault(target, []).append(pointed)
    for target, pointed_to in pointing.items():
        key = "sae, feature" if target == "feature" else target
        sql = f"""
            SELECT COUNT(*)
            FROM ({" UNION ALL ".join(pointed_to)})
            ANTI JOIN {target} USING ({key})
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
