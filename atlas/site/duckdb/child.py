"""A worker in the server's hands: the child process that holds the DuckDB file, and what goes wrong with it."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import atlas
from atlas.site.duckdb.values import Settings
from atlas.site.processes import Child, ChildLostError, LateAnswerError

GRACE_SECONDS = 0.25
"""How long a worker has to hear its own interrupt before it is killed."""
START_SECONDS = 30


class InterruptedQueryError(Exception):
    """The query ran into its time limit."""


class FailedQueryError(Exception):
    """The query cannot be run, or its worker did not live to answer; the message is for people."""


class UnavailableError(FailedQueryError):
    """No query can be run at this moment."""


class Worker:
    """A child process that answers queries."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Start it; it opens the file while nobody waits for it."""
        self._ready = False
        self._file = settings.file
        self._child = Child(
            [sys.executable, "-P", "-m", "atlas.site.duckdb.worker", json.dumps(asdict(settings))],
            folder=folder,
            environment=_environment(),
            quiet=True,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._child.alive

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Its answer to a request.

        Raises:
            InterruptedQueryError: it did not answer in the request's seconds.
            ChildLostError: it ended, or says what nobody can read.
            UnavailableError: it never was ready for one.
        """
        if not self._ready:
            self._await_ready()
        self._child.send(request)
        try:
            return self._child.receive(request["seconds"] + GRACE_SECONDS)
        except LateAnswerError:
            raise InterruptedQueryError from None

    def stop(self) -> None:
        """End it, whatever it is doing; who waits for its answer is told so."""
        self._child.stop()

    def kill(self) -> None:
        """End it and close the pipes."""
        self._child.kill()

    def _await_ready(self) -> None:
        try:
            self._child.receive(START_SECONDS)
        except (ChildLostError, LateAnswerError):
            raise UnavailableError(f"{self._file} cannot be opened; publish again: atlas publish ATLAS SITE") from None
        self._ready = True


def _environment() -> dict[str, str]:
    """The child's environment: where this package is, and nothing of the server's secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    package = Path(atlas.__path__[0]).parent
    return {**kept, "PYTHONPATH": str(package), "MALLOC_ARENA_MAX": "2", "LC_ALL": "C.UTF-8"}
