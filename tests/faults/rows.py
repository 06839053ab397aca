"""What an atlas, a site or a copy holds, and whether it holds together."""

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
from sqlalchemy import Float, Table

from atlas.publish.current import read_current, snapshot_folder
from atlas.publish.database import ATLAS_FILE
from schema import Atlas, AtlasError, AtlasVersionError, open_atlas, tables
from schema.copying import check_every_block
from schema.verify import verify

APART = {"ingest_run", "migration", "scheduled_run"}
"""Tables that hold times."""

ELSEWHERE = {"ingest_run", "added_at", "created_at", "folder"}
"""Columns that say which run wrote a row, when, and where the atlas lay."""

LEFTOVERS = (".unfinished", ".lock", ".changing", ".copying", ".tmp")
"""How the names end that only a killed process leaves."""

Contents = dict[str, list[tuple[object, ...]]]


def contents(path: Path) -> Contents:
    """Every row of every table, sorted; sums rounded to nine digits."""
    with open_atlas(path, read_only=True) as atlas:
        return {table.name: _rows(atlas, table) for table in tables.metadata.sorted_tables if table.name not in APART}


def _rows(atlas: Atlas, table: Table) -> list[tuple[object, ...]]:
    """The rows of a table, sorted, without what depends on when and where they were written."""
    columns = [column for column in table.columns if column.name not in ELSEWHERE]
    rows = atlas.rows(f"SELECT {', '.join(column.name for column in columns)} FROM {table.name} ORDER BY ALL")
    rounded = [place for place, column in enumerate(columns) if isinstance(column.type, Float)]
    if not rounded or not rows:
        return rows
    values = [*zip(*rows, strict=True)]
    for place in rounded:
        values[place] = tuple(float(f"{v:.9e}") if isinstance(v, float) else v for v in values[place])
    return [*zip(*values, strict=True)]


def broken(path: Path) -> list[str]:
    """The invariants that an atlas violates, as `atlas verify` finds them; none if there is no file yet."""
    if not path.exists():
        return []
    try:
        with open_atlas(path, read_only=True) as atlas:
            return [finding.invariant for finding in verify(atlas) if finding.violations]
    except AtlasVersionError:  # not migrated yet, or killed before its first tables were made
        return unreadable(path)
    except AtlasError as error:
        return [str(error)]


def open_runs(path: Path) -> list[str]:
    """The runs that an atlas says are under way, where none is; none if there is no file of this version yet."""
    try:
        with open_atlas(path, read_only=True) as atlas:
            rows = atlas.rows("SELECT command FROM ingest_run WHERE status = 'running'")
            rows += atlas.rows("SELECT job FROM scheduled_run WHERE status = 'running'")
    except AtlasError:
        return []
    return [f"the run of {name} is not closed" for (name,) in rows]


def unreadable(path: Path) -> list[str]:
    """What keeps the rows of a database of any version from being read."""
    try:
        with duckdb.connect(str(path), read_only=True) as file:
            check_every_block(lambda sql: file.execute(sql).fetchall(), path.stem)
    except duckdb.Error as error:
        return [f"{path.name} cannot be read: {error}"]
    return []


def site_broken(site: Path) -> list[str]:
    """What is wrong with what a site shows; it shows nothing before its first snapshot."""
    if not (site / "current.json").exists():
        return []
    current = read_current(site)
    if current is None:
        return ["current.json names no snapshot"]
    database = snapshot_folder(site, current) / ATLAS_FILE
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as snapshot:
        found = [row[0] for row in snapshot.execute("PRAGMA integrity_check") if row[0] != "ok"]
        found += [f"{row[0]} points nowhere" for row in snapshot.execute("PRAGMA foreign_key_check")]
        if not snapshot.execute("SELECT COUNT(*) FROM document").fetchone()[0]:
            found.append("the snapshot holds no document")
    return found


def leftovers(folder: Path) -> list[str]:
    """Names that nobody but a killed process would leave."""
    found = sorted(path.name for path in folder.iterdir())
    return [f"{name} is left" for name in found if name.endswith(LEFTOVERS) or ".spill-" in name]


def size_of(path: Path) -> int:
    """Bytes of a file, or of all in a folder; 0 where there is none."""
    if path.is_dir():
        return sum(size_of(inner) for inner in path.iterdir())
    return path.stat().st_size if path.exists() else 0
