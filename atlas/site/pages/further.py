"""Saved queries that a page leads on to, asked of what the page is about."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from atlas.site.pages.addresses import query_address
from queries import find_query

if TYPE_CHECKING:
    from datasette.app import Datasette


def asked_further(datasette: "Datasette", names: Iterable[str], **values: str) -> list[dict[str, str]]:
    """The title and the address of each saved query, with those of these values that are its parameters."""
    found = []
    for query in map(find_query, names):
        taken = {each.name: values[each.name] for each in query.parameters if each.name in values}
        found.append({"title": query.title, "address": query_address(datasette, query, **taken)})
    return found
