"""What is refused before Datasette sees it, and the headers of every answer: an ASGI layer around Datasette.

A published atlas is only read: no method but GET and HEAD, no address that Datasette would turn into another
host's, none longer than a long query. Where lists are kept, their forms are taken too. A server of this machine alone
answers by its own names.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from atlas.site.guard.forms import bounded_form, form_refusal, lets_form_through
from atlas.site.guard.hosts import UNKNOWN, KnownHosts
from atlas.site.guard.path_prefix import with_prefix, without_prefix
from atlas.site.guard.policy import page_policy
from atlas.site.lists.kept_lists import KeptLists

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST_ADDRESS = 16_384
MOST_PARAMETERS = 200
MOST_FACETS = 12
"""Each facet is a query of its own."""
METHODS = ("GET", "HEAD")
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}

_NUL = re.compile(rb"%00|\0")
_ELSEWHERE = re.compile(rb"^(?!/)|//|\\|[^!-~]")
"""A path that a browser could take for another host's, or that is no path of ours."""
_CSV_OF_A_DATABASE = re.compile(rb"/[^/]+\.csv")
_STREAMED = {"_stream": b"_stream=on", "_size": b"_size=max"}
_MILLISECONDS = re.compile(r"\d{1,9}", re.ASCII)
_LIST_FILTERS = ("__in", "__notin")


@dataclass(frozen=True)
class Refusal:
    """An answer to a request that Datasette never sees."""

    status: int
    reason: str


def request_refusal(scope: Scope, kept: KeptLists | None = None, hosts: KnownHosts | None = None) -> Refusal | None:
    """Why a request is refused; None where it is not."""
    if hosts is not None and not all(map(hosts.knows, _named_hosts(scope))):
        return Refusal(421, UNKNOWN)
    path, query = scope.get("raw_path") or scope["path"].encode(), scope.get("query_string", b"")
    path = path.partition(b"?")[0]
    if kept is not None and lets_form_through(scope, kept):
        refused = form_refusal(scope, kept)
        if refused:
            return Refusal(*refused)
    elif scope["method"] not in METHODS:
        return Refusal(405, "a published atlas is only read: GET and HEAD are answered")
    if len(path) + len(query) > LONGEST_ADDRESS:
        return Refusal(414, f"the address is longer than {LONGEST_ADDRESS:,} characters")
    wrong = _wrong_in(path, query)
    return Refusal(400, wrong) if wrong else None


def _named_hosts(scope: Scope) -> list[str]:
    """The Host headers of a request; browsers send one."""
    return [value.decode("latin-1") for name, value in scope.get("headers", []) if name.lower() == b"host"]


def _wrong_in(path: bytes, query: bytes) -> str | None:
    if _NUL.search(path + query):
        return "the address holds a NUL character"
    if _ELSEWHERE.search(path):
        return "the path begins without a slash, or holds two in a row, a backslash or a character that belongs encoded"
    too_many = f"the address holds over {MOST_PARAMETERS} parameters or {MOST_FACETS} facets"
    if query.count(b"&") >= MOST_PARAMETERS:
        return too_many
    given = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    if sum(len(values) for name, values in given.items() if name.startswith("_facet")) > MOST_FACETS:
        return too_many
    if _CSV_OF_A_DATABASE.fullmatch(path) and not any(given.get("sql", [])):
        return "a database has no CSV; a table has one, DATABASE/TABLE.csv, and so has DATABASE.csv?sql=SELECT..."
    return _wrong_value(given)


def _wrong_value(given: Mapping[str, list[str]]) -> str | None:
    """What Datasette would read without a look."""
    if not all(map(_names_a_row, given.get("_through", []))):
        return '_through takes {"table": ..., "column": ..., "value": ...}'
    if not all(map(_MILLISECONDS.fullmatch, given.get("_timelimit", []))):
        return "_timelimit takes milliseconds"
    listed = [value for name, values in given.items() if name.endswith(_LIST_FILTERS) for value in values]
    if not all(isinstance(_from_json(value), list) for value in listed if value.startswith("[")):
        return "a filter by a list takes 1,2,3 or a JSON array"
    return None


