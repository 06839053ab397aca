"""Whether a server keeps lists, and whose forms it takes: noted on the Datasette application."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from atlas.site.lists.store import FeatureLists
from schema import AtlasError

if TYPE_CHECKING:
    from datasette.app import Datasette

ATTRIBUTE = "_feature_atlas_lists"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::"})
WRITTEN_AT = "/lists"
"""The one address that takes forms."""


@dataclass(frozen=True)
class KeptLists:
    """The lists of a server, the hosts that it is known as, and further origins of its pages, behind a proxy.

    A page of another site that has its name point to this server (DNS rebinding) bears another host.
    """

    lists: FeatureLists
    hosts: frozenset[str] = LOOPBACK
    origins: frozenset[str] = frozenset()

    def takes(self, origin: str, host: str) -> bool:
        """Whether a form with this Origin, sent to this Host, is one of the server's own pages."""
        if origin in self.origins:
            return True
        try:
            sent = urlsplit(origin)
            known = sent.hostname in self.hosts
        except ValueError:
            return False
        return known and sent.scheme in ("http", "https") and bool(host) and sent.netloc == host


def kept_lists(lists: FeatureLists, host: str, origins: Iterable[str]) -> KeptLists:
    """The lists of a server that listens on a host; `origins` are spelled https://NAME or http://NAME:PORT.

    Raises:
        AtlasError: an origin is spelled otherwise.
    """
    own = LOOPBACK if host in EVERYWHERE else LOOPBACK | {host.lower()}
    return KeptLists(lists, own, frozenset(map(kept_origin, origins)))


def kept_origin(text: str) -> str:
    """An origin as browsers spell it.

    Raises:
        AtlasError: it is none.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise AtlasError(f"{text!r} is no origin ({error}); say https://NAME or http://NAME:PORT") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise AtlasError(f"{text!r} is no origin; say https://NAME or http://NAME:PORT")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = port in (None, {"http": 80, "https": 443}[parts.scheme])
    return f"{parts.scheme}://{host}" if usual else f"{parts.scheme}://{host}:{port}"


def switch_on_lists(datasette: "Datasette", kept: KeptLists) -> None:
    """Keep lists; before the application is made."""
    setattr(datasette, ATTRIBUTE, kept)


def lists_of_server(datasette: "Datasette") -> KeptLists | None:
    """The lists that a server keeps, if it keeps any."""
    found: KeptLists | None = getattr(datasette, ATTRIBUTE, None)
    return found
