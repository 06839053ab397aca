"""What the DuckDB file holds, and an empty SQLite database of the same schema.

Datasette asks a database what tables, keys and references it has in SQLite's own words
(PRAGMA, sqlite_master). The shadow answers; it has no row, and takes none.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from schema.errors import AtlasError

DATABASE = "activations"
FILE = f"{DATABASE}.duckdb"
DESCRIPTION = f"{DATABASE}.json"


@dataclass(frozen=True)
class Reference:
    """Columns that name a row of another table, and that table's columns."""

    columns: tuple[str, ...]
    table: str
    targets: tuple[str, ...]


@dataclass(frozen=True)
class TableDescription:
    """A table of the DuckDB file: its rows, its columns with DuckDB's types, its logical key and references."""

    rows: int
    columns: Mapping[str, str]
    required: tuple[str, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...]


@dataclass(frozen=True)
class Description:
    """What is known of the DuckDB file without opening it."""

    fingerprint: str
    tables: Mapping[str, TableDescription]


def write_description(description: Description, path: Path) -> None:
    """Write it beside the DuckDB file."""
    path.write_text(json.dumps(asdict(description), indent=2) + "\n", encoding="utf-8")


def read_description(path: Path) -> Description:
    """Read what publishing wrote.

    Raises:
        AtlasError: there is none, or it is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        tables = {name: _table(table) for name, table in content["tables"].items()}
        return Description(content["fingerprint"], tables)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AtlasError(f"{path} cannot be read ({error}); publish again: atlas publish ATLAS SITE") from error


def shadow(description: Description) -> sqlite3.Connection:
    """A new, empty, read-only SQLite database in memory, for any thread."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    for name, table in description.tables.items():
        connection.execute(_ddl(name, table))
    connection.execute("PRAGMA query_only = 1")
    return connection


def quote(identifier: str) -> str:
    """An identifier in the quotes that both SQLite and DuckDB know."""
    return '"' + identifier.replace('"', '""') + '"'


def _table(content: Mapping[str, object]) -> TableDescription:
    table = TableDescription(**content)  # type: ignore[arg-type]
    references = tuple(Reference(**each) for each in content["references"])  # type: ignore[attr-defined]
    return TableDescription(table.rows, table.columns, tuple(table.required), tuple(table.key), references)


def _ddl(name: str, table: TableDescription) -> str:
    parts = [
        f"{quote(column)} {type_}{' NOT NULL' if column in table.required else ''}"
        for column, type_ in table.columns.items()
    ]
    if table.key:
        parts.append(f"PRIMARY KEY ({_quoted(table.key)})")
    for reference in table.references:
        target = f"{quote(reference.table)} ({_quoted(reference.targets)})"
        parts.append(f"FOREIGN KEY ({_quoted(reference.columns)}) REFERENCES {target}")
    return f"CREATE TABLE {quote(name)} (\n  " + ",\n  ".join(parts) + "\n)"


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(map(quote, names))
