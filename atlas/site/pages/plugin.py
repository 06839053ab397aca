"""Datasette's hooks for the pages made for people: which address is answered by which folder, templates, stylesheet.

A page is a folder and a line in ROUTES; its view is `async def view(asked: Asked) -> Page`.
"""

from functools import cache
from hashlib import blake2b
from importlib import resources
from typing import TYPE_CHECKING, Any

from datasette import hookimpl
from datasette.utils.asgi import Response
from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, PrefixLoader

from atlas.site.lists.kept_lists import WRITTEN_AT, lists_of_server
from atlas.site.pages import (
    api,
    association,
    boxes,
    contrast,
    feature,
    figures,
    find,
    graph,
    lists,
    live,
    reproduction,
    runs,
    sae,
    shading,
    start,
    steer,
)
from atlas.site.pages import map as feature_map
from atlas.site.pages.addresses import DATABASE
from atlas.site.pages.page import Asked, View, page_view

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette


async def stylesheet(asked: Asked) -> Response:
    """The stylesheet of all pages, to be kept for ever; an older address gets today's, not to be kept."""
    kept = "max-age=31536000, immutable" if asked.parts["version"] == _version() else "no-store"
    return Response(_css(), content_type="text/css; charset=utf-8", headers={"Cache-Control": kept})


def stylesheet_address(datasette: "Datasette") -> str:
    """Where the stylesheet is served: an address that changes with it."""
    found: str = datasette.urls.path(f"-/atlas/pages.{_version()}.css")  # of Datasette's own kind: prefixed once
    return found


ROUTES: tuple[tuple[str, View], ...] = (
    (r"/(?:start(?P<format>\.json))?$", start.view),
    (r"/find(?P<format>\.json)?$", find.view),
    (r"/runs(?P<format>\.json)?$", runs.view),
    (r"/lists(?P<format>\.json)?$", lists.lists_page),
    (r"/list/(?P<path>[^/]+?)(?P<format>\.json|\.csv)?$", lists.list_page),
    (r"/boxes(?P<format>\.json)?$", boxes.view),
    (r"/steer(?P<format>\.json)?$", steer.view),
    (r"/live(?P<format>\.json)?$", live.view),
    (r"/chart/runs/(?P<chart>[a-z]+)\.svg$", runs.chart),
    (r"/feature/(?P<path>.+?)(?P<format>\.json)?$", feature.view),
    (r"/graph/(?P<path>[^/]+?)(?P<format>\.json)?$", graph.view),
    (r"/chart/graph/(?P<path>[^/]+)/(?P<chart>[a-z]+)\.svg$", graph.chart),
    (r"/api/feature/(?P<model>[^/]+)/(?P<source>[^/]+)/(?P<index>[^/]+?)(?P<format>\.json)?$", api.view),
    (r"/contrast/(?P<path>.+?)(?P<format>\.json)?$", contrast.view),
    (r"/association/(?P<path>.+?)(?P<format>\.json)?$", association.view),
    (r"/reproduction/(?P<path>.+?)(?P<format>\.json)?$", reproduction.view),
    (r"/chart/association/(?P<path>.+)/(?P<chart>[a-z]+)\.svg$", association.chart),
    (r"/sae/(?P<path>.+?)(?P<format>\.json)?$", sae.view),
    (r"/map/(?P<path>.+?)(?P<format>\.json)?$", feature_map.view),
    (r"/chart/map/(?P<path>.+)/(?P<chart>[a-z]+)\.svg$", feature_map.chart),
    (r"/chart/sae/(?P<path>.+)/(?P<chart>[a-z]+)\.svg$", sae.chart),
    (r"/chart/contrast/(?P<path>.+)/(?P<chart>[a-z]+)\.svg$", contrast.chart),
    (r"/-/atlas/pages\.(?P<version>[0-9a-f]{16})\.css$", stylesheet),
)
"""Regular expressions of the percent-encoded path, and who answers; `format` is set where JSON is asked."""


@hookimpl
def register_routes(datasette: "Datasette") -> list[tuple[str, Any]]:
    """The pages, where the database is an atlas; a Datasette of something else keeps its addresses."""
    if DATABASE not in datasette.databases:
        return []
    return [(f"^{address}", page_view(view)) for address, view in ROUTES]


@hookimpl
def menu_links(datasette: "Datasette") -> list[dict[str, str]]:
    """A line in the menu, where lists are kept."""
    if lists_of_server(datasette) is None:
        return []
    return [{"href": str(datasette.urls.path("lists")), "label": "Lists of features"}]


@hookimpl
def skip_csrf(datasette: "Datasette", scope: dict[str, Any]) -> bool:
    """Datasette's own look at tokens lets forms without any cookie pass; the forms of lists are looked at by theirs."""
    return lists_of_server(datasette) is not None and scope["path"] == WRITTEN_AT


@hookimpl
def prepare_jinja2_environment(env: Environment, datasette: "Datasette") -> None:
    """Templates named `atlas:FOLDER/NAME.html`, the filters they use, and Datasette's own pages with a search box."""
    loaders: list[BaseLoader] = [PrefixLoader({"atlas": PackageLoader("atlas.site.pages", "")}, delimiter=":")]
    if DATABASE in datasette.databases:
        loaders.append(PackageLoader("atlas.site.pages", "datasette"))
    env.loader = ChoiceLoader([*loaders, *([env.loader] if env.loader else [])])
    env.filters.update({**figures.FILTERS, **shading.FILTERS, **feature.FILTERS})


@hookimpl
def extra_css_urls(datasette: "Datasette") -> list[str]:
    """The one stylesheet, also for Datasette's own pages."""
    return [stylesheet_address(datasette)] if DATABASE in datasette.databases else []


@cache
def _css() -> str:
    return (resources.files("atlas.site.pages") / "pages.css").read_text(encoding="utf-8")


@cache
def _version() -> str:
    return blake2b(_css().encode(), digest_size=8).hexdigest()
