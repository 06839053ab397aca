"""A Datasette plugin: what a search across tables finds, read on the server, so that it shows without a script.

The address, the menu's link and the choice of tables are those of datasette-search-all.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from datasette import hookimpl
from datasette.utils import path_from_row_pks

from atlas.publish.activations import PLUGIN
from atlas.site.guard.requests import request_asks_for_words

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette
    from datasette.database import Database
    from datasette.utils.asgi import Request

PAGE = "search_all.html"
SHOWN = 5
"""Rows shown of each table; its own page has all of them."""
LONGEST = 300


@hookimpl
def extra_template_vars(template: str, datasette: "Datasette", request: "Request | None") -> Any:
    """`searched_tables`: each table that can be searched, with the first rows found."""
    words: str = (request.args.get("q") or "") if request is not None else ""
    if template != PAGE or not request_asks_for_words(words) or datasette.plugin_config(PLUGIN) is None:
        return {}

    async def searched() -> dict[str, Any]:
        from datasette_search_all.utils import get_searchable_tables

        tables = sorted(await get_searchable_tables(datasette, request))
        return {"searched_tables": [await _searched(datasette, database, table, words) for database, table in tables]}

    return searched


async def _searched(datasette: "Datasette", database: str, table: str, words: str) -> dict[str, Any]:
    """A table's address, how much was found in it, and its first rows."""
    found = {"table": table, "url": datasette.urls.table(database, table)}
    query = urlencode({"_search": words, "_size": SHOWN, "_nofacet": 1})
    response = await datasette.client.get(datasette.urls.table(database, table) + f".json?{query}")
    if response.status_code != 200:
        return {**found, "found": "not searched in time", "rows": []}
    page = response.json()
    count = page["filtered_table_rows_count"]
    rows = [dict(zip(page["columns"], row, strict=True)) for row in page["rows"]]
    columns = await _indexed(datasette.get_database(database), table)
    return {
        **found,
        "found": "more than could be counted" if count is None else f"{count:,} found",
        "rows": [{"url": _address(datasette, page, row), "text": _text(row, columns)} for row in rows],
    }


def _address(datasette: "Datasette", page: dict[str, Any], row: dict[str, Any]) -> str:
    keys: list[str] = page["primary_keys"]
    if not keys:
        return str(datasette.urls.table(page["database"], page["table"]))
    return str(datasette.urls.row(page["database"], page["table"], path_from_row_pks(row, keys, False)))


async def _indexed(database: "Database", table: str) -> list[str]:
    """The columns of a table that are searched."""
    columns: list[str] = await database.table_columns(await database.fts_table(table))
    return columns


def _text(row: dict[str, Any], columns: list[str]) -> str:
    """What was searched in a row, not too long."""
    text = " ".join(str(row[column]) for column in columns if row.get(column) is not None)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
