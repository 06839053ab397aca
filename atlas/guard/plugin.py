"""Datasette's hooks for a safe site: bounded connections, guarded requests, kind errors, no paths, locked snapshots."""

import sqlite3
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasette import hookimpl

from atlas.guard import PLUGIN, errors
from atlas.guard.reading import hold
from atlas.guard.requests import Application, guarded
from atlas.guard.sql import guard_connection

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response

OWN_DATABASE = "_internal"
"""Datasette's own, in memory, which it writes to."""
CHARTS = "datasette_vega"
CHARTED = ("database", "table", "row", "query")
"""Kinds of page that show rows; Vega weighs 0.9 MB, which no other page should load."""


def settings(datasette: "Datasette") -> dict[str, Any] | None:
    """What a snapshot says to this plugin; None where the site is no published atlas."""
    found: dict[str, Any] | None = datasette.plugin_config(PLUGIN)
    return found


@hookimpl
def startup(datasette: "Datasette") -> None:
    """Lock the snapshot, so that no publisher removes it while it is served."""
    paths = [Path(database.path) for database in datasette.databases.values() if database.path]
    if settings(datasette) is not None and paths:
        hold(datasette, paths[0].resolve().parent)


@hookimpl
def prepare_connection(conn: Any, database: str, datasette: "Datasette") -> None:
    """Bound what SQL can do; DuckDB's connections have bounds of their own."""
    found = settings(datasette)
    served = database in datasette.databases and database != OWN_DATABASE
    if found is not None and served and isinstance(conn, sqlite3.Connection):
        guard_connection(conn, found.get("longest_text", 0))


@hookimpl
def asgi_wrapper(datasette: "Datasette") -> Callable[[Application], Application]:
    """Refuse what is hostile, and send the headers that a browser heeds."""

    def wrap(application: Application) -> Application:
        if settings(datasette) is None:
            return application
        # Asked at each request: another plugin adds its database after the application is wrapped.
        return guarded(application, lambda name: name in datasette.databases and name != OWN_DATABASE)

    return wrap


@hookimpl
def register_routes(datasette: "Datasette") -> list[tuple[str, Any]]:
    """Datasette's pages about itself without what they tell of this machine."""
    if settings(datasette) is None:
        return []
    return [
        (r"^/-/databases(\.(?P<format>json))?$", _databases),
        (r"^/-/threads(\.(?P<format>json))?$", _not_here),
        (r"^/-/allow-debug$", _not_here),
    ]


async def _databases(request: "Request", datasette: "Datasette") -> "Response":
    """The databases, each by its file's name alone."""
    from datasette.views.special import JsonDataView

    def shown() -> list[dict[str, Any]]:
        connected: list[dict[str, Any]] = datasette._connected_databases()
        return [{**each, "path": each["path"] and Path(each["path"]).name} for each in connected]

    return await JsonDataView(datasette, "databases.json", shown).get(request)


async def _not_here(request: "Request") -> "Response":
    from datasette.utils.asgi import NotFound

    raise NotFound("")


@hookimpl(wrapper=True)
def handle_exception(
    datasette: "Datasette", request: "Request", exception: Exception
) -> Generator[None, list[Any], list[Any]]:
    """Explain a failure; Datasette's own hook, which would print and show the exception, is not asked."""
    others = yield
    if settings(datasette) is None:
        return others

    async def answered() -> "Response":
        return await errors.answer(datasette, request.path, errors.explain(exception))

    return [answered]


@hookimpl(wrapper=True)
def extra_js_urls(datasette: "Datasette", view_name: str) -> Generator[None, list[Any], list[Any]]:
    """Vega's script only where there are rows to draw."""
    found = yield
    return _needed(datasette, view_name, found)


@hookimpl(wrapper=True)
def extra_css_urls(datasette: "Datasette", view_name: str) -> Generator[None, list[Any], list[Any]]:
    """Vega's styles only where there are rows to draw."""
    found = yield
    return _needed(datasette, view_name, found)


def _needed(datasette: "Datasette", view_name: str, found: list[Any]) -> list[Any]:
    if view_name in CHARTED or settings(datasette) is None:
        return found
    return [urls for urls in found if not (isinstance(urls, list) and any(CHARTS in str(url) for url in urls))]
