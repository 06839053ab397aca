"""A real server in a thread, for tests that need a socket."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from atlas.site.serve import listening_socket
from tests.made.patience import PATIENCE_SECONDS


@contextmanager
def running(application: Any) -> Iterator[str]:
    """An ASGI application behind a free port of this machine; its address, which ends with a slash."""
    with listening_socket("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(timeout=PATIENCE_SECONDS)
            assert not thread.is_alive()
