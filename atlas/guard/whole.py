"""Answers to programs: whole, or refused in one line.

A page says that it shows the first rows only, and so does Datasette's JSON in its own shape. CSV and bare lists of
JSON cannot say so: they hold every row, and an answer that fails after its first row ends with the connection.

The values of a saved query are read here as the command reads them; what cannot be read is no default.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from datasette.utils.asgi import Base400

from queries.runner import read_values
from queries.saved import served_query
from schema import QueryError

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LISTS = ("array", "arrayfirst", "object")
"""Shapes of Datasette's JSON with nothing but rows."""


@dataclass
class Wanted:
    """What a request is answered with: the form of the rows, and whether some of them are on their way already."""

    csv: bool
    json: bool
    listed: bool
    begun: bool = False
    broken: bool = False

    def whole(self, saved: bool) -> bool:
        """Whether every row belongs to the answer; a saved query has a limit of its own."""
        return self.csv or (self.json and (saved or self.listed))


wanted: ContextVar[Wanted | None] = ContextVar("wanted", default=None)
"""How the request at hand is answered; None outside of one."""


def wanted_by(scope: MutableMapping[str, Any]) -> Wanted:
    """What the address of a request asks for."""
    path = str(scope.get("path", ""))
    shapes = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("_shape", [])
    return Wanted(path.endswith(".csv"), path.endswith(".json"), any(shape in LISTS for shape in shapes[:1]))


def unbroken(send: Send, asked: Wanted) -> Send:
    """What an answer is sent by; once it is broken nothing more is sent, so that it never looks complete."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if not asked.broken:
            asked.begun = True
            await send(message)

    return sending


def prepared(sql: str, parameters: Any, truncate: bool) -> tuple[Any, bool]:
    """The parameters of a statement as they are read, and whether its rows may be cut off.

    Raises:
        sqlite3.OperationalError: a value of a saved query cannot be read, as the command line says it too.
    """
    query = served_query(sql)
    if query is not None and isinstance(parameters, Mapping):
        given = {name: value for name, value in parameters.items() if value not in ("", None) and name[:1] != "_"}
        try:
            values = read_values(query, given)
        except QueryError as error:
            raise sqlite3.OperationalError(str(error)) from None
        parameters = {parameter.name: str(values.get(parameter.name, "")) for parameter in query.parameters}
    asked = wanted.get()
    return parameters, truncate and not (asked is not None and asked.whole(saved=query is not None))


@contextmanager
def refusing() -> Iterator[None]:
    """Datasette leaves a failed statement's error out of a CSV: there, it is told instead of the rows.

    Raises:
        Base400: a statement of a CSV cannot be run.
    """
    asked = wanted.get()
    try:
        yield
    except Exception as error:
        if asked is None or not asked.csv:
            raise
        asked.broken = asked.begun
        if isinstance(error, sqlite3.DatabaseError):
            raise Base400(str(error)) from error
        raise
