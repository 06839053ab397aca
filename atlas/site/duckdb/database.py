"""The DuckDB file as Datasette sees it: a database whose schema SQLite tells and whose rows workers fetch.

Datasette asks a database what tables, keys and references it has in SQLite's own words (PRAGMA, sqlite_master). The
shadow, an empty SQLite database of the same schema, answers; it has no row, and takes none.
"""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasette.database import Database, QueryInterrupted, Results
from datasette.tracer import trace

from atlas.publish.activations import DESCRIPTION, Description, TableDescription, read_published_description
from atlas.site.duckdb.child import FailedQueryError, InterruptedQueryError, UnavailableError
from atlas.site.duckdb.ordering import quote_sql_identifier
from atlas.site.duckdb.pool import Answer, Limits, Pool
from atlas.site.duckdb.translate import Translator
from atlas.site.duckdb.values import duckdb_answer_rows
from atlas.site.guard.sql_turns import BusyError, asked_sql
from atlas.site.guard.whole_answers import refuse_csv_cut_by_an_error, statement_of_whole_answer

PAGES = Limits(workers=3, memory_megabytes=1024, threads=2)
ASKED = Limits(workers=2, memory_megabytes=1024, threads=2, niceness=10)
"""For people's own SQL: it waits for nothing but its like, and the pages' workers come first."""

LONGEST_CELL = 16_000_000
"""Characters of one value; a text has at most 10 MB."""
UNCOUNTED = frozenset({"activation"})
"""Not counted on the page of a row that it refers to: it has no index to count by."""

_INTROSPECTION = re.compile(r"\s*(?:PRAGMA\b|SELECT\s+[\w\s,*]+\s+FROM\s+sqlite_master\b)", re.IGNORECASE)
_COUNT = re.compile(
    r"\s*select count\(\*\) from (?:\(select \* from (?P<limited>\S+)\s+limit (?P<limit>\d+)\)|(?P<table>\S+))\s*",
    re.IGNORECASE,
)


