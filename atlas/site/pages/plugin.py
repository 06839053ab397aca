"""Datasette's hooks for the pages made for people: which address is answered by which module.

A page is a line in ROUTES; its view is `async def view(asked: Asked) -> Page`.
"""

from typing import TYPE_CHECKING, Any

from datasette import hookimpl
from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, PrefixLoader

from atlas.site.pages import contrast, feature, figures, find, histogram, marks, runs, sae, shading, start, stylesheet
from atlas.site.pages.addresses import DATABASE
from atlas.site.pages.page import View, answering

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette

ROUTES: tuple[tuple[str, View], ...] = (
    (r"/(start(?P<format>\.json))?$", start.view),
    (r"/find(?P<format>\.json)?$", find.view),
    (r"/runs(?P<format>\.json)?$", runs.view),
    (r"/chart/runs/(?P<chart>[a-z]+)\.svg$", runs.chart),
    (r"/feature/(?P<path>.+?)(?P<format>\.json)?$", feature.view),
    (r"/contrast/(?P<path>.+?)(?P<format>\.json)?$", contrast.view),
    (r"/sae/(?P<path>.+?)(?P<format>\.json)?$", sae.view),
    (r"/chart/sae/(?P<path>.+)/(?P<chart>[a-z]+)\.svg$", sae.chart),
    (r"/chart/contrast/(?P<path>.+)/(?P<chart>[a-z]+)\.svg$", contrast.chart),
    (rf"{stylesheet.ADDRESS}$", stylesheet.view),
)
"""Regular expressions of the percent-encoded path, and who answers; `format` is set where JSON is asked."""


@hookimpl
def register_routes(datasette: "Datasette") -> list[tuple[str, Any]]:
    """The pages, where the database is an atlas; a Datasette of something else keeps its addresses."""
    if DATABASE not in datasette.databases:
        return []
    return [(f"^{address}", answering(view)) for address, view in ROUTES]


@hookimpl
def prepare_jinja2_environment(env: Environment, datasette: "Datasette") -> None:
    """Templates named `atlas:NAME.html`, the filters they use, and Datasette's own pages with a search box."""
    loaders: list[BaseLoader] = [PrefixLoader({"atlas": PackageLoader("atlas.site.pages", "templates")}, delimiter=":")]
    if DATABASE in datasette.databases:
        loaders.append(PackageLoader("atlas.site.pages", "templates/datasette"))
    env.loader = ChoiceLoader([*loaders, *([env.loader] if env.loader else [])])
    env.filters.update({**figures.FILTERS, **shading.FILTERS, **histogram.FILTERS, **marks.FILTERS})


@hookimpl
def extra_css_urls(datasette: "Datasette") -> list[str]:
    """The one stylesheet, also for Datasette's own pages."""
    return [stylesheet.address(datasette)] if DATABASE in datasette.databases else []
