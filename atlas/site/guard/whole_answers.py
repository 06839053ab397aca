"""Answers to programs: whole, or refused in one line.

A page says that it shows the first rows only, and so does Datasette's JSON in its own shape. CSV and bare lists of
JSON cannot say so: they hold every row, and an answer that fails after its first row ends with the connection.

The values of a saved query are read here as the command reads them: what cannot be read is no default, and what
names nothing in the atlas is no empty answer. A page that is opened without values shows its form.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from datasette.utils.asgi import Base400

from atlas.publish.activations import PLUGIN
from queries.parameters import Value
from queries.runner import bind_parameters, read_query_values
from queries.saved import SavedQuery, saved_query_of_sql
from queries.selection import check_selection, selection_statements
from schema import QueryError, SelectionError

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.database import Database

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

ATLAS = "the atlas"
"""What messages call it where the snapshot does not say its name."""
LISTS = ("array", "arrayfirst", "object")
"""Shapes of Datasette's JSON with nothing but rows."""


@dataclass
class Wanted:
    """What a request is answered with: the form of the rows, and whether some of them are on their way already.

    `given` are the names of the parameters in its address.
    """

    csv: bool
    json: bool
    listed: bool
    given: frozenset[str] = frozenset()
    begun: bool = False
    broken: bool = False

    def whole(self, saved: bool) -> bool:
        """Whether every row belongs to the answer; a saved query has a limit of its own."""
        return self.csv or (self.json and (saved or self.listed))

    def opens(self, query: SavedQuery) -> bool:
        """Whether it opens the page of a saved query, or its SQL to be edited, and has asked for nothing yet."""
        asked = "sql" not in self.given and any(parameter.name in self.given for parameter in query.parameters)
        return not (self.csv or self.json or asked)


wanted: ContextVar[Wanted | None] = ContextVar("wanted", default=None)
"""How the request at hand is answered; None outside of one."""


def answer_format_asked(scope: MutableMapping[str, Any]) -> Wanted:
    """What the address of a request asks for."""
    path = str(scope.get("path", ""))
    given = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    listed = given.get("_shape", [""])[0] in LISTS
    return Wanted(path.endswith(".csv"), path.endswith(".json"), listed, frozenset(given))


def unbroken_send(send: Send, asked: Wanted) -> Send:
    """What an answer is sent by; once it is broken nothing more is sent, so that it never looks complete."""

    async def _sending(message: MutableMapping[str, Any]) -> None:
        if not asked.broken:
            asked.begun = True
            await send(message)

    return _sending


async def statement_of_whole_answer(
    database: "Database", sql: str, parameters: Any, truncate: bool
) -> tuple[Any, bool]:
    """The parameters of a statement as they are read, and whether its rows may be cut off.

    Raises:
        sqlite3.OperationalError: a value of a saved query is missing, cannot be read or names nothing, as the command
            line says it too.
    """
    query = saved_query_of_sql(sql)
    asked = wanted.get()
    if query is not None and isinstance(parameters, Mapping):
        try:
            values = await _read(database, query, parameters, opened=asked is not None and asked.opens(query))
        except (QueryError, SelectionError) as error:
            raise sqlite3.OperationalError(str(error)) from None
        parameters = {parameter.name: str(values.get(parameter.name, "")) for parameter in query.parameters}
    return parameters, truncate and not (asked is not None and asked.whole(saved=query is not None))


async def _read(
    database: "Database", query: SavedQuery, parameters: Mapping[str, Any], opened: bool
) -> Mapping[str, Value]:
    given = {name: value for name, value in parameters.items() if value not in ("", None) and name[:1] != "_"}
    values = read_query_values(query, given) if opened else bind_parameters(query, given)
    held = {each: (await database.execute(each)).rows for each in selection_statements(query, values)}
    atlas = (database.ds.plugin_config(PLUGIN) or {}).get("atlas", ATLAS)
    check_selection(query, values, held, atlas)
    return values


@contextmanager
def refuse_csv_cut_by_an_error() -> Iterator[None]:
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
