"""The model's process from the server's side: one question at a time, a short queue, a deadline."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from atlas.site.processes.child import Child, ChildLostError, LateAnswerError
from schema import AtlasError

log = logging.getLogger(__name__)

LONGEST_TEXT = 2_000
"""Characters of a typed text."""
ANSWER_SECONDS = 10.0
WAITING = 8
"""Questions that may wait for the one that is being answered."""


class LiveError(AtlasError):
    """A typed text that is not answered, with the HTTP status that says why."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class LiveModel:
    """A process that holds a model and its SAEs; it is started when it is asked for, and again when it dies.

    One thread speaks with the process, so that its questions queue there; an answer that nobody waits for any more
    is read all the same.
    """

    def __init__(
        self, saes: Sequence[str], model: str | None = None, *, seconds: float = ANSWER_SECONDS, waiting: int = WAITING
    ) -> None:
        self.command = worker_command(saes, model)
        self.seconds = seconds
        self.waiting = waiting
        self.failure: str | None = None
        self.loaded: dict[str, Any] | None = None
        self._asked = 0
        self._closed = False
        self._child: Child | None = None
        self._loading: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live-model")

    @property
    def pid(self) -> int | None:
        """The id of the process."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Begin to load the model, unless it is loaded or being loaded; returns at once."""
        if self._loading is None:
            self._loading = self._thread.submit(self._load)

    async def ready(self) -> None:
        """Wait until the model is loaded.

        Raises:
            LiveError: it cannot be loaded.
        """
        self.start()
        assert self._loading is not None
        await asyncio.shield(asyncio.wrap_future(self._loading))
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
        if self._asked > self.waiting:
            raise LiveError("too many texts are waiting for the model; try again in a few seconds", 503)
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, text)
        finally:
            self._asked -= 1

    def close(self) -> None:
        """End the process and the thread; what still waits for an answer fails."""
        self._closed = True
        if self._child is not None:
            self._child.stop()
        self._thread.shutdown(cancel_futures=True)
        if self._child is not None:
            self._child.kill()

    def _check_loaded(self) -> None:
        if self.failure is not None:
            raise LiveError(f"the model cannot be loaded: {self.failure}", 503)
        if self.loaded is None:
            raise LiveError("the model is being loaded; try again in a few seconds", 503)

    def _load(self) -> None:
        """Start the process and read what it says first."""
        self._child = Child(self.command)
        if self._closed:
            self._child.stop()
        try:
            said = self._child.receive(None)
        except ChildLostError:
            self._child.kill()
            self._loading = None
            if not self._closed:
                log.warning(
                    "atlas serve --live: the model's process ended while loading; the next text starts it again"
                )
            return
        if "error" in said:
            self.failure = said["error"]
            log.error("atlas serve --live: %s", self.failure)
        else:
            self.loaded = said

    def _answer(self, text: str) -> dict[str, Any]:
        self._check_loaded()
        assert self._child is not None
        try:
            self._child.send({"text": text})
            return self._child.receive(self.seconds)
        except LateAnswerError:
            self._restart()
            raise LiveError(f"the model took longer than {self.seconds:g} seconds; try a shorter text", 504) from None
        except ChildLostError:
            self._restart()
            raise LiveError("the model's process ended and is started again; try again in a few seconds", 503) from None

    def _restart(self) -> None:
        assert self._child is not None
        self._child.kill()
        self.loaded = None
        self._loading = None if self._closed else self._thread.submit(self._load)


def worker_command(saes: Sequence[str], model: str | None) -> list[str]:
    """The command line of the model's process; -P keeps the current folder out of its imports."""
    command = [sys.executable, "-P", "-m", "atlas.site.live.worker"]
    for sae in saes:
        command += ["--sae", sae]
    return command if model is None else [*command, "--model", model]
