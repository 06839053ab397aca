"""A Datasette plugin: pages of a sorted table that follow on each other where many rows sort alike.

Datasette asks for the first page in the order of one column and for each next one by that column and the primary
key. Where SQLite walks an index backwards, rows that sort alike come in the other order on the first page, and some
are never shown, in a streamed CSV neither. So the first page is asked for by the key too.
"""

import re
from typing import TYPE_CHECKING, Any

from datasette import hookimpl
from datasette.database import Database
from datasette.utils import escape_sqlite

from atlas.guard import PLUGIN

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette

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
    """Datasette's database, with the primary key behind the column that a table is sorted by."""

    async def execute(self, sql: str, *arguments: Any, **options: Any) -> Any:
        """The rows of a statement."""
        return await super().execute(await self._keyed(sql), *arguments, **options)

    async def _keyed(self, sql: str) -> str:
        match = _FIRST_PAGE.match(sql)
        if match is None or _NOT_A_TABLES_PAGE.search(sql) or not await self.table_exists(match["table"]):
            return sql
        keys = [escape_sqlite(key) for key in await self.primary_keys(match["table"])]
        following = [key for key in keys if key != match["sort"]]
        return "".join((sql[: match.end()], *(f", {key}" for key in following), sql[match.end() :]))
