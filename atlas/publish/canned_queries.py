"""The saved queries as Datasette's canned queries, grouped; templates explain them and escape what an atlas says."""

from collections.abc import Iterable
from functools import cache
from itertools import groupby

import jinja2

from queries import GROUPS, SavedQuery, saved_queries
from schema.tables import metadata as schema_metadata

DATABASE_NAME = "atlas"


def published_queries(database: str = DATABASE_NAME) -> list[SavedQuery]:
    """The saved queries that a published database can run: the SQLite copy those it has the tables of, DuckDB all."""
    found = saved_queries().values()
    return [query for query in found if database != DATABASE_NAME or query.database == database]


def published_query_name(query: SavedQuery) -> str:
    """What Datasette calls a saved query: its name, unless that would hide the table of the same name."""
    return f"{query.name}_query" if query.name in schema_metadata.tables else query.name


def canned_query(query: SavedQuery, instance: dict[str, int]) -> dict[str, object]:
    """A saved query in the words of Datasette's metadata; its SQL applies the defaults itself.

    `instance` holds values that mean something in this atlas, for what has no default.
    """
    return {
        "title": query.title,
        "description": query.description,
        "description_html": render_description("query.html", query=query, instance=_filled_in(query, instance)),
        "hide_sql": True,
        "params": [parameter.name for parameter in query.parameters],
        "sql": query.served_sql,
    }


def queries_html(queries: Iterable[SavedQuery], database: str = DATABASE_NAME) -> str:
    """The queries by group, each linked and explained; the links hold on / and on the database's page alike."""
    by_group = groupby(queries, key=lambda query: query.group)
    groups = [
        (GROUPS[group], [(published_query_name(query), query) for query in members]) for group, members in by_group
    ]
    return render_description("queries.html", database=database, groups=groups)


def _filled_in(query: SavedQuery, instance: dict[str, int]) -> dict[str, int]:
    """A value for each parameter that must be given, so that the page never starts empty-handed; {} where one lacks."""
    required = [parameter.name for parameter in query.parameters if parameter.required]
    return {name: instance[name] for name in required} if instance.keys() >= set(required) else {}


def render_description(template: str, **values: object) -> str:
    """The template of `descriptions` with these values, without blanks around it."""
    return _environment().get_template(template).render(values).strip()


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.PackageLoader("atlas.publish", "descriptions")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
