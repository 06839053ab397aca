"""Serving a site with Datasette 0.65, in this process: one port, the current snapshot, until Ctrl-C."""

import errno
import logging
import socket
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn
from datasette.app import Datasette
from datasette.plugins import pm

from atlas.publish import read_current, snapshot_folder
from schema import AtlasError

log = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 3
"""How long Ctrl-C waits for answers under way; a query ends by its own time limit before."""


def serve(site: Path, host: str, port: int, *, started: Callable[[str], None], browser: bool = False) -> None:
    """Serve the site's current snapshot until interrupted; `started` gets the address.

    Raises:
        AtlasError: nothing was published there, or the port cannot be listened on.
    """
    application = datasette_of(current_folder(site))
    with listening(host, port) as listener:
        address = url(host, listener.getsockname()[1])
        started(address)
        if browser:
            webbrowser.open(address)
        config = uvicorn.Config(
            application.app(), log_level="warning", lifespan="on", timeout_graceful_shutdown=SHUTDOWN_SECONDS
        )
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            log.info("stopped")


def current_folder(site: Path) -> Path:
    """The folder of the site's current snapshot.

    Raises:
        AtlasError: nothing was published there.
    """
    current = read_current(site)
    if current is None:
        raise AtlasError(f"nothing is published in {site}; do that first: atlas publish ATLAS {site}")
    return snapshot_folder(site, current)


def datasette_of(folder: Path) -> Datasette:
    """Datasette on a snapshot's folder, as `datasette FOLDER` would have it; installed plugins are loaded.

    Where rich is installed, Datasette paints every variable of every frame for each misspelt
    address, which takes it a second and fills the terminal: a visitor's mistake is none of ours.
    """
    pm.get_plugin("datasette.handle_exception").rich = None
    return Datasette(config_dir=folder)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        AtlasError: the port is taken, or the address is not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AtlasError(f"port {port} is taken; choose another, or any free one: --port 0") from error
        raise AtlasError(f"{host} port {port} cannot be served on: {error.strerror}") from error


def url(host: str, port: int) -> str:
    """The address to type into a browser on this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"
