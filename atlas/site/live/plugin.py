"""Datasette's hooks for the page of a typed sentence; without `atlas serve --live` it only says how to have it."""

from typing import TYPE_CHECKING, Any

from datasette import hookimpl

from atlas.site.live import page
from atlas.site.live.switch import live_model
from atlas.site.pages.page import answering

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette


@hookimpl
def register_routes(datasette: "Datasette") -> list[tuple[str, Any]]:
    """/live and /live.json."""
    return [(r"^/live(?P<format>\.json)?$", answering(page.view))]


@hookimpl
def menu_links(datasette: "Datasette") -> list[dict[str, str]]:
    """A line in the menu, where typed texts are answered."""
    if live_model(datasette) is None:
        return []
    return [{"href": str(datasette.urls.path("live")), "label": "Type a sentence"}]
