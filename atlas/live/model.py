"""The model's process from the server's side: one question at a time, a short queue, a deadline."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from atlas.live.protocol import LONGEST_TEXT, from_line, to_line
from schema import AtlasError

log = logging.getLogger(__name__)

LONGEST_ANSWER = 64_000_000
"""Bytes; a window of GPT-2 through a few SAEs takes some hundred thousand."""
ANSWER_SECONDS = 10.0
WAITING = 8
"""Questions that may wait for the one that is being answered."""


class LiveError(AtlasError):
    """A typed text that is not answered, with the HTTP status that says why."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class LiveModel:
    """A process that holds a model and its SAEs; it is started at the first call and again when it dies.

    All methods but `close` belong to one event loop.
    """

    def __init__(
        self, saes: Sequence[str], model: str | None = None, *, seconds: float = ANSWER_SECONDS, waiting: int = WAITING
    ) -> None:
        self.command = worker_command(saes, model)
        self.seconds = seconds
        self.waiting = waiting
        self.asked = 0
        self.failure: str | None = None
        self.loaded: dict[str, Any] | None = None
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._loading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to load the model, unless it is loaded or being loaded; returns at once."""
        if self._loading is None:
            self._loading = asyncio.get_running_loop().create_task(self._load())

    async def ready(self) -> None:
        """Wait until the model is loaded.

        Raises:
            LiveError: it cannot be loaded.
        """
        self.start()
        assert self._loading is not None
        await asyncio.shield(self._loading)
        self._check_loaded()

    async def ask(self, text: str) -> dict[str, Any]:
        """What fires on a text: `ingest.encode.typed.Typed` as a dict.

        Raises:
            LiveError: the text is too long, too many are waiting, the model is not there yet, or it took too long.
        """
        text = text.encode(errors="replace").decode()  # a lone surrogate is no text to a tokenizer
        if len(text) > LONGEST_TEXT:
            raise LiveError(f"the text has {len(text):,} characters; type at most {LONGEST_TEXT:,}", 400)
        self.start()
        self._check_loaded()
        if self.asked > self.waiting:
            raise LiveError("too many texts are waiting for the model; try again in a few seconds", 503)
        self.asked += 1
        try:
            async with self._turn:
                self._check_loaded()
                return await self._answer(text)
        finally:
            self.asked -= 1

    def close(self) -> None:
        """End the process."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """End the process and wait until it is gone."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])
        self.close()
        if self._process is not None:
            await self._process.wait()

    def _check_loaded(self) -> None:
        if self.failure is not None:
            raise LiveError(f"the model cannot be loaded: {self.failure}", 503)
        if self.loaded is None:
            raise LiveError("the model is being loaded; try again in a few seconds", 503)

    async def _load(self) -> None:
        """Start the process and read what it says first."""
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_ANSWER,
        )
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            self._loading = None
            log.error("atlas serve --live: the model's process ended while loading; the next text starts it again")
            return
        said = from_line(line)
        if "error" in said:
            self.failure = said["error"]
            log.error("atlas serve --live: %s", self.failure)
        else:
            self.loaded = said

    async def _answer(self, text: str) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self.seconds):
                process.stdin.write(to_line({"text": text}))
                await process.stdin.drain()
                line = await process.stdout.readline()
        except TimeoutError as error:
            self._restart()
            raise LiveError(f"the model took longer than {self.seconds:g} seconds; try a shorter text", 504) from error
        except asyncio.CancelledError:
            self._restart()  # an answer that nobody reads would be taken for that of the next question
            raise
        except (ConnectionError, ValueError) as error:
            line = b""
            log.warning("atlas serve --live: %s", error)
        if not line:
            self._restart()
            raise LiveError("the model's process ended and is started again; try again in a few seconds", 503)
        return from_line(line)

    def _restart(self) -> None:
        self.close()
        self.loaded = None
        self._loading = None
        self.start()


def worker_command(saes: Sequence[str], model: str | None) -> list[str]:
    """The command line of the model's process; -P keeps the current folder out of its imports."""
    command = [sys.executable, "-P", "-m", "atlas.live.worker"]
    for sae in saes:
        command += ["--sae", sae]
    return command if model is None else [*command, "--model", model]
