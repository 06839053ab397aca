"""The stylesheet of all pages, under an address that changes with it and so may be kept for ever."""

from functools import cache
from hashlib import blake2b
from importlib import resources
from typing import TYPE_CHECKING

from datasette.utils.asgi import Response

from atlas.site.pages.page import Asked

if TYPE_CHECKING:
    from datasette.app import Datasette

ADDRESS = r"/-/atlas/pages\.(?P<version>[0-9a-f]{16})\.css"


@cache
def text() -> str:
    """The file's content."""
    return (resources.files("atlas.site.pages") / "static" / "pages.css").read_text(encoding="utf-8")


@cache
def version() -> str:
    """A hash of the content."""
    return blake2b(text().encode(), digest_size=8).hexdigest()


def address(datasette: "Datasette") -> str:
    """Where it is served."""
    found: str = datasette.urls.path(f"-/atlas/pages.{version()}.css")  # of Datasette's own kind: prefixed once
    return found


async def view(asked: Asked) -> Response:
    """The content; an older address gets today's, not to be kept."""
    kept = "max-age=31536000, immutable" if asked.parts["version"] == version() else "no-store"
    return Response(text(), content_type="text/css; charset=utf-8", headers={"Cache-Control": kept})
