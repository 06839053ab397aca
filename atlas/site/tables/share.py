"""A Datasette plugin: how to run what a saved query's page shows on the command line, and in DuckDB."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from datasette import hookimpl

from atlas.publish.activations import PLUGIN
from atlas.publish.canned_queries import published_query_name
from queries import Parameter, SavedQuery, saved_queries
from queries.parameters import Value, replace_query_placeholders
from queries.runner import parameters_missing, read_query_values
from schema import QueryError

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette

PAGE = "query.html"
OWN_SQL = "database"
"""The view that shows a person's own SQL, as Datasette names it."""
DESCRIPTIONS = ("description", "description_html")


@dataclass(frozen=True)
class Shared:
    """A saved query with its values: the atlas file, the command, and what to open and paste for DuckDB."""

    atlas: str
    command: str
    opened: str
    sql: str


@hookimpl
def extra_template_vars(template: str, view_name: str, database: str | None, datasette: "Datasette") -> dict[str, Any]:
    """`shared_query` and `awaited` for the page of a query; and no list of saved queries above a person's own."""
    settings = datasette.plugin_config(PLUGIN)
    if template != PAGE or settings is None:
        return {}
    shared = partial(shared_query, settings.get("atlas", "atlas.duckdb"))
    found: dict[str, Any] = {"shared_query": shared, "awaited": command_parameters_to_share}
    if view_name == OWN_SQL and hasattr(datasette, "metadata"):  # Datasette 1.0 keeps it elsewhere
        described = (datasette.metadata("databases") or {}).get(database, {})
        found["metadata"] = {name: value for name, value in described.items() if name not in DESCRIPTIONS}
    return found


def shared_query(atlas: str, name: str, values: Mapping[str, Any]) -> Shared | None:
    """The saved query published by that name, with the values of its page.

    None where there is no such query, where a value is missing or cannot be read, so that there are no rows to share,
    or where one holds a character that a terminal would obey.
    """
    query, given = _published(name), _given(values)
    if query is None or parameters_missing(given, query) or not all(value.isprintable() for value in given.values()):
        return None
    try:
        read = read_query_values(query, given)
    except QueryError:
        return None
    return Shared(
        atlas=atlas,
        command=shell_command(query, atlas, read),
        opened=shlex.join(["duckdb", "-readonly", atlas]),
        sql=sql_with_literals(query, read) + ";",
    )


def command_parameters_to_share(name: str, values: Mapping[str, Any]) -> list[str]:
    """The parameters of the saved query published by that name that still need a value."""
    query = _published(name)
    return [] if query is None else parameters_missing(_given(values), query)


def shell_command(query: SavedQuery, atlas: str, values: Mapping[str, Value]) -> str:
    """`atlas query` with these values, quoted for a POSIX shell."""
    taken = [(parameter.name, values[parameter.name]) for parameter in query.parameters if parameter.name in values]
    pairs = [word for name, value in taken for word in ("-p", f"{name}={value}")]
    return shlex.join(["atlas", "query", atlas, query.name, *pairs])


def sql_with_literals(query: SavedQuery, values: Mapping[str, Value]) -> str:
    """The SQL with a literal for each parameter: its value, its default, or NULL."""
    literals = {each.name: _literal(each, values.get(each.name, each.default)) for each in query.parameters}
    return replace_query_placeholders(query.sql, literals.__getitem__)


def _published(name: str) -> SavedQuery | None:
    return next((query for query in saved_queries().values() if published_query_name(query) == name), None)


def _given(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value not in ("", None)}


def _literal(parameter: Parameter, value: Value | None) -> str:
    if value is None:
        return f"CAST(NULL AS {parameter.type})"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)
