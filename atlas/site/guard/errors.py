"""What a visitor is told when something fails: what happened and what to do, never how the server is made."""

import logging
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datasette.utils.asgi import Base400, Response

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette

log = logging.getLogger(__name__)

TOO_LARGE = "The answer is larger than this server gives; ask for less of it."
TOO_SLOW = "This takes longer than this server allows for one query; ask for less of it, or again if it is busy."
TOO_LONG_A_NUMBER = "A number in the address has more digits than SQLite can read."
LEFT_OUT = "The address leaves out a value: a row is named by all of its keys, with commas between them."
SLOW_TITLE = "This takes too long"
INTERRUPTED = "SQL Interrupted"
"""Datasette's title for it; its message is HTML, for people who can change the server's settings."""
NOT_HERE = "There is no page at this address."
FAILED = "This page cannot be shown: the server met an error, which its log describes."
TITLES = {
    400: "This cannot be answered",
    403: "This is not shown",
    404: "Not found",
    500: "An error of this server",
    503: "The server is busy",
}

ASKED_WRONGLY = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_READONLY)
"""SQLite's codes for what a statement brings upon itself; others tell of a damaged file or disk."""


@dataclass(frozen=True)
class Explanation:
    """What a failure is called, its HTTP status, and what Datasette adds to its JSON."""

    status: int
    title: str
    message: str
    details: dict[str, Any]


def explain(exception: BaseException) -> Explanation:
    """A failure in a visitor's words; one that nobody foresaw is logged in full and told without its text."""
    from datasette.database import QueryInterrupted
    from datasette.views.base import DatasetteError

    if isinstance(exception, QueryInterrupted) or getattr(exception, "title", None) == INTERRUPTED:
        return _explained(400, TOO_SLOW, SLOW_TITLE)
    if isinstance(exception, Base400):
        said = str(exception.args[0]) if exception.args else ""
        return _explained(exception.status, NOT_HERE if said in ("", "404") else said)
    if isinstance(exception, DatasetteError):
        status = 400 if exception.status == 500 else exception.status  # it says 500 where an address asks wrongly
        return _explained(status, exception.message, exception.title, exception.error_dict)
    foreseen = _brought_upon_itself(exception)
    if foreseen is not None:
        return _explained(400, foreseen)
    log.error("a page failed", exc_info=exception)
    return _explained(500, FAILED)


def _brought_upon_itself(exception: BaseException) -> str | None:
    """What is wrong with what was asked, where Python or SQLite found out; None where nothing is."""
    if isinstance(exception, MemoryError | sqlite3.DataError):
        return TOO_LARGE
    if isinstance(exception, OverflowError) and "SQLite" in str(exception):
        return TOO_LONG_A_NUMBER
    if isinstance(exception, sqlite3.ProgrammingError) and "binding" in str(exception):
        return LEFT_OUT
    if isinstance(exception, sqlite3.Error) and getattr(exception, "sqlite_errorcode", 1) & 0xFF in ASKED_WRONGLY:
        return f"The SQL cannot be run: {exception}."
    return None


def _explained(
    status: int, message: str, title: str | None = None, details: dict[str, Any] | None = None
) -> Explanation:
    return Explanation(status, title or TITLES.get(status, TITLES[400]), message, details or {})


async def error_answer(datasette: "Datasette", path: str, explanation: Explanation) -> Response:
    """The explanation as a page, as JSON where JSON was asked for, as one line where CSV was."""
    told = {"ok": False, "error": explanation.message, "status": explanation.status, "title": explanation.title}
    told = explanation.details | told
    if path.partition("?")[0].endswith(".json"):
        return Response.json(told, status=explanation.status)
    if path.partition("?")[0].endswith(".csv"):
        return Response.text(f"{explanation.message}\n", status=explanation.status)
    from atlas.site.pages.plugin import stylesheet_address

    # Not datasette.render_template: its menus ask the databases, which may be what fails.
    template = datasette.jinja_env.select_template([f"{explanation.status}.html", "error.html"])
    surroundings = {
        "urls": datasette.urls,
        "app_css_hash": datasette.app_css_hash(),
        "menu_links": list,
        "extra_css_urls": [{"url": datasette.urls.path("/static/atlas.css")}, {"url": stylesheet_address(datasette)}],
    }
    return Response.html(await template.render_async(told | surroundings), status=explanation.status)