class ActivationsDatabase(Database):  # type: ignore[misc]
    """A published DuckDB file; read-only, and never opened in this process."""

    def __init__(self, datasette: Any, file: Path, *, pages: Limits = PAGES, asked: Limits = ASKED) -> None:
        """Read what the file holds.

        Raises:
            AtlasError: nothing readable says so.
        """
        super().__init__(datasette, path=str(file), is_mutable=False)
        self._description = read_published_description(file.with_name(DESCRIPTION))
        self._translator = Translator(self._description.tables)
        self._shadows: list[sqlite3.Connection] = []
        self.pages = Pool(file, pages, LONGEST_CELL)
        self.asked = Pool(file, asked, LONGEST_CELL)
        self.cached_hash = self._description.fingerprint
        self._cached_table_counts = {name: table.rows for name, table in self._description.tables.items()}

    def connect(self, write: bool = False) -> sqlite3.Connection:
        """A shadow of the file, which answers what Datasette asks about its schema."""
        connection = shadow_database(self._description)
        self._shadows.append(connection)
        return connection

    def close(self) -> None:
        """End the workers and forget the shadows."""
        self.pages.close()
        self.asked.close()
        super().close()
        for connection in self._shadows:
            connection.close()

    async def execute(
        self,
        sql: str,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        truncate: bool = False,
        custom_time_limit: int | None = None,
        page_size: int | None = None,
        log_sql_errors: bool = True,
    ) -> Results:
        """Rows of a statement, as Datasette's own database has it.

        Raises:
            QueryInterrupted: the time limit passed.
            BusyError: it could be run at another time.
            sqlite3.OperationalError: the statement cannot be run.
        """
        with refuse_csv_cut_by_an_error():
            params, truncate = await statement_of_whole_answer(self, sql, params, truncate)
            return await self._execute(sql, params, truncate, custom_time_limit, page_size, log_sql_errors)

    async def _execute(
        self,
        sql: str,
        params: Any,
        truncate: bool,
        custom_time_limit: int | None,
        page_size: int | None,
        log_sql_errors: bool,
    ) -> Results:
        asked = asked_sql.get()
        if _INTROSPECTION.match(sql) and not (asked and sql in asked):
            return await super().execute(sql, params, truncate, custom_time_limit, page_size, log_sql_errors)
        known = self._known_count(sql)
        if known is not None:
            return _results(Answer(["count(*)"], duckdb_answer_rows(["count(*)"], [[known]])), None)
        limit = self._most_rows(page_size or self.ds.page_size) if truncate else None
        seconds = min(custom_time_limit or self.ds.sql_time_limit_ms, self.ds.sql_time_limit_ms) / 1000
        with trace("sql", database=self.name, sql=sql.strip(), params=params):
            return _results(await self._ask(sql, params, limit, seconds), limit)

    async def table_counts(self, limit: int = 10) -> dict[str, int]:
        """The rows of every table, known since it was published."""
        return dict(self._cached_table_counts)

    async def get_all_foreign_keys(self) -> dict[str, dict[str, list[dict[str, str]]]]:
        """References between the tables, without those that would be counted by reading a long table."""
        found: dict[str, dict[str, list[dict[str, str]]]] = await super().get_all_foreign_keys()
        for keys in found.values():
            keys["incoming"] = [key for key in keys["incoming"] if key["other_table"] not in UNCOUNTED]
        return found

    async def _ask(self, sql: str, params: Any, limit: int | None, seconds: float) -> Answer:
        own = asked_sql.get() is not None
        statement = self._translator.translate(sql, {} if params is None else params, blank_is_null=own)
        pool = self.asked if own else self.pages
        try:
            return await pool.ask(statement, None if limit is None else limit + 1, seconds)
        except InterruptedQueryError:
            raise QueryInterrupted(sqlite3.OperationalError("interrupted"), sql, params) from None
        except UnavailableError as error:
            raise BusyError(str(error)) from None
        except FailedQueryError as error:
            raise sqlite3.OperationalError(str(error)) from None

    def _most_rows(self, page_size: int) -> int:
        """Datasette's own rule: one more where a page may be as long as the longest answer."""
        most: int = self.ds.max_returned_rows
        return most + 1 if most == page_size else most

    def _known_count(self, sql: str) -> int | None:
        """The answer to a count of a whole table."""
        match = _COUNT.fullmatch(sql)
        table = self._description.tables.get((match["table"] or match["limited"]).strip('[]"')) if match else None
        if match is None or table is None:
            return None
        return min(table.rows, int(match["limit"])) if match["limit"] else table.rows


def _results(answer: Answer, limit: int | None) -> Results:
    """Datasette's results; a row beyond the limit says that there are more."""
    truncated = limit is not None and len(answer.rows) > limit
    description = tuple((name, None, None, None, None, None, None) for name in answer.columns)
    return Results(answer.rows[:limit] if truncated else answer.rows, truncated, description)


def shadow_database(description: Description) -> sqlite3.Connection:
    """A new, empty, read-only SQLite database in memory, for any thread."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    for name, table in description.tables.items():
        connection.execute(_ddl(name, table))
    connection.execute("PRAGMA query_only = 1")
    return connection


def _ddl(name: str, table: TableDescription) -> str:
    parts = [
        f"{quote_sql_identifier(column)} {type_}{' NOT NULL' if column in table.required else ''}"
        for column, type_ in table.columns.items()
    ]
    if table.key:
        parts.append(f"PRIMARY KEY ({_quoted(table.key)})")
    for reference in table.references:
        target = f"{quote_sql_identifier(reference.table)} ({_quoted(reference.targets)})"
        parts.append(f"FOREIGN KEY ({_quoted(reference.columns)}) REFERENCES {target}")
    return f"CREATE TABLE {quote_sql_identifier(name)} (\n  " + ",\n  ".join(parts) + "\n)"


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(map(quote_sql_identifier, names))
