"""One snapshot's Datasette from its first request to its last."""

import asyncio
import logging
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from datasette.app import Datasette
from datasette.database import Database

from atlas.publish.canned_queries import DATABASE_NAME
from atlas.publish.lock import release_snapshot
from atlas.site.guard.requests import Application, Receive, Scope, Send
from schema import AtlasError

log = logging.getLogger(__name__)

BUSY = 503
AGAIN_SECONDS = 0.5

Prepare = Callable[[Datasette], None]
"""What is done to each Datasette before it starts."""
Patient = Callable[[], bool]
"""Whether to wait on."""


def datasette_of(folder: Path, base_url: str = "/", secret: str | None = None) -> Datasette:
    """Datasette on a snapshot's folder, as `datasette FOLDER` would have it; installed plugins are loaded.

    `secret` signs the tokens of forms; without one it is drawn.
    """
    settings = None if base_url == "/" else {"base_url": base_url}
    datasette = Datasette(config_dir=folder, settings=settings, secret=secret)
    datasette.remove_database("_internal")
    datasette.add_database(_OwnDatabase(datasette), name="_internal")
    return datasette


class Generation:
    """A snapshot being served; it is closed once it is retired and the last request under way has its answer."""

    def __init__(self, folder: Path, datasette: Datasette, application: Application) -> None:
        self.folder = folder
        self.datasette = datasette
        self._application = application
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @classmethod
    async def open(
        cls,
        folder: Path,
        prepare: Prepare | None = None,
        patient: Patient | None = None,
        base_url: str = "/",
        secret: str | None = None,
    ) -> "Generation":
        """Build a snapshot's application beside the running one, and ask it for its start page.

        Where the machine is too busy to show it, it is asked again while the caller is patient.

        Raises:
            AtlasError: it has no database, or the start page cannot be shown.
            Exception: whatever Datasette or a plugin meets in a damaged snapshot.
        """
        datasette = await asyncio.to_thread(datasette_of, folder, base_url, secret)
        try:
            if prepare is not None:
                prepare(datasette)
            generation = cls(folder, datasette, await asyncio.to_thread(datasette.app))
            await _warm(datasette, patient or (lambda: False))
        except BaseException:
            await asyncio.to_thread(_close, datasette)
            raise
        return generation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        self._under_way += 1
        self._idle.clear()
        try:
            await self._application(scope, receive, send)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def retire(self) -> None:
        """Wait until nothing is under way, then close the databases, end the threads and let go of the snapshot."""
        await self._idle.wait()
        try:
            await asyncio.to_thread(_close, self.datasette)
        except Exception:
            log.exception("%s could not be closed", self.folder)


async def _warm(datasette: Datasette, patient: Patient) -> None:
    """Read the schemas, and ask for the start page, which compiles the templates.

    The page itself may be remembered from another snapshot of the same content. A machine too busy to read it in time
    says nothing against the snapshot.
    """
    if DATABASE_NAME not in datasette.databases:
        raise AtlasError("its atlas.db is missing")
    await datasette.invoke_startup()
    for database in datasette.databases.values():
        await database.table_names()
    while (page := await datasette.client.get("/")).status_code == BUSY and patient():
        await asyncio.sleep(AGAIN_SECONDS)
    if page.status_code not in (200, BUSY):
        raise AtlasError(f"its start page is answered with {page.status_code}")


def _close(datasette: Datasette) -> None:
    if datasette.executor is not None:
        datasette.executor.shutdown()
    try:
        for database in datasette.databases.values():
            database.close()
    finally:
        release_snapshot(datasette)


class _OwnDatabase(Database):  # type: ignore[misc]
    """Datasette's own database, in memory, without the thread for writing, which would wait for ever."""

    def __init__(self, datasette: Datasette) -> None:
        super().__init__(datasette, memory_name=secrets.token_hex())
        self._writer = self.connect(write=True)
        self._turn = Lock()

    async def execute_write_fn(self, fn: Callable[[sqlite3.Connection], Any], block: bool = True) -> Any:
        """Write in one of the threads that read."""

        def _write() -> Any:
            with self._turn:
                return fn(self._writer)

        return await asyncio.get_running_loop().run_in_executor(self.ds.executor, _write)

    def close(self) -> None:
        """Close the connection, with which the database ends."""
        self._writer.close()
