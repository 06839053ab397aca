"""A model's process from the server's side: one question at a time, a short queue, a deadline."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from atlas.site.processes import Child, ChildLostError, LateAnswerError
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


class ModelProcess:
    """A process that holds a model; it is started when it is asked for, and again when it dies.

    One thread speaks with the process, so that its questions queue there; an answer that nobody waits for any more
    is read all the same.
    """

    option = "--live"
    """The option of `atlas serve` that has it."""

    def __init__(self, command: Sequence[str], *, seconds: float = ANSWER_SECONDS, waiting: int = WAITING) -> None:
        self.command = command
        self.seconds = seconds
        self.waiting = waiting
        self.failure: str | None = None
        self.loaded: dict[str, Any] | None = None
        self._asked = 0
        self._closed = False
        self._child: Child | None = None
        self._loading: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"model{self.option}")

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

    def close(self) -> None:
        """End the process and the thread; what still waits for an answer fails."""
        self._closed = True
        if self._child is not None:
            self._child.stop()
        self._thread.shutdown(cancel_futures=True)
        if self._child is not None:
            self._child.kill()

    async def _queued(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question, when those before it are answered."""
        self.start()
        self._check_loaded()
        if self._asked > self.waiting:
            raise LiveError("too many texts are waiting for the model; try again in a few seconds", 503)
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question)
        finally:
            self._asked -= 1

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
                    "atlas serve %s: the model's process ended while loading; the next text starts it again",
                    self.option,
                )
            return
        if "error" in said:
            self.failure = self._failure(said["error"])
            log.error("atlas serve %s: %s", self.option, said["error"])
        else:
            self.loaded = said

    def _failure(self, error: str) -> str:
        """What readers are told of why the model cannot be loaded."""
        return error

    def _answer(self, question: dict[str, Any], seconds: float | None = None) -> dict[str, Any]:
        """What the process answers within so many seconds, within `self.seconds` where none are said."""
        self._check_loaded()
        assert self._child is not None
        seconds = self.seconds if seconds is None else seconds
        try:
            self._child.send(question)
            return self._child.receive(seconds)
        except LateAnswerError:
            self._restart()
            raise LiveError(f"the model took longer than {seconds:g} seconds; try a shorter text", 504) from None
        except ChildLostError:
            self._restart()
            raise LiveError("the model's process ended and is started again; try again in a few seconds", 503) from None

    def _restart(self) -> None:
        assert self._child is not None
        self._child.kill()
        self.loaded = None
        self._loading = None if self._closed else self._thread.submit(self._load)


def text_for_model_process(text: str) -> str:
    """A text that the model may be asked to read; a lone surrogate is no text to a tokenizer."""
    if len(text) > LONGEST_TEXT:
        raise LiveError(f"the text has {len(text):,} characters; type at most {LONGEST_TEXT:,}", 400)
    return text.encode(errors="replace").decode()
