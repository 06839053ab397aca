"""How a command ends that fails or is stopped: one line that says what happened and what to do, and an exit code.

Ctrl-C and SIGTERM end the statement under way; what was not committed is rolled back, the run is closed. Python looks
at a signal only between two of its own steps, and a statement of DuckDB is one step, however long it takes. So a thread
waits for the byte that the interpreter writes when a signal comes in, and interrupts the statement. Whoever takes a
signal over (a server, a schedule) is left alone, also where he hands further ones back: he says so
by `end_command_by_its_signal`.
"""

import logging
import os
import re
import signal
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from types import FrameType

import click

from atlas.cli.logs import log_outcome
from schema.errors import AtlasError
from schema.memory import memory_limit, size_text
from schema.store import interrupt_open_atlases
from schema.transactions import stopped_by

INTERRUPT_SECONDS = 0.2
"""How long Python gets to look at the signal by itself."""

_received: list[int] = []
_handled: Counter[int] = Counter()


class Terminated(BaseException):
    """SIGTERM came in."""


def end_command_on_signals() -> None:
    """Let Ctrl-C and SIGTERM end the command in an orderly way, and a second one at once."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup and background jobs of a shell have it
            signal.signal(number, _raise)
    threading.Thread(target=_watch, args=(reading,), name="signals", daemon=True).start()


def _raise(number: int, frame: FrameType | None) -> None:
    if _received:
        os._exit(128 + number)
    _received.append(number)
    stopped_by.append("terminated" if number == signal.SIGTERM else "interrupted")
    interrupt_open_atlases()  # DuckDB may call this in the midst of one, and would wait for its other threads to end it
    raise Terminated("terminated") if number == signal.SIGTERM else KeyboardInterrupt


def end_command_by_its_signal(number: int) -> None:
    """To be called by a handler that hands the next signal of this number back to this module."""
    _handled[number] += 1


def received_signal() -> int | None:
    """The signal that ended the command, also where the error that tells of it was lost on its way."""
    return _received[0] if _received else None


def _watch(reading: int) -> None:
    seen, came = threading.Event(), Counter[int]()
    while received := os.read(reading, 1):
        number = received[0]
        came[number] += 1
        while _is_waiting(number, came[number]):
            seen.wait(INTERRUPT_SECONDS)
            if _is_waiting(number, came[number]):
                interrupt_open_atlases()


def _is_waiting(number: int, count: int) -> bool:
    """Whether Python has not come to so many signals yet, and this module is to have the last of them."""
    ours = number in (signal.SIGINT, signal.SIGTERM) and signal.getsignal(number) is _raise
    return ours and _handled[number] < count and not _received


log = logging.getLogger(__name__)

OWN = ("atlas", "ingest", "queries", "schema")
EXTRA = "this command needs the packages that run models; install them: pip install 'feature-atlas[model]'"

_NO_MEMORY = re.compile(
    r"(can't|could not|failed to) allocate|could not create a (primitive|memory)|out of memory|not enough memory"
    r"|MemoryError|bad.alloc",
    re.IGNORECASE,
)
_NO_ROOM = re.compile(r"disk is full|disk I/O error|No space left|File too large|Disk quota exceeded", re.IGNORECASE)
_OFFLOAD = re.compile(r"failed to offload|max_temp_directory_size", re.IGNORECASE)
AGAIN = "what was stored before stays, and the same command goes on from there"


def report_failure(error: BaseException, seconds: float) -> int | None:
    """Tell what ended the command, and give the exit code; None for what should show its traceback."""
    if isinstance(error, click.ClickException):
        if not log_outcome(error.format_message(), error.exit_code, seconds):
            error.show()
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    message, code = _told(error)
    if message is None or (code == 1 and "--debug" in sys.argv):
        if log_outcome(f"{type(error).__name__}: {error}", 1, seconds):
            log.error("a fault of the program", exc_info=error)
            return 1
        return None
    if not log_outcome(message, code, seconds):
        click.echo(message if code > 1 else f"atlas: {message}", err=True)
    return code


def _told(error: BaseException) -> tuple[str | None, int]:
    """The one line for an error, and the exit code; no line for a fault of the program."""
    if isinstance(error, Terminated) or received_signal() == signal.SIGTERM:
        return f"terminated; {AGAIN}", 143
    if isinstance(error, click.Abort | KeyboardInterrupt) or received_signal() == signal.SIGINT:
        return "interrupted; what was committed is kept, and the same command goes on from there", 130
    if isinstance(error, AtlasError):
        return str(error), 1
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.split(".")[0] not in OWN:
        return f"{error.name} is not installed: {EXTRA}", 1
    failure = machine_failure(error)
    if failure is None and isinstance(error, OSError):
        failure = f"{error.filename or 'the output'}: {error.strerror or error}"
    return failure, 1


def machine_failure(error: BaseException) -> str | None:
    """Say what ran out, and what to do; None for an error of another kind."""
    for cause in _causes(error):
        words = (str(cause).splitlines() or [""])[0][:200]
        if _OFFLOAD.search(str(cause)):
            return f"the disk is full ({words}): what memory does not hold lies beside the atlas; make room: {AGAIN}"
        if type(cause).__name__ == "OutOfMemoryException":
            more = (
                f"give more than {size_text(memory_limit())}, as in atlas --memory {size_text(2 * memory_limit())} ..."
            )
            return f"memory ran out ({words}); {more}: {AGAIN}"
        if _is_memory(cause):
            return f"memory ran out ({words or type(cause).__name__}); end other programs: {AGAIN}"
        if _is_room(cause):
            return f"the disk is full ({words}); make room: {AGAIN}"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from: SQLAlchemy and the libraries wrap what DuckDB raises."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _is_memory(error: BaseException) -> bool:
    """Say whether memory ran out: each library says it in its own way, and none of them is imported for it."""
    if isinstance(error, MemoryError) or type(error).__name__ in ("OutOfMemoryException", "OutOfMemoryError"):
        return True
    return (isinstance(error, RuntimeError) or _is_database(error)) and _NO_MEMORY.search(str(error)) is not None


def _is_room(error: BaseException) -> bool:
    return _is_database(error) and _NO_ROOM.search(str(error)) is not None


def _is_database(error: BaseException) -> bool:
    return isinstance(error, sqlite3.Error) or type(error).__module__.endswith("duckdb")
