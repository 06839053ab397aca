"""Bounds on one SQLite connection, so that no statement outlives its time limit, fills the memory or tells a path.

Datasette's time limit is looked at between two steps of SQLite's machine, and SQLite's steps are as long as its
values. So values are short (LENGTH), patterns shorter, and functions that multiply their arguments' lengths are
bounded (`atlas.site.guard.bombs`). Measured without: `instr` of 16 MB in 8 MB takes more than an hour, and three
addresses stop a server.

SQLite's heap is bounded for the whole process: a row of many columns, a sort, a queue of a recursive query or a
pyramid of common table expressions, which grows exponentially while the statement is prepared, ends with
MemoryError. Python's copy of the answer is bounded by a budget.
"""

import sqlite3
from collections.abc import Callable
from typing import Any
from weakref import ref

from atlas.site.guard.bombs import bound_functions

SHORTEST_LIMIT = 1_000_000
"""Bytes a value may have in any case; more where the atlas holds longer texts."""
LIKE_STEPS = 500_000_000
"""Comparisons of one LIKE at its worst, about two seconds; it takes a step per byte of the text and of the pattern."""
LIKE_PATTERN = (50, 500)
HEAP = 256 * 2**20
"""Bytes of memory for SQLite in this process, all connections together; 0.4 GB takes a preparation over 3 seconds."""
ANSWER = 32 * 2**20
"""Bytes in the rows of one answer; a number counts as 8."""
NUMBER = 8

READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
PRAGMAS = frozenset(
    {
        "data_version",  # full-text search asks for it
        "database_list",
        "foreign_key_list",
        "function_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "max_page_count",
        "page_count",
        "page_size",
        "schema_version",
        "table_info",
        "table_xinfo",
    }
)
"""What Datasette itself asks and lets a SELECT ask; whatever else a PRAGMA does, it is no reading."""
DECLARES = (sqlite3.SQLITE_UPDATE, "sqlite_master")
"""How SQLite announces that it declares a virtual table's columns; no statement may change that table."""
CLOSED_FUNCTIONS = frozenset({"edit", "fts3_tokenizer", "json_patch", "load_extension", "readfile", "writefile"})
"""Functions that reach out of the database, and json_patch, whose time grows with the square of its arguments."""


def guard_connection(connection: sqlite3.Connection, longest_text: int = 0) -> None:
    """Bound a connection; `longest_text` is the size in bytes of the longest text that it serves."""
    longest = SHORTEST_LIMIT + 2 * longest_text
    least, most = LIKE_PATTERN
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, min(most, max(least, LIKE_STEPS // longest)))
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.execute(f"PRAGMA hard_heap_limit = {HEAP}")
    connection.execute("PRAGMA temp_store = MEMORY")
    bound_functions(connection)
    connection.row_factory = guarded_rows_within_bytes(ANSWER)
    connection.set_authorizer(authorize)


def authorize(action: int, first: str | None, second: str | None, _schema: str | None, _source: str | None) -> int:
    """Whether a statement may do this: read, call a function, or ask for a schema, without a file's path."""
    if action == sqlite3.SQLITE_READ and (first, second) == ("pragma_database_list", "file"):
        return sqlite3.SQLITE_IGNORE
    if action in READS or (action, first) == DECLARES:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if first in PRAGMAS else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if second in CLOSED_FUNCTIONS else sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def guarded_rows_within_bytes(budget: int) -> Callable[[sqlite3.Cursor, tuple[Any, ...]], sqlite3.Row]:
    """A row factory that makes `sqlite3.Row`s until those of one cursor hold more than `budget` bytes.

    It belongs to one connection, which one thread uses at a time.
    """
    spent = 0
    counted: ref[sqlite3.Cursor] | None = None

    def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> sqlite3.Row:
        nonlocal spent, counted
        if counted is None or counted() is not cursor:
            spent, counted = 0, ref(cursor)
        spent += sum(len(value) if isinstance(value, str | bytes) else NUMBER for value in values)
        if spent > budget:
            raise sqlite3.OperationalError(f"the answer has more than {budget >> 20} MB; ask for fewer rows")
        return sqlite3.Row(cursor, values)

    return _row
