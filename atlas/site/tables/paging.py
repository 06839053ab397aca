"""A Datasette plugin: pages of a sorted table that follow on each other where many rows sort alike.

Datasette asks for the first page in the order of one column and for each next one by that column and the primary
key. Where SQLite walks an index backwards, rows that sort alike come in the other order on the first page, and some
are never shown, in a streamed CSV neither. So the first page is asked for by the key too.
"""

import asyncio
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from datasette import hookimpl
from datasette.database import Database
from datasette.utils import escape_sqlite

from atlas.publish.activations import PLUGIN
from atlas.site.guard.sql_turns import asked_sql, sql_turn
from atlas.site.guard.whole_answers import refuse_csv_cut_by_an_error, statement_of_whole_answer

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette

OWN_AT_ONCE = 2
_FIRST_PAGE = re.compile(
    r"""
    \s* select \s [^()]+? \s from \s \[?(?P<table>\w+)\]? \s
    (?:where \s .*)?
    order \s by \s (?P<sort>\[[^\]]+\]|\w+) (?:\s desc)?
    (?= \s limit \s \d+ \s* $)
    """,
    re.DOTALL | re.VERBOSE,
)
_NOT_A_TABLES_PAGE = re.compile(r"\b(?:union|intersect|except|group|distinct)\b", re.IGNORECASE)


@hookimpl
def startup(datasette: "Datasette") -> None:
    """Give a published atlas's SQLite database this order."""
    if datasette.plugin_config(PLUGIN) is None:
        return
    for database in datasette.databases.values():
        if type(database) is Database and not database.is_memory:
            database.__class__ = PagedDatabase


class PagedDatabase(Database):  # type: ignore[misc]
    """Datasette's database, with the primary key behind the column that a table is sorted by.

    People's own SQL takes turns: it runs in `OWN_AT_ONCE` of the threads, the others are the pages'.
    """

    async def execute(self, sql: str, params: Any = None, truncate: bool = False, **options: Any) -> Any:
        """The rows of a statement.

        Raises:
            BusyError: a statement of one's own had no turn for a while.
            sqlite3.OperationalError: a saved query's value cannot be read, or the statement cannot be run.
        """
        with refuse_csv_cut_by_an_error():
            params, truncate = await statement_of_whole_answer(self, sql, params, truncate)
            sql = await self._keyed(sql)
            if asked_sql.get() is None:
                return await super().execute(sql, params, truncate, **options)
            async with sql_turn(self._turns):
                return await super().execute(sql, params, truncate, **options)

    @cached_property
    def _turns(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(OWN_AT_ONCE)

    async def _keyed(self, sql: str) -> str:
        match = _FIRST_PAGE.match(sql)
        if match is None or _NOT_A_TABLES_PAGE.search(sql) or not await self.table_exists(match["table"]):
            return sql
        keys = [escape_sqlite(key) for key in await self.primary_keys(match["table"])]
        following = [key for key in keys if key != match["sort"]]
        return "".join((sql[: match.end()], *(f", {key}" for key in following), sql[match.end() :]))
