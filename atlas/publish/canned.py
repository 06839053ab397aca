"""The saved queries as Datasette's canned queries, grouped and explained."""

from collections.abc import Iterable
from html import escape
from itertools import groupby
from urllib.parse import urlencode

from queries import GROUPS, Parameter, SavedQuery, saved_queries
from schema.tables import metadata as schema_metadata

DATABASE_NAME = "atlas"


def published_queries(database: str = DATABASE_NAME) -> list[SavedQuery]:
    """The saved queries that a published database can run: the SQLite copy those it has the tables of, DuckDB all."""
    found = saved_queries().values()
    return [query for query in found if database != DATABASE_NAME or query.database == database]


def published_name(query: SavedQuery) -> str:
    """What Datasette calls a saved query: its name, unless that would hide the table of the same name."""
    return f"{query.name}_query" if query.name in schema_metadata.tables else query.name


def canned_query(query: SavedQuery, instance: dict[str, int]) -> dict[str, object]:
    """A saved query in the words of Datasette's metadata; its SQL applies the defaults itself.

    `instance` holds values that mean something in this atlas, for what has no default.
    """
    explained = f"<p>{escape(query.description)}</p>{_parameter_table(query.parameters)}"
    return {
        "title": query.title,
        "description": query.description,
        "description_html": explained + _instance(query.parameters, instance),
        "hide_sql": True,
        "params": [parameter.name for parameter in query.parameters],
        "sql": query.served_sql,
    }


def queries_html(queries: Iterable[SavedQuery], database: str = DATABASE_NAME) -> str:
    """The queries by group, each linked and explained; the links hold on / and on the database's page alike."""
    return "".join(
        f"<h3>{escape(GROUPS[group])}</h3><ul>{''.join(_entry(query, database) for query in members)}</ul>"
        for group, members in groupby(queries, key=lambda query: query.group)
    )


def _entry(query: SavedQuery, database: str) -> str:
    link = f'<a href="{database}/{escape(published_name(query))}">{escape(query.title)}</a>'
    return f"<li>{link}: {escape(query.description)}</li>"


def _parameter_table(parameters: tuple[Parameter, ...]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><th scope='row'>{escape(parameter.name)}</th><td>{escape(_default(parameter))}</td>"
        f"<td>{escape(parameter.help)}</td></tr>"
        for parameter in parameters
    )
    head = "<thead><tr><th>Parameter</th><th>If left empty</th><th>Meaning</th></tr></thead>"
    return f"<table class='atlas-parameters'>{head}<tbody>{rows}</tbody></table>"


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "must be given"
    return str(parameter.default) if parameter.default != "" else "–"


def _instance(parameters: tuple[Parameter, ...], instance: dict[str, int]) -> str:
    """A link that fills in what must be given, so that the page never starts empty-handed."""
    required = [parameter.name for parameter in parameters if parameter.required]
    if not required or not instance.keys() >= set(required):
        return ""
    values = {name: instance[name] for name in required}
    shown = ", ".join(f"{name}={value}" for name, value in values.items())
    return f'<p>For instance: <a href="?{escape(urlencode(values))}">{escape(shown)}</a></p>'
