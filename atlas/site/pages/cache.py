"""What pages keep between requests: a snapshot never changes, so what was read or drawn from it stays right."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from atlas.site.pages.addresses import DATABASE

if TYPE_CHECKING:
    from datasette.app import Datasette

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """Values by key, the one used longest ago forgotten first; safe to use from several threads.

    `weigh` says how heavy a value is, `most` how heavy all may be together.
    """

    def __init__(self, most: int, weigh: Callable[[Value], int] = lambda _: 1) -> None:
        self._most, self._weigh, self._weight = most, weigh, 0
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = Lock()
        self._reads: dict[Hashable, asyncio.Future[Value]] = {}

    def get(self, key: Hashable) -> Value | None:
        """The value of a key, if it is still here."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value, and forget others until it fits; one too heavy by itself is not kept."""
        if self._weigh(value) > self._most:
            return
        with self._lock:
            self._forget(key)
            self._values[key] = value
            self._weight += self._weigh(value)
            while self._weight > self._most:
                self._forget(next(iter(self._values)))

    async def once(self, key: Hashable, read: Callable[[], Awaitable[Value]]) -> Value:
        """What `read` gives, kept; who asks while it is being read awaits the same reading."""
        reading = (asyncio.get_running_loop(), key)

        async def read_and_keep() -> Value:
            try:
                value = await read()
                self.put(key, value)
                return value
            finally:
                del self._reads[reading]

        if reading not in self._reads:
            self._reads[reading] = asyncio.ensure_future(read_and_keep())
            self._reads[reading].add_done_callback(_retrieve_error)
        return await asyncio.shield(self._reads[reading])  # one that gives up does not end it for the others

    def __len__(self) -> int:
        return len(self._values)

    def _forget(self, key: Hashable) -> None:
        if key in self._values:
            self._weight -= self._weigh(self._values.pop(key))


def _retrieve_error(reading: "asyncio.Future[Any]") -> None:
    """A reading may fail after all who wanted it have given up; asyncio would log that nobody asked how it ended."""
    if not reading.cancelled():
        reading.exception()


def snapshot_of_cached_page(datasette: "Datasette") -> str | None:
    """What names the snapshot that is served; None where the database may still change.

    Two snapshots of equal content differ: their logs of runs do.
    """
    found = datasette.get_database(DATABASE).hash
    named = f"{found} {datasette.config_dir}".encode()
    return None if found is None else blake2b(named, digest_size=16).hexdigest()


async def cached(
    cache: Cache[Value], datasette: "Datasette", key: Hashable, read: Callable[[], Awaitable[Value]]
) -> Value:
    """A value of this snapshot as it is mounted here, read once; of a database that may change, read every time."""
    snapshot = snapshot_of_cached_page(datasette)
    if snapshot is None:
        return await read()
    named = (snapshot, datasette.setting("base_url"), key)
    found = cache.get(named)
    return found if found is not None else await cache.once(named, read)
