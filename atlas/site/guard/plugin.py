"""Datasette's hooks for a safe site: bounded connections, guarded requests, kind errors, no paths, locked snapshots."""

import json
import sqlite3
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasette import hookimpl
from jinja2 import ChoiceLoader, Environment

from atlas.publish.activations import PLUGIN
from atlas.publish.lock import hold_snapshot
from atlas.site.guard import errors
from atlas.site.guard.hosts import hosts_of
from atlas.site.guard.path_prefix import Mounted, mount_prefix, prefix_absolute_addresses
from atlas.site.guard.requests import Application, guarded_application
from atlas.site.guard.sql import guard_connection
from atlas.site.lists.kept_lists import lists_of_server

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response

OWN_DATABASE = "_internal"
"""Datasette's own, in memory, which it writes to."""
ROBOTS = "datasette-block-robots"
CHARTS = "datasette_vega"
CHARTED = ("database", "table", "row", "query")
"""Kinds of page that show rows; Vega weighs 0.9 MB, which no other page should load."""


def guarded_settings(datasette: "Datasette") -> dict[str, Any] | None:
    """What a snapshot says to this plugin; None where the site is no published atlas."""
    found: dict[str, Any] | None = datasette.plugin_config(PLUGIN)
    return found


@hookimpl
def startup(datasette: "Datasette") -> None:
    """Lock the snapshot, so that no publisher removes it while it is served; keep to its settings and its prefix."""
    if guarded_settings(datasette) is None:
        return
    paths = [Path(database.path) for database in datasette.databases.values() if database.path]
    if paths:
        hold_snapshot(datasette, paths[0].resolve().parent)
    keep_guarded_settings(datasette)
    if not _has_rules_of_tables(datasette):
        datasette._table_permission_allows = lambda database, table: []
    if mount_prefix(datasette) != "/":
        prefix_absolute_addresses(datasette)


def keep_guarded_settings(datasette: "Datasette") -> None:
    """The snapshot's settings beside those of the command line: with one of these, Datasette reads no others.

    It keeps no word of that; so the file counts as read where most of what differs from the defaults holds.
    """
    from datasette.app import DEFAULT_SETTINGS

    file = Path(datasette.config_dir or ".") / "settings.json"
    stored = json.loads(file.read_text(encoding="utf-8")) if datasette.config_dir and file.is_file() else {}
    own = {name: value for name, value in stored.items() if value != DEFAULT_SETTINGS[name]}
    if 2 * sum(datasette.setting(name) == value for name, value in own.items()) <= len(own):
        datasette._settings |= {name: own[name] for name in own if datasette.setting(name) == DEFAULT_SETTINGS[name]}
    datasette._settings["base_url"] = mount_prefix(datasette)
    datasette.max_returned_rows = datasette.setting("max_returned_rows")
    datasette.sql_time_limit_ms = datasette.setting("sql_time_limit_ms")
    datasette.page_size = datasette.setting("default_page_size")


def _has_rules_of_tables(datasette: "Datasette") -> bool:
    """Whether something says who may see a table: to find out, Datasette copies all metadata for each table of a page.

    What a plugin says may change from one request to the next, so that where one does Datasette looks each time.
    """
    from datasette.plugins import pm

    metadata = datasette.metadata()
    described = [metadata, *(metadata.get("databases") or {}).values()]
    tables = [table for part in described for table in (part.get("tables") or {}).values()]
    return bool(pm.hook.get_metadata.get_hookimpls()) or any("allow" in table for table in tables)


@hookimpl(trylast=True)
def prepare_jinja2_environment(env: Environment, datasette: "Datasette") -> None:
    """Datasette's templates with the prefix in every link, where there is one."""
    if guarded_settings(datasette) is not None and mount_prefix(datasette) != "/" and env.loader is not None:
        env.loader = ChoiceLoader([Mounted(env.loader), env.loader])


@hookimpl
def block_robots_extra_lines(datasette: "Datasette") -> list[str]:
    """What robots leave alone, below the prefix too."""
    disallowed = (datasette.plugin_config(ROBOTS) or {}).get("disallow")
    if guarded_settings(datasette) is None or mount_prefix(datasette) == "/" or not isinstance(disallowed, list):
        return []
    return [f"Disallow: {datasette.urls.path(address)}" for address in disallowed]


@hookimpl
def prepare_connection(conn: Any, database: str, datasette: "Datasette") -> None:
    """Bound what SQL can do; DuckDB's connections have bounds of their own."""
    found = guarded_settings(datasette)
    served = database in datasette.databases and database != OWN_DATABASE
    if found is not None and served and isinstance(conn, sqlite3.Connection):
        guard_connection(conn, found.get("longest_text", 0))


@hookimpl
def asgi_wrapper(datasette: "Datasette") -> Callable[[Application], Application]:
    """Refuse what is hostile, and send the headers that a browser heeds."""

    def _wrap(application: Application) -> Application:
        if guarded_settings(datasette) is None:
            return application

        # Asked at each request: another plugin adds its database after the application is wrapped.
        def _draws(name: str) -> bool:
            return name in datasette.databases and name != OWN_DATABASE

        told = (lambda: mount_prefix(datasette)), (lambda: lists_of_server(datasette)), (lambda: hosts_of(datasette))
        return guarded_application(application, _draws, *told)

    return _wrap


@hookimpl
def register_routes(datasette: "Datasette") -> list[tuple[str, Any]]:
    """Datasette's pages about itself without what they tell of this machine."""
    if guarded_settings(datasette) is None:
        return []
    return [
        (r"^/-/databases(\.(?P<format>json))?$", _databases),
        (r"^/-/threads(\.(?P<format>json))?$", _not_here),
        (r"^/-/allow-debug$", _not_here),
    ]


async def _databases(request: "Request", datasette: "Datasette") -> "Response":
    """The databases, each by its file's name alone."""
    from datasette.views.special import JsonDataView

    def _shown() -> list[dict[str, Any]]:
        connected: list[dict[str, Any]] = datasette._connected_databases()
        return [{**each, "path": each["path"] and Path(each["path"]).name} for each in connected]

    return await JsonDataView(datasette, "databases.json", _shown).get(request)


async def _not_here(request: "Request") -> "Response":
    from datasette.utils.asgi import NotFound

    raise NotFound("")


@hookimpl(wrapper=True)
def handle_exception(
    datasette: "Datasette", request: "Request", exception: Exception
) -> Generator[None, list[Any], list[Any]]:
    """Explain a failure; Datasette's own hook, which would print and show the exception, is not asked."""
    others = yield
    if guarded_settings(datasette) is None:
        return others

    async def _answered() -> "Response":
        return await errors.error_answer(datasette, request.path, errors.explain(exception))

    return [_answered]


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
    if view_name in CHARTED or guarded_settings(datasette) is None:
        return found
    return [urls for urls in found if not (isinstance(urls, list) and any(CHARTS in str(url) for url in urls))]
