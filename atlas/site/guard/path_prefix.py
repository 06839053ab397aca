"""A site behind a path prefix (Datasette's `base_url`), whether the proxy before it takes the prefix off or leaves it.

Inside, an address never has the prefix; each link has it. Datasette 0.65 forgets it in a few places, which are mended
here: redirects, and some links of facets and filters.
"""

from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from datasette.utils import PrefixedUrlString
from jinja2 import BaseLoader, Environment, TemplateNotFound

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette

Scope = MutableMapping[str, Any]
Source = tuple[str, str | None, Callable[[], bool] | None]

UNPREFIXED = {
    "_facet_results.html": ("facet_info.toggle_url", 'path_with_replaced_args(request, {"_facet_size": "max"})'),
    "table.html": ("extra_where.remove_url",),
}
"""Links in Datasette's templates that begin without the prefix."""


def mount_prefix(datasette: "Datasette") -> str:
    """Where the site is mounted: `/`, or `/x/`."""
    return slashed_prefix(str(datasette.setting("base_url")))


def slashed_prefix(path: str) -> str:
    """A prefix with a slash at both ends."""
    inner = path.strip("/")
    return f"/{inner}/" if inner else "/"


def without_prefix(scope: Scope, mounted: str) -> Scope:
    """A request whose address does not have the prefix any more, where it had it."""
    path, raw = scope["path"], scope.get("raw_path")
    if mounted == "/" or not path.startswith(mounted):
        return scope
    shorter: Scope = {**scope, "path": path[len(mounted) - 1 :]}
    if raw is not None:
        shorter["raw_path"] = raw[len(mounted.encode()) - 1 :]
    return shorter


def with_prefix(location: bytes, mounted: str) -> bytes:
    """Where a redirect leads: on this site, below the prefix."""
    begins = mounted.encode()
    if mounted == "/" or not location.startswith(b"/") or location.startswith((begins, b"//")):
        return location
    return begins[:-1] + location


def prefix_absolute_addresses(datasette: "Datasette") -> None:
    """Have Datasette put the prefix into each absolute address that it makes of a plain path."""
    absolute = datasette.absolute_url

    def _absolute_url(request: Any, path: str) -> str:
        plain = path.startswith("/") and not isinstance(path, PrefixedUrlString)
        return str(absolute(request, datasette.urls.path(path) if plain else path))

    datasette.absolute_url = _absolute_url


class Mounted(BaseLoader):
    """Datasette's own templates, with the prefix in every link."""

    def __init__(self, loader: BaseLoader) -> None:
        self._loader = loader

    def get_source(self, environment: Environment, template: str) -> Source:
        """A template's text; only those with such links are found here.

        Raises:
            TemplateNotFound: it is any other.
        """
        if template not in UNPREFIXED:
            raise TemplateNotFound(template)
        text, file, fresh = self._loader.get_source(environment, template)
        for link in UNPREFIXED[template]:
            text = text.replace(f"{{{{ {link} }}}}", f"{{{{ urls.path({link}) }}}}")
        return text, file, fresh

    def list_templates(self) -> list[str]:
        """The templates that have such links."""
        return list(UNPREFIXED)
