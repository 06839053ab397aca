"""A Datasette plugin: cells that lead on, figures short enough to read, and a bound on how large a cell is.

A feature's index links to the sentences that show it. Figures keep four digits
on pages; JSON and CSV have them all.
"""

import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from datasette import hookimpl
from markupsafe import Markup

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette

DIGITS = 4
LONGEST_CELL = 16_000_000
"""Bytes; a text has at most 10 MB. SQLite's own limit of a gigabyte lets one address stop the server for minutes."""
FEATURE_COLUMNS = ("feature", "other_feature", "best_feature")


@hookimpl
def prepare_connection(conn: sqlite3.Connection) -> None:
    """No text, blob or row may be larger than what is published."""
    conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_CELL)


@hookimpl
def render_cell(row: Any, value: Any, column: str, database: str, datasette: "Datasette") -> Any:
    """A link for a feature, fewer digits for a figure; None leaves the cell to Datasette."""
    if isinstance(value, float):
        return _figure(value)
    if column in FEATURE_COLUMNS and isinstance(value, int):
        return _feature_link(datasette, database, dict(row), value)
    return None


def _figure(value: float) -> str:
    return f"{value:.{DIGITS}g}" if abs(value) < 10**DIGITS else f"{value:,.0f}"


async def _feature_link(datasette: "Datasette", database: str, row: Mapping[str, Any], feature: int) -> Markup | None:
    """The feature's strongest sentences, in the SAE that the row names."""
    sae = await _sae_key(datasette, database, row.get("sae"))
    if sae is None:
        return None
    page = datasette.urls.table(database, "example")
    query = urlencode({"sae": sae, "feature": feature, "sampling": "top", "_sort_desc": "activation"})
    return Markup('<a href="{}?{}" title="its strongest sentences">{}</a>').format(page, query, feature)


async def _sae_key(datasette: "Datasette", database: str, sae: Any) -> int | None:
    """The key of an SAE that a row names by its key, its key with a label, or as release/sae_id."""
    if isinstance(sae, Mapping):
        sae = sae["value"]
    if isinstance(sae, int):
        return sae
    if not isinstance(sae, str) or not await datasette.get_database(database).table_exists("example"):
        return None
    found = await datasette.get_database(database).execute("SELECT min(sae) FROM sae WHERE label = ?", [sae])
    key = found.single_value()
    return None if key is None else int(key)
