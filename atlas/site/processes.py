"""Child processes that answer the server's questions: what may run away, or needs a lot of memory, lives in one.

They speak in frames of JSON through two pipes, and each answer has a deadline. A frame is four bytes of length, then
JSON. JSON can say nothing but data: a child that was taken over could send wrong data, and no more.
"""

import contextlib
import gc
import json
import os
import select
import struct
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from atlas import NEW_OBJECTS

HEADER = struct.Struct(">I")


def pack_frame(message: dict[str, Any]) -> bytes:
    """A message as a frame.

    Raises:
        ValueError: a number in it is not finite.
    """
    data = json.dumps(message, allow_nan=False, separators=(",", ":")).encode("ascii")
    return HEADER.pack(len(data)) + data


def read_frame(descriptor: int) -> dict[str, Any] | None:
    """The next message of a pipe, or None where it ends; waits as long as it takes."""
    header = _read(descriptor, HEADER.size)
    data = None if header is None else _read(descriptor, HEADER.unpack(header)[0])
    if data is None:
        return None
    message: dict[str, Any] = json.loads(data)
    return message


def answer_frames(replies: Callable[[Iterator[dict[str, Any]]], Iterable[dict[str, Any]]]) -> None:
    """A child's life: what it replies to the questions on its stdin goes to its stdout, until the server is gone."""
    gc.set_threshold(NEW_OBJECTS)  # what it imports for its model is a second less in coming
    answers = _only_answers_on_stdout()
    try:
        for answer in replies(iter(lambda: read_frame(0), None)):
            answers.write(pack_frame(answer))
            answers.flush()
    except BrokenPipeError:
        os._exit(0)


def _only_answers_on_stdout() -> BinaryIO:
    """The stream of answers; whatever a library prints goes to stderr instead."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _read(descriptor: int, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        part = os.read(descriptor, size - len(data))
        if not part:
            return None
        data += part
    return bytes(data)


LARGEST_FRAME = 128 * 2**20
"""JSON spells a character in up to six bytes; a child whose answer is larger has lost its mind."""
READ_BYTES = 2**20


class LateAnswerError(Exception):
    """The child did not answer in time."""


class ChildLostError(Exception):
    """The child ended before it answered, or says what nobody can read."""


class Child:
    """A process that reads questions from its stdin and writes answers to its stdout; one thread at a time asks."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        quiet: bool = False,
    ) -> None:
        """Start it in a folder, with an environment (this process' own where None is said).

        It has a session of its own, so that Ctrl-C reaches the server alone; `quiet` drops its stderr.
        """
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            bufsize=0,
            cwd=folder,
            env=environment,
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

    def send(self, message: dict[str, Any]) -> None:
        """Write it a message.

        Raises:
            ChildLostError: it ended.
        """
        data = pack_frame(message)
        try:
            while data:
                data = data[os.write(self._stdin, data) :]
        except OSError as error:
            raise ChildLostError from error

    def receive(self, seconds: float | None) -> dict[str, Any]:
        """Its next message, awaited for so long, or as long as it takes.

        Raises:
            LateAnswerError: it did not come in time.
            ChildLostError: it ended, or says what nobody can read.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        size = HEADER.unpack(self._read(HEADER.size, deadline))[0]
        if size > LARGEST_FRAME:
            raise ChildLostError
        try:
            message = json.loads(self._read(size, deadline))
        except ValueError as error:
            raise ChildLostError from error
        if not isinstance(message, dict):
            raise ChildLostError
        return message

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

    def _read(self, size: int, deadline: float | None) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._await_data(deadline)
            part = os.read(self._stdout, min(READ_BYTES, size - len(data)))
            if not part:
                raise ChildLostError
            data += part
        return bytes(data)

    def _await_data(self, deadline: float | None) -> None:
        remaining = None if deadline is None else deadline - time.monotonic()
        if remaining is not None and remaining <= 0:
            raise LateAnswerError
        if not self._poller.poll(None if remaining is None else remaining * 1000):
            raise LateAnswerError
