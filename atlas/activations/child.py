"""A worker in the server's hands: a child process, the two pipes to it, and the deadline of each question."""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import atlas
from atlas.activations.protocol import HEADER, Settings

GRACE_SECONDS = 0.25
"""How long a worker has to hear its own interrupt before it is killed."""
START_SECONDS = 30
LARGEST_FRAME = 128 * 2**20
"""JSON spells a character in up to six bytes; a worker whose answer is larger has lost its mind."""
READ_BYTES = 2**20


class InterruptedQueryError(Exception):
    """The query ran into its time limit."""


class FailedQueryError(Exception):
    """The query cannot be run, or its worker did not live to answer; the message is for people."""


class WorkerLostError(Exception):
    """The worker ended before it answered."""


class Worker:
    """A child process and the two pipes to it."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Start it; it opens the file while nobody waits for it."""
        self._ready = False
        self._file = settings.file
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "atlas.activations.worker", json.dumps(asdict(settings))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=folder,
            env=_environment(),
            start_new_session=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._poller = select.poll()
        self._poller.register(self._stdout, select.POLLIN)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Its answer to a request.

        Raises:
            InterruptedQueryError: it did not answer in the request's seconds.
            WorkerLostError: it ended, or says what nobody can read.
            FailedQueryError: it never was ready for one.
        """
        if not self._ready:
            self._await_ready()
        data = json.dumps(request).encode()
        try:
            _write(self._stdin, HEADER.pack(len(data)) + data)
        except OSError as error:
            raise WorkerLostError from error
        return self._receive(time.monotonic() + request["seconds"] + GRACE_SECONDS)

    def stop(self) -> None:
        """End it, whatever it is doing; the pipes stay, for who listens at them."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def kill(self) -> None:
        """End it and close the pipes."""
        self.stop()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

    def _await_ready(self) -> None:
        try:
            self._receive(time.monotonic() + START_SECONDS)
        except (WorkerLostError, InterruptedQueryError):
            raise FailedQueryError(f"{self._file} cannot be opened; publish again: atlas publish ATLAS SITE") from None
        self._ready = True

    def _receive(self, deadline: float) -> dict[str, Any]:
        size = HEADER.unpack(self._read(HEADER.size, deadline))[0]
        if size > LARGEST_FRAME:
            raise WorkerLostError
        try:
            message = json.loads(self._read(size, deadline))
        except ValueError as error:
            raise WorkerLostError from error
        if not isinstance(message, dict):
            raise WorkerLostError
        return message

    def _read(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not self._poller.poll(remaining * 1000):
                raise InterruptedQueryError
            part = os.read(self._stdout, min(READ_BYTES, size - len(data)))
            if not part:
                raise WorkerLostError
            data += part
        return bytes(data)


def _environment() -> dict[str, str]:
    """The child's environment: where this package is, and nothing of the server's secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    package = Path(atlas.__path__[0]).parent
    return {**kept, "PYTHONPATH": str(package), "MALLOC_ARENA_MAX": "2", "LC_ALL": "C.UTF-8"}


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
