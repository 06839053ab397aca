"""The forms that a site takes where it keeps lists: small ones, of its own pages, at one address.

Browsers say with every form of which site the page is that sends it (Origin). What says nothing, or another site, is
refused before anything is read of it; the page's own token is compared by the view.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from atlas.site.lists.kept_lists import WRITTEN_AT, KeptLists

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

LARGEST_FORM = 32_768
"""Bytes."""
CONTENT = "application/x-www-form-urlencoded"


def lets_form_through(scope: Scope, kept: KeptLists | None) -> bool:
    """Whether a request is a form, to be looked at further; all else but GET and HEAD is refused."""
    return kept is not None and scope["method"] == "POST" and scope["path"] == WRITTEN_AT


def form_refusal(scope: Scope, kept: KeptLists) -> tuple[int, str] | None:
    """The HTTP status with which a form is refused, and why; None where it is not."""
    headers = _headers(scope)
    if not kept.takes(headers.get("origin", ""), headers.get("host", "")):
        return 403, (
            "this form comes from a page of another address; where this site is reached by another name, "
            "start the server with --origin and that address"
        )
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return 403, "this form comes from a page of another site"
    if headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT:
        return 415, f"a form is sent as {CONTENT}"
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdecimal()):
        return 411, "a form says how long it is: Content-Length"
    if len(length) > 9 or int(length) > LARGEST_FORM:
        return 413, f"a form has at most {LARGEST_FORM:,} bytes"
    return None


def bounded_form(receive: Receive) -> Receive:
    """What is received, ending after as many bytes as a form may have, whatever it said of its length."""
    taken = 0

    async def _receiving() -> MutableMapping[str, Any]:
        nonlocal taken
        message = await receive()
        if message["type"] != "http.request":
            return message
        body = message.get("body", b"")[: LARGEST_FORM - taken]
        taken += len(body)
        ends = {"more_body": False} if taken >= LARGEST_FORM else {}
        return {**message, "body": body, **ends}

    return _receiving


def _headers(scope: Scope) -> Mapping[str, str]:
    """The first of each header."""
    found: dict[str, str] = {}
    for name, value in scope.get("headers", []):
        found.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return found
