"""Rows of a snapshot as plain dicts, read by the SQL in the folder of each page."""

import logging
import sqlite3
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from datasette.database import QueryInterrupted

from atlas.site.pages.addresses import ACTIVATIONS, DATABASE
from atlas.site.pages.page import PageError
from queries import find_query
from queries.parameters import Value
from queries.saved import with_parts

if TYPE_CHECKING:
    from datasette.app import Datasette

log = logging.getLogger(__name__)

Row = dict[str, Any]


@cache
def sql(name: str) -> str:
    """The statement in a file of these folders, with the parts of saved queries that it takes in.

    `sae/facts` is sae/facts.sql.
    """
    return with_parts((resources.files("atlas.site.pages") / f"{name}.sql").read_text(encoding="utf-8"), name)


async def rows(datasette: "Datasette", name: str, /, **values: object) -> list[Row]:
    """The rows of a statement on the database `atlas`.

    Raises:
        PageError: it took longer than the server allows.
    """
    return await _executed(datasette, sql(name), values)


async def page_rows_of_saved_query(datasette: "Datasette", query: str, /, **values: Value) -> list[Row]:
    """The rows of a saved query on the database `atlas`, with the defaults of what is not given.

    Raises:
        PageError: it took longer than the server allows.
    """
    saved = find_query(query)
    defaults = {parameter.name: parameter.default for parameter in saved.parameters}
    return await _executed(datasette, saved.sql, {**defaults, **values})


async def row(datasette: "Datasette", name: str, /, **values: object) -> Row | None:
    """The first row of a statement, if it has one."""
    found = await rows(datasette, name, **values)
    return found[0] if found else None


async def rows_if_published(datasette: "Datasette", table: str, name: str, /, **values: object) -> list[Row]:
    """The rows of a statement on a table, or none where the snapshot was published before there was such a table."""
    if not await datasette.get_database(DATABASE).table_exists(table):
        return []
    return await rows(datasette, name, **values)


async def page_rows_of_activations(datasette: "Datasette", name: str, /, **values: object) -> list[Row] | None:
    """The rows of a statement on the database `activations`.

    None where the snapshot has no such database, or it does not answer in time:
    a page can do without.
    """
    return await rows_of_activations(datasette, sql(name), values, name)


async def rows_of_activations(
    datasette: "Datasette", statement: str, values: Mapping[str, object], name: str
) -> list[Row] | None:
    """The rows of a statement of DuckDB's, likewise; `name` is what a log calls it."""
    if ACTIVATIONS not in datasette.databases:
        return None
    try:
        found = await datasette.get_database(ACTIVATIONS).execute(statement, values)
    except (QueryInterrupted, sqlite3.OperationalError) as error:
        log.warning("%s: the database of activations does not answer: %s", name, error)
        return None
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


async def _executed(datasette: "Datasette", statement: str, values: Mapping[str, object]) -> list[Row]:
    try:
        found = await datasette.get_database(DATABASE).execute(statement, values)
    except QueryInterrupted as error:
        raise PageError("the server is too busy to read this page; try again in a moment", 503) from error
    return [dict(row) for row in found.rows]


async def sae_named(datasette: "Datasette", name: str) -> Row:
    """The SAE spelled release/sae_id, of several the newest, or release/sae_id@hash.

    Raises:
        PageError: the atlas holds no such SAE.
    """
    found = await row(datasette, "sae/named", name=name)
    if found is None:
        known = [str(other["name"]) for other in await rows(datasette, "sae/every")]
        listed = ", ".join(known) if known else "none, since nothing is ingested yet"
        raise PageError(f"this atlas holds no SAE {name!r}; it holds: {listed}")
    return found
