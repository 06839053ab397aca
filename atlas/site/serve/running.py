"""The server: uvicorn around a site's application, until Ctrl-C or SIGTERM."""

import asyncio
import logging
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn

from atlas.cli.signals import Terminated
from atlas.site.serve.front import Front, current_folder
from atlas.site.serve.generation import Prepare
from atlas.site.serve.listening import listening, url

log = logging.getLogger(__name__)

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
) -> None:
    """Serve the site's current snapshot until interrupted or terminated; `started` gets the address.

    `prepare` is called with each snapshot's Datasette before it starts; every address begins with `base_url`.

    Raises:
        AtlasError: nothing was published there, it cannot be opened, or the port cannot be listened on.
    """
    current_folder(site)
    with listening(host, port) as listener:
        address = url(host, listener.getsockname()[1]) + base_url.removeprefix("/")

        def ready() -> None:
            started(address)
            if browser:
                threading.Thread(
                    target=webbrowser.open, args=(address,), daemon=True
                ).start()  # a console's is waited for

        try:
            asyncio.run(_run(Front(site, prepare, base_url), listener, ready))
        except (KeyboardInterrupt, Terminated):
            log.info("stopped")


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
