"""The saved queries as Datasette's canned queries, grouped and explained."""

from collections.abc import Iterable
from html import escape
from itertools import groupby
from urllib.parse import urlencode

from queries import GROUPS, Parameter, SavedQuery, saved_queries

DATABASE_NAME = "atlas"


def published_queries() -> list[SavedQuery]:
    """The saved queries that need none but the published tables."""
    return [query for query in saved_queries().values() if query.database == DATABASE_NAME]


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


def queries_html(queries: Iterable[SavedQuery]) -> str:
    """The queries by group, each linked and explained; the links hold on / and on /atlas alike."""
    return "".join(
        f"<h3>{escape(GROUPS[group])}</h3><ul>{''.join(map(_entry, members))}</ul>"
        for group, members in groupby(queries, key=lambda query: query.group)
    )


def _entry(query: SavedQuery) -> str:
    link = f'<a href="{DATABASE_NAME}/{escape(query.name)}">{escape(query.title)}</a>'
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
