"""The names that a server on this machine alone is known by, held against the Host of every request.

A page of another site can have its own name point here (DNS rebinding): to the browser, what is served is then that
site's, and its scripts read it. What they ask for bears that name as its Host. An address of digits is no name, and
`localhost` with what ends in it is always this machine (RFC 6761).
"""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from atlas.site.lists.kept_lists import kept_origin

if TYPE_CHECKING:
    from datasette.app import Datasette

ATTRIBUTE = "_feature_atlas_hosts"
UNKNOWN = (
    "this server is reached by localhost or an address of digits; "
    "where a proxy gives it another name, start it with --origin and that address, such as https://atlas.example"
)
_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+?)\.?(?::\d{1,5})?")


@dataclass(frozen=True)
class KnownHosts:
    """Further names, in lower case, beside those that no other site can have."""

    names: frozenset[str] = frozenset()

    def knows(self, host: str) -> bool:
        """Whether a Host header, with a port or without, names this server."""
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found["name"].strip("[]").lower()
        return name in self.names or name == "localhost" or name.endswith(".localhost") or _is_address(name)


def known_hosts(host: str, origins: Iterable[str]) -> KnownHosts | None:
    """The names of a server that listens on a host; None where other machines reach it, by names it cannot know.

    Raises:
        AtlasError: an origin is no https://NAME or http://NAME:PORT.
    """
    names = frozenset(str(urlsplit(kept_origin(origin)).hostname) for origin in origins)
    return KnownHosts(names | {host.lower()}) if _is_loopback(host) else None


def switch_on_hosts(datasette: "Datasette", hosts: KnownHosts) -> None:
    """Answer by these names alone."""
    setattr(datasette, ATTRIBUTE, hosts)


def hosts_of(datasette: "Datasette") -> KnownHosts | None:
    """The names that a server answers by; None where it answers by any."""
    found: KnownHosts | None = getattr(datasette, ATTRIBUTE, None)
    return found


def _is_loopback(host: str) -> bool:
    """Whether whoever listens on a host, however it is spelled, is reached by this machine alone."""
    try:
        addresses = {found[4][0] for found in socket.getaddrinfo(host, None)}
    except OSError:
        return False  # nobody can listen there
    return all(ip_address(str(address).partition("%")[0]).is_loopback for address in addresses)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
