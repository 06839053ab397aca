"""Saved queries that a page leads on to, asked of what the page is about."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from atlas.pages.addresses import query_address
from queries import find_query

if TYPE_CHECKING:
    from datasette.app import Datasette


def asked_further(datasette: "Datasette", names: Iterable[str], **values: str) -> list[dict[str, str]]:
    """The title and the address of each saved query, with these values of its parameters."""
    return [
        {"title": query.title, "address": query_address(datasette, query, **values)} for query in map(find_query, names)
    ]
