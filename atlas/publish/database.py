"""The SQLite database of a snapshot: tables, rows, examples, indexes, full-text search.

FTS5 tables stand beside the tables that they index.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import MetaData
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from atlas.publish.examples import CLOSE_MARK, OPEN_MARK, copy_examples
from atlas.publish.rows import copy_rows
from atlas.publish.tables import EXAMPLE, SEARCHED, sqlite_tables
from schema import Atlas, AtlasDamagedError, AtlasError

log = logging.getLogger(__name__)

ATLAS_FILE = "atlas.db"


def write_database(atlas: Atlas, path: Path) -> dict[str, int]:
    """Write the SQLite copy of an atlas to a new file; return each table's number of rows.

    Raises:
        AtlasDamagedError: rows of the atlas break a key or a check.
        AtlasError: the file cannot be written.
    """
    metadata = sqlite_tables()
    try:
        with _bulk_connection(path) as database:
            counts = _fill(atlas, database, metadata)
    except sqlite3.IntegrityError as error:
        raise AtlasDamagedError(
            f"{atlas.path} breaks its own rules ({error}); see: atlas verify {atlas.path}"
        ) from error
    except sqlite3.Error as error:
        raise AtlasError(f"{path.parent} cannot take the published tables: {error}") from error
    return counts


@contextmanager
def _bulk_connection(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction without a journal: a file that was not finished is thrown away, never repaired."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -65536")
        database.execute("BEGIN")
        yield database
        database.execute("COMMIT")
        database.execute("PRAGMA analysis_limit = 1000")
        database.execute("ANALYZE")


def _fill(atlas: Atlas, database: sqlite3.Connection, metadata: MetaData) -> dict[str, int]:
    dialect = sqlite.dialect()
    counts = {}
    for table in metadata.sorted_tables:
        database.execute(str(CreateTable(table).compile(dialect=dialect)))
        if table.name == EXAMPLE:
            counts[table.name] = copy_examples(atlas.duckdb, database)
        else:
            counts[table.name] = copy_rows(atlas.duckdb, database, table)
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            database.execute(str(CreateIndex(index).compile(dialect=dialect)))
        log.info("%s: %d rows", table.name, counts[table.name])
    add_search(database)
    return counts


TOKENIZERS = {"vocabulary": "unicode61"}
"""Word forms are found together (`disease`, `diseases`), except in the vocabulary, where they are different tokens."""


def add_search(database: sqlite3.Connection) -> None:
    """Index every searched table; the text itself is stored once, in that table."""
    for table, column in SEARCHED.items():
        tokenizer = TOKENIZERS.get(table, "porter unicode61")
        database.execute(
            f'CREATE VIRTUAL TABLE {table}_fts USING FTS5 ({column}, content="{table}", tokenize="{tokenizer}")'
        )
        # The marks would cut a word of several tokens: without them, "diabetes" finds "⟦diab⟧etes".
        text = f"replace(replace({column}, '{OPEN_MARK}', ''), '{CLOSE_MARK}', '')"
        database.execute(f"INSERT INTO {table}_fts (rowid, {column}) SELECT rowid, {text} FROM {table}")
        database.execute(f"INSERT INTO {table}_fts ({table}_fts) VALUES ('optimize')")
