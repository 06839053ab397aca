"""A folder of Parquet files: `activation` by SAE and range of features, every other table beside it.

What stands where, `schema.parquet_folder` says, which also opens such a folder. Each file is sorted, so that a reader
finds a feature by the statistics of the row groups; no more than one file's rows are sorted at a time.
"""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import JSON, Table

from atlas.exchange import Wanted
from ingest.jobs.progress import Progress, Report
from schema import tables
from schema.copying import sql_quoted
from schema.migrations import VERSION
from schema.parquet_folder import Manifest, parquet_activation_file, table_file
from schema.store import Atlas
from schema.tables.base import logical_key

OWNERS = ("sae", "other_sae")
"""Columns by which a row belongs to an SAE."""


def write(atlas: Atlas, folder: Path, wanted: Wanted, report: Report) -> list[str]:
    """Write every table, of the wanted SAEs alone where its rows belong to some; a line that counts rows and files."""
    saes = wanted.keys(atlas)
    small = [table for table in tables.metadata.sorted_tables if table is not tables.activation]
    ranges = {sae: list(_ranges(atlas, sae, wanted.features_per_file)) for sae in saes}
    files = [(sae, first, last) for sae, held in ranges.items() for first, last in held]
    rows = {tables.activation.name: 0}
    for done, table in enumerate(small):
        report(Progress("exporting", done, len(small) + len(files), "files"))
        rows[table.name] = _copy(atlas, _select(table, saes), folder / table_file(table.name))
    for done, (sae, first, last) in enumerate(files, start=len(small)):
        report(Progress("exporting", done, len(small) + len(files), "files"))
        place = folder / parquet_activation_file(sae, first, last)
        place.parent.mkdir(parents=True)
        rows[tables.activation.name] += _copy(atlas, _select_range(sae, first, last), place)
    Manifest(atlas.path.name, VERSION, rows, {str(sae): held for sae, held in ranges.items()}).write(folder)
    many = f"{len(files):,} files" if len(files) > 1 else "one file"
    return [f"{len(rows)} tables, {sum(rows.values()):,} rows; {rows['activation']:,} activations in {many}"]


def _ranges(atlas: Atlas, sae: int, size: int) -> Iterator[tuple[int, int]]:
    """The ranges of an SAE's features, first and last."""
    d_sae = int(atlas.rows("SELECT d_sae FROM sae WHERE sae = ?", [sae])[0][0])
    for first in range(0, d_sae, size):
        yield first, min(first + size, d_sae) - 1


def _select(table: Table, saes: list[int]) -> str:
    columns = ", ".join(
        f"CAST({column.name} AS VARCHAR) AS {column.name}" if isinstance(column.type, JSON) else column.name
        for column in table.columns
    )
    chosen = ", ".join(map(str, saes))
    owned = (f"({owner} IS NULL OR {owner} IN ({chosen}))" for owner in OWNERS if owner in table.columns)
    return (
        f"SELECT {columns} FROM {table.name} WHERE {' AND '.join(owned) or 'true'} "
        f"ORDER BY {', '.join(logical_key(table)) or 'ALL'}"
    )


def _select_range(sae: int, first: int, last: int) -> str:
    """The activations of a range of features; `sae` stands in the name of the folder."""
    return f"""
        SELECT feature, context, position, activation
        FROM activation
        WHERE sae = {sae} AND feature BETWEEN {first} AND {last}
        ORDER BY feature, context, position
    """


def _copy(atlas: Atlas, select: str, place: Path) -> int:
    """Write the rows of a SELECT to a file; how many there are."""
    return int(atlas.rows(f"COPY ({select}) TO {sql_quoted(str(place))} (FORMAT parquet, COMPRESSION zstd)")[0][0])
