"""The server: a socket, and uvicorn around a site's application, until Ctrl-C or SIGTERM."""

import asyncio
import errno
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn

from atlas.site.serve.dispatch import Front, served_snapshot_folder
from atlas.site.serve.generation import Prepare
from schema import AtlasError


def listening_socket(host: str, port: int) -> socket.socket:
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


def browser_url(host: str, port: int) -> str:
    """The address to type into a browser on this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"


SHUTDOWN_SECONDS = 3
"""How long Ctrl-C waits for answers under way; a query ends by its own time limit before."""


def serve(
    site: Path,
    host: str,
    port: int,
    *,
    started: Callable[[str], None],
    browser: bool = False,
    prepare: Prepare | None = None,
    base_url: str = "/",
    secret: str | None = None,
) -> None:
    """Serve the site's current snapshot until a signal's handler raises; `started` gets the address.

    `prepare` is called with each snapshot's Datasette before it starts; every address begins with `base_url`.
    `secret` signs the tokens of forms.

    Raises:
        AtlasError: nothing was published there, it cannot be opened, or the port cannot be listened on.
    """
    served_snapshot_folder(site)
    with listening_socket(host, port) as listener:
        address = browser_url(host, listener.getsockname()[1]) + base_url.removeprefix("/")

        def _ready() -> None:
            started(address)
            if browser:
                threading.Thread(
                    target=webbrowser.open, args=(address,), daemon=True
                ).start()  # a console's is waited for

        asyncio.run(_run(Front(site, prepare, base_url, secret), listener, _ready))


async def _run(front: Front, listener: socket.socket, ready: Callable[[], None]) -> None:
    await front.open()
    ready()
    config = uvicorn.Config(
        front,
        log_level="warning",
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    await uvicorn.Server(config).serve(sockets=[listener])
