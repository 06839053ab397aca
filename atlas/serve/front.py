"""The application that a server calls: it hands each request to the current snapshot's Datasette.

A watch looks at current.json twice a second. A new snapshot is opened and warmed in the background and then takes
every new request; those under way, a long CSV among them, are finished by the one before.
"""

import asyncio
import logging
from pathlib import Path

from atlas.guard.requests import Receive, Scope, Send
from atlas.publish import read_current, snapshot_folder
from atlas.serve.generation import Generation, Prepare
from schema import AtlasError

log = logging.getLogger(__name__)

WATCH_SECONDS = 0.5


def current_folder(site: Path) -> Path:
    """The folder of the site's current snapshot.

    Raises:
        AtlasError: nothing was published there.
    """
    current = read_current(site)
    if current is None:
        raise AtlasError(f"nothing is published in {site}; do that first: atlas publish ATLAS {site}")
    return snapshot_folder(site, current)


class Front:
    """A site as an ASGI application that follows what is published."""

    def __init__(self, site: Path, prepare: Prepare | None = None) -> None:
        self.site = site
        self._prepare = prepare
        self._current: Generation | None = None
        self._refused: Path | None = None
        self._watching: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Open the current snapshot and begin to watch for the next.

        Raises:
            AtlasError: nothing is published, or the snapshot cannot be opened.
        """
        folder = current_folder(self.site)
        try:
            self._current = await Generation.open(folder, self._prepare)
        except Exception as error:
            raise AtlasError(f"{folder} cannot be served: {_said(error)}; publish again") from error
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """End the watch and close what is open; the server has waited for its requests before."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        if self._current is not None:
            self._retire(self._current)
        await asyncio.gather(*self._retiring)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the current snapshot, or open and close with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        assert self._current is not None
        await self._current(scope, receive, send)

    async def look(self) -> None:
        """Show the published snapshot, unless it is shown already or could not be opened before."""
        folder = self._published()
        if self._current is None or folder in (None, self._current.folder, self._refused):
            return
        assert folder is not None
        try:
            following = await Generation.open(folder, self._prepare)
        except Exception as error:
            log.error("%s cannot be served: %s; %s stays", folder, _said(error), self._current.folder.name)  # noqa: TRY400
            self._refused = folder
            return
        before, self._current = self._current, following
        log.info("%s is served now", folder)
        self._retire(before)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self.look()

    def _published(self) -> Path | None:
        """The folder that current.json names; None while it cannot be read."""
        try:
            return current_folder(self.site)
        except (AtlasError, OSError):
            return None

    def _retire(self, generation: Generation) -> None:
        """Close a generation after its last answer, while others go on."""
        task = asyncio.create_task(generation.retire())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _live(self, receive: Receive, send: Send) -> None:
        """The server's start and end."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    if self._current is None:
                        await self.open()
                except AtlasError as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _said(error: Exception) -> str:
    """An exception in one line."""
    return " ".join(str(error).split()) or type(error).__name__
