"""What the forms of lists do: one change each, then back to the page that they are on.

The token of a form is that of the visitor's cookie, which no page of another site can read.
"""

import hmac
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from datasette.utils.asgi import Response

from atlas.site.lists.feature_list import LONGEST_INDEX, Listed, ListError
from atlas.site.lists.kept_lists import KeptLists
from atlas.site.lists.store import FeatureLists
from atlas.site.pages.addresses import feature_address, list_address
from atlas.site.pages.page import Asked, PageError
from atlas.site.pages.rows import row, sae_named

if TYPE_CHECKING:
    from datasette.utils.asgi import Request

COOKIE, TOKEN = "ds_csrftoken", "csrftoken"
MOST_FIELDS = 20
Form = Mapping[str, str]


async def take_form(asked: Asked, kept: KeptLists) -> Response:
    """Do what a form asks for, and lead to the page that shows it.

    Raises:
        PageError: the form is not of this visit, or what it asks for cannot be done.
    """
    form = await _form(asked.request)
    if not _own(asked.request, form):
        raise PageError("this form is not of this visit, or too old; load its page again, and repeat", 403)
    try:
        if form.get("do") == "put":
            address = await _put(asked, kept.lists, form)
        else:
            address = _changed(asked, kept.lists, form)
    except ListError as error:
        raise PageError(str(error), error.status) from error
    return Response("", status=303, headers={"Location": address, "Cache-Control": "no-store"})


async def _form(request: "Request") -> Form:
    try:
        text = (await request.post_body()).decode("utf-8")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise PageError("the form cannot be read; load its page again, and repeat", 400) from error


def _own(request: "Request", form: Form) -> bool:
    """Whether a form bears the token of the visitor's cookie, and this server has signed it."""
    cookie, signed = request.cookies.get(COOKIE, ""), request.scope["csrftoken"]()
    sent = form.get(TOKEN, "")
    return bool(cookie) and all(hmac.compare_digest(each.encode(), cookie.encode()) for each in (signed, sent))


async def _put(asked: Asked, lists: FeatureLists, form: Form) -> str:
    """Put a feature into a list, which is made where it is new; back to the feature."""
    sae = await sae_named(asked.datasette, form.get("sae", ""))
    feature = _feature(form)
    if feature >= sae["d_sae"]:
        raise ListError(f"{sae['name']} has features 0 to {sae['d_sae'] - 1}; there is no feature {feature}")
    facts = await row(asked.datasette, "sae/facts", sae=sae["sae"])
    weights = (facts["weights_sha256"] or "") if facts else ""  # none of an imported SAE
    name = form.get("list", "") or lists.create(form.get("name", ""))
    lists.put(name, Listed(sae["release"], sae["sae_id"], feature, form.get("note", ""), weights))
    return f"{feature_address(asked.datasette, sae['name'], feature)}#lists"


def _changed(asked: Asked, lists: FeatureLists, form: Form) -> str:
    """Change a list; back to it, or to all of them."""
    change = CHANGES.get(form.get("do", ""))
    if change is None:
        raise ListError("the form does not say what to do; load its page again, and repeat")
    name = change(lists, form)
    return (
        list_address(asked.datasette, name, list_page_number(form.get("page", "")))
        if name
        else str(asked.datasette.urls.path("lists"))
    )


def _create(lists: FeatureLists, form: Form) -> str:
    return lists.create(form.get("name", ""), form.get("description", ""))


def _describe(lists: FeatureLists, form: Form) -> str:
    return lists.describe(form.get("list", ""), form.get("name", ""), form.get("description", ""))


def _note(lists: FeatureLists, form: Form) -> str:
    """A note of a feature that is in the list, whether or not this atlas has it."""
    name = form.get("list", "")
    lists.note(name, form.get("release", ""), form.get("sae_id", ""), _feature(form), form.get("note", ""))
    return name


def _remove(lists: FeatureLists, form: Form) -> str:
    name = form.get("list", "")
    lists.remove(name, form.get("release", ""), form.get("sae_id", ""), _feature(form))
    return name


def _delete(lists: FeatureLists, form: Form) -> str:
    if not form.get("sure"):
        raise ListError("a list goes with all of its notes: tick the box beside the button, and repeat")
    lists.delete(form.get("list", ""))
    return ""


CHANGES: Mapping[str, Callable[[FeatureLists, Form], str]] = {
    "create": _create,
    "describe": _describe,
    "note": _note,
    "remove": _remove,
    "delete": _delete,
}
"""What a form may ask for, beside putting a feature into a list; each gives the list to show, or '' for all."""


def list_page_number(asked: str) -> int:
    """The page that is asked for, from 1; the first where none is."""
    return max(int(asked), 1) if asked.isascii() and asked.isdecimal() and len(asked) <= 9 else 1


def _feature(form: Form) -> int:
    index = form.get("feature", "")
    if not (index.isascii() and index.isdecimal() and len(index) <= 10 and int(index) <= LONGEST_INDEX):
        raise ListError(f"{index[:20]!r} is no feature; an index is a number from 0")
    return int(index)
