"""People's own SQL: which of a request's statements it is, and a turn of its own, so that pages never wait for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from datasette.utils.asgi import Base400

PATIENCE_SECONDS = 10
"""How long a query waits for its turn before it is sent away."""
BUSY = "too many queries run at this moment; try again in a few seconds"

asked_sql: ContextVar[frozenset[str] | None] = ContextVar("asked_sql", default=None)
"""The statements of people's own in the request at hand; None where everything is the page's."""


class BusyError(Base400):  # type: ignore[misc]
    """What was asked for could be answered, but not now; the message is for people."""

    status = 503


@asynccontextmanager
async def sql_turn(turns: asyncio.Semaphore) -> AsyncIterator[None]:
    """One of the turns for people's own SQL.

    Raises:
        BusyError: none was free for a while.
    """
    try:
        await asyncio.wait_for(turns.acquire(), PATIENCE_SECONDS)
    except TimeoutError:
        raise BusyError(BUSY) from None
    try:
        yield
    finally:
        turns.release()
