"""What a page is, and how it is answered: as HTML, or as the JSON of the same content."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datasette.utils import add_cors_headers
from datasette.utils.asgi import Request, Response
from datasette.version import __version__ as datasette_version

from atlas.site.pages.addresses import DATABASE, name_in_page_address
from schema import AtlasError

if TYPE_CHECKING:
    from datasette.app import Datasette

log = logging.getLogger(__name__)

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Pages need neither scripts nor anything of another host, so a browser may refuse both."""


class PageError(AtlasError):
    """A page that cannot be shown: what is wrong and what to do, with the HTTP status that says why."""

    def __init__(self, message: str, status: int = 404) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """What a visitor asks for: the address's named parts, decoded, and its query."""

    datasette: "Datasette"
    request: Request
    parts: Mapping[str, str]

    @property
    def query(self) -> Mapping[str, str]:
        """The query's values; the first of each name."""
        return {name: self.request.args[name] for name in self.request.args}


@dataclass(frozen=True)
class Page:
    """An answer: a title, plain content that is also its JSON, and the template that renders it.

    `beside` is what the template is given beyond the content. The JSON has the page's address with `.json` at its end,
    or where `json_address` says. A `private` page changes with what visitors do, and is kept by no cache.
    """

    template: str
    title: str
    content: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    json_address: str | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)
    private: bool = False


View = Callable[[Asked], Awaitable[Page | Response]]


def page_view(view: View) -> Callable[..., Awaitable[Response]]:
    """A view as Datasette calls one: permissions are checked, mistakes become a page with advice."""

    async def _answer(datasette: "Datasette", request: Request) -> Response:
        await datasette.ensure_permissions(request.actor, [("view-database", DATABASE), "view-instance"])
        parts = {name: name_in_page_address(value) for name, value in request.url_vars.items() if value}
        try:
            found = await view(Asked(datasette, request, parts))
        except PageError as error:
            title = "Not found" if error.status == 404 else "Not shown"
            found = Page("templates/advice.html", title, _fault(error), error.status)
        if isinstance(found, Response):
            return found
        return await _rendered(datasette, request, found, as_json="format" in parts)

    return _answer


async def _rendered(datasette: "Datasette", request: Request, page: Page, as_json: bool) -> Response:
    kept = "private, no-store" if page.private else f"max-age={datasette.setting('default_cache_ttl')}"
    headers = {"Cache-Control": kept}
    if as_json:
        if datasette.cors:
            add_cors_headers(headers)
        return Response.json(page.content, status=page.status, headers=headers)
    context = {
        **page.beside,
        "page": page.content,
        "title": page.title,
        "json_address": _json_address(datasette, request, page),
        "metadata": datasette.metadata(),
        "datasette_version": datasette_version,
    }
    html = await datasette.render_template(f"atlas:{page.template}", context, request=request)
    return Response.html(html, status=page.status, headers=headers | {"Content-Security-Policy": POLICY})


def _json_address(datasette: "Datasette", request: Request, page: Page) -> str | None:
    if page.status != 200:
        return None
    if page.json_address:
        return page.json_address
    query = f"?{request.query_string}" if request.query_string else ""
    return str(datasette.urls.path(f"{request.path}.json{query}"))


def _fault(error: PageError) -> dict[str, Any]:
    return {"ok": False, "error": str(error), "status": error.status}
