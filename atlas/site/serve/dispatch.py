"""The application that a server calls: it hands each request to the current snapshot's Datasette.

A watch looks at current.json twice a second. A new snapshot is opened and warmed in the background and then takes
every new request; those under way, a long CSV among them, are finished by the one before.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from atlas.publish import read_current, snapshot_folder
from atlas.site.guard.requests import Receive, Scope, Send
from atlas.site.serve.generation import Generation, Prepare
from schema import AtlasError

log = logging.getLogger(__name__)

WATCH_SECONDS = 0.5
PATIENCE_SECONDS = 60.0
"""How long a snapshot stays when the machine is too busy to show the start page of the next one."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 300.0
"""How long a snapshot that could not be opened is left alone: each time twice as long as before."""


def served_snapshot_folder(site: Path) -> Path:
    """The folder of the site's current snapshot.

    Raises:
        AtlasError: nothing was published there.
    """
    current = read_current(site)
    if current is None:
        raise AtlasError(f"nothing is published in {site}; do that first: atlas publish ATLAS {site}")
    return snapshot_folder(site, current)


@dataclass(frozen=True)
class _Refused:
    """A snapshot that could not be opened, why, and when it is tried again."""

    folder: Path
    said: str
    pause: float
    until: float

    @classmethod
    def again(cls, folder: Path, said: str, before: "_Refused | None", now: float) -> "_Refused":
        """A refusal after the one before, which may have been another snapshot's."""
        same = before is not None and before.folder == folder
        pause = min(2 * before.pause, LONGEST_PAUSE_SECONDS) if before is not None and same else FIRST_PAUSE_SECONDS
        return cls(folder, said, pause, now + pause)


class Front:
    """A site as an ASGI application that follows what is published; every address begins with `base_url`.

    clock: the seconds by which snapshots are waited for and tried again.
    """

    def __init__(
        self,
        site: Path,
        prepare: Prepare | None = None,
        base_url: str = "/",
        secret: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.site = site
        self._clock = clock
        self.base_url = base_url
        self.secret = secret
        self._prepare = prepare
        self._current: Generation | None = None
        self._refused: _Refused | None = None
        self._watching: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Open the current snapshot and begin to watch for the next.

        Raises:
            AtlasError: nothing is published, or the snapshot cannot be opened.
        """
        folder = served_snapshot_folder(self.site)
        try:
            self._current = await Generation.open(folder, self._prepare, base_url=self.base_url, secret=self.secret)
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
        """Show the published snapshot, unless it is shown already or could not be opened a moment ago."""
        folder, refused = self._published(), self._refused
        if self._current is None or folder is None or folder == self._current.folder:
            return
        if refused is not None and refused.folder == folder and self._clock() < refused.until:
            return
        try:
            patient = partial(self._waits_for, folder, self._clock() + PATIENCE_SECONDS)
            following = await Generation.open(folder, self._prepare, patient, self.base_url, self.secret)
        except Exception as error:
            self._refused = _Refused.again(folder, _said(error), refused, self._clock())
            if refused is None or (refused.folder, refused.said) != (folder, self._refused.said):
                name = self._current.folder.name
                log.error("%s cannot be served: %s; %s stays, and it is tried again", folder, self._refused.said, name)  # noqa: TRY400
            return
        before, self._current = self._current, following
        log.info("%s is served now", folder)
        self._retire(before)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self.look()

    def _waits_for(self, folder: Path, until: float) -> bool:
        """Whether a busy snapshot is still the one to be shown, and the old one may stay meanwhile."""
        return self._clock() < until and self._published() == folder

    def _published(self) -> Path | None:
        """The folder that current.json names; None while it cannot be read."""
        try:
            return served_snapshot_folder(self.site)
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
