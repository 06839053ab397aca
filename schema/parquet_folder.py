"""An atlas as a folder of Parquet files, here or in an object store: read by any tool, and queried like an atlas file.

    atlas.json                                                   the schema's version, and which files there are
    TABLE.parquet                                                every table but one, sorted by its key
    activation/sae=0/features=0-1023/activation.parquet          by feature, context, position; `sae` is in the path

Tables, columns and keys are those of the file that it was exported from. JSON is text there, which every reader knows.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import JSON, Table, create_engine
from sqlalchemy.pool import StaticPool

from schema import tables
from schema.copying import sql_quoted
from schema.errors import AtlasDamagedError, AtlasFileError, AtlasMissingError, AtlasVersionError
from schema.memory import duckdb_settings
from schema.methods import take_out_outdated_rows
from schema.migrations import VERSION
from schema.spill import limit_connection_and_spill, spill_setting, take_spill
from schema.store import Atlas, open_atlas

MANIFEST = "atlas.json"
EXTENSIONS = {"s3": "httpfs", "gs": "httpfs", "gcs": "httpfs", "r2": "httpfs", "https": "httpfs", "http": "httpfs"}
"""What DuckDB needs to read an address that begins so."""


@dataclass(frozen=True)
class Manifest:
    """What a folder holds: each table's rows, and each SAE's ranges of features, [first, last], that have a file."""

    atlas: str
    schema_version: int
    rows: Mapping[str, int]
    activation: Mapping[str, Sequence[Sequence[int]]]

    def write(self, folder: Path) -> None:
        """Write it into the folder, last of all: without it there is no atlas there."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @property
    def activation_files(self) -> list[str]:
        """The files of the large table, seen from the folder."""
        return [parquet_activation_file(int(sae), *held) for sae, ranges in self.activation.items() for held in ranges]


def parquet_activation_file(sae: int, first: int, last: int) -> str:
    """Where the activations of a range of an SAE's features stand, seen from the folder."""
    return f"activation/sae={sae}/features={first}-{last}/activation.parquet"


def table_file(name: str) -> str:
    """Where the rows of any other table stand."""
    return f"{name}.parquet"


def is_of_parquet_folder(file: Path, folder: Path) -> bool:
    """Whether a file has the place of one that an atlas in this folder consists of."""
    place, root = file.resolve(), folder.resolve()
    if not place.is_relative_to(root):
        return False
    seen = place.relative_to(root).as_posix()
    return seen in {MANIFEST, *map(table_file, tables.metadata.tables)} or seen.startswith("activation/")


def read_atlas_or_parquet_folder(location: str | Path) -> Atlas:
    """Open an atlas to read, which may be a file, a folder that one was exported to, or the address of such a folder.

    Raises:
        AtlasFileError: it is none of them, or cannot be read.
    """
    if "://" in str(location) or Path(location).is_dir():
        return open_folder(str(location))
    return open_atlas(location, read_only=True)


def open_folder(location: str) -> Atlas:
    """Open a folder of Parquet files like an atlas file: each table is a view of its files.

    Raises:
        AtlasMissingError: no atlas was exported there.
        AtlasVersionError: it has the schema of another version.
        AtlasDamagedError: files are missing or broken.
        AtlasFileError: the address needs an extension of DuckDB that is not installed, or cannot be reached.
    """
    settings, spill = duckdb_settings(), take_spill(Path(tempfile.gettempdir()) / "feature-atlas")
    engine = create_engine("duckdb:///:memory:", poolclass=StaticPool)
    atlas = Atlas(Path(location), engine, engine.connect(), read_only=True, spill=spill, address=location)
    try:
        limit_connection_and_spill(atlas.duckdb, settings | spill_setting(spill))
        _reach(atlas.rows, location)
        held = _manifest(atlas.rows, location)
        for table in tables.metadata.sorted_tables:
            _show(atlas.rows, location, table, held)
        take_out_outdated_rows(atlas, kept=True)
    except BaseException:
        atlas.close()
        raise
    return atlas


def _reach(run: Callable[[str], Any], location: str) -> None:
    scheme, address, _ = location.partition("://")
    if not address or scheme == "file":
        return
    if scheme not in EXTENSIONS:
        raise AtlasFileError(f"{location} cannot be read; name a folder, or an address of {', '.join(EXTENSIONS)}")
    try:
        run(f"LOAD {EXTENSIONS[scheme]}")
    except duckdb.Error as error:
        name = EXTENSIONS[scheme]
        raise AtlasFileError(
            f"{location} needs DuckDB's extension {name}, which is not installed: once, where there is a network, "
            f"python -c \"import duckdb; duckdb.sql('INSTALL {name}')\""
        ) from error


def _manifest(run: Callable[[str], Any], location: str) -> Manifest:
    try:
        found = run(f"SELECT content FROM read_text({_files(location, [MANIFEST])})")
    except duckdb.Error as error:
        raise AtlasFileError(f"{location} cannot be read: {str(error).splitlines()[0]}") from error
    if not found:
        raise AtlasMissingError(
            f"{location} is no exported atlas: it holds no {MANIFEST}; make one with: "
            "atlas export ATLAS --parquet FOLDER"
        )
    try:
        held = Manifest(**json.loads(found[0][0]))
        version = int(held.schema_version)
    except (ValueError, TypeError) as error:
        raise AtlasDamagedError(f"{location}/{MANIFEST} is broken; export the atlas again") from error
    if version != VERSION:
        what = "upgrade feature-atlas" if version > VERSION else "export the atlas again"
        raise AtlasVersionError(f"{location} has schema version {version}, this program reads {VERSION}: {what}")
    return held


def _show(run: Callable[[str], Any], location: str, table: Table, held: Manifest) -> None:
    """Make a view of a table's files, with the columns and types of the schema."""
    large = table.name == tables.activation.name
    source = _files(location, held.activation_files if large else [table_file(table.name)])
    more = ", hive_partitioning = true, hive_types = {'sae': SMALLINT}" if large else ", hive_partitioning = false"
    columns = ", ".join(
        f"CAST({column.name} AS JSON) AS {column.name}" if isinstance(column.type, JSON) else column.name
        for column in table.columns
    )
    try:
        run(f"CREATE VIEW {table.name} AS SELECT {columns} FROM read_parquet({source}{more})")
    except duckdb.Error as error:
        cause = str(error).splitlines()[0]
        raise AtlasDamagedError(
            f"{location}: table {table.name} cannot be read; export the atlas again ({cause})"
        ) from error


def _files(location: str, names: Sequence[str]) -> str:
    """Files of the folder as SQL names them; what DuckDB would take for a pattern in the folder's name is text."""
    root = location.rstrip("/").translate({ord(mark): f"[{mark}]" for mark in "[*?"})
    return "[" + ", ".join(sql_quoted(f"{root}/{name}") for name in names) + "]"