def request_asks_for_words(search: str) -> bool:
    """Whether a search asks for something: the index cannot read one of spaces and quotes alone."""
    return bool(search.replace('"', "").strip())


def _names_a_row(through: str) -> bool:
    """Whether it names a row of another table as Datasette expects it to."""
    named = _from_json(through)
    return isinstance(named, dict) and named.keys() >= {"table", "column", "value"}


def _from_json(text: str) -> Any:
    """What a JSON text says; None where it is none, or nested too deep to read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def guarded_application(
    application: Application,
    draws: Callable[[str], bool],
    prefix: Callable[[], str],
    kept: Callable[[], KeptLists | None] = lambda: None,
    hosts: Callable[[], KnownHosts | None] = lambda: None,
) -> Application:
    """The application behind these refusals; `draws` says whether the pages of a database of that name draw charts.

    `prefix` tells what every address begins with, `kept` the lists whose forms are taken, `hosts` the names that are
    answered by, where others are refused.
    """

    async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        mounted = prefix()
        home = mounted != "/" and scope["path"] == mounted.rstrip("/")
        scope = without_prefix(scope, mounted)
        charts = draws(scope["path"].lstrip("/").partition("/")[0].partition(".")[0])
        send = _without_body(send) if scope["method"] == "HEAD" else send
        send = _with_headers(send, page_policy(charts=charts).encode(), mounted)
        refused = request_refusal(scope, kept(), hosts())
        if refused is not None:
            await _refuse(send, refused)
        elif home:
            await _redirect(send, mounted)
        elif scope["method"] == "POST":
            await application(scope, bounded_form(receive), send)
        else:
            await application({**_every_row(_searching(scope)), "method": "GET"}, receive, send)

    return _answer


def _searching(scope: Scope) -> Scope:
    """A request without a search for nothing, which an empty field of a form sends and the index cannot read."""
    pairs = scope.get("query_string", b"").split(b"&")
    if not any(pair.startswith(b"_search") for pair in pairs):
        return scope
    values = {pair: unquote_plus(pair.partition(b"=")[2].decode("latin-1")) for pair in pairs}
    kept = [pair for pair in pairs if not pair.startswith(b"_search") or request_asks_for_words(values[pair])]
    return {**scope, "query_string": b"&".join(kept)}


def _every_row(scope: Scope) -> Scope:
    """A request for a CSV asks for every row, unless it asks for a page of it: a CSV has no sign of a next page."""
    given = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    a_page = "_next" in given or ("_stream" not in given and given.get("_size", ["max"])[0] != "max")
    if a_page or scope["method"] == "HEAD" or not scope["path"].endswith(".csv"):
        return scope
    added = [pair for name, pair in _STREAMED.items() if name not in given]
    return {**scope, "query_string": b"&".join(filter(None, (scope.get("query_string", b""), *added)))}


def _with_headers(send: Send, content_policy: bytes, mounted: str) -> Send:
    """The headers that a browser heeds; a page may send a stricter one of its own."""

    async def _sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            sent = [(name.lower(), value) for name, value in message.get("headers", [])]
            sent = [(name, with_prefix(value, mounted) if name == b"location" else value) for name, value in sent]
            own = {**HEADERS, b"content-security-policy": content_policy} | dict(sent)
            missing = [(name, own[name]) for name in own.keys() - dict(sent).keys()]
            message = {**message, "headers": [*sent, *missing]}
        await send(message)

    return _sending


def _without_body(send: Send) -> Send:
    """What HEAD asks for: a GET's headers alone."""

    async def _sending(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return _sending


async def _redirect(send: Send, location: str) -> None:
    await send({"type": "http.response.start", "status": 302, "headers": [(b"location", location.encode())]})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(send: Send, refused: Refusal) -> None:
    body = f"{refused.status}: {refused.reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    if refused.status == 405:
        headers.append((b"allow", ", ".join(METHODS).encode()))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
