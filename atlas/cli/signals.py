"""Ctrl-C and SIGTERM: the statement under way ends, what was not committed is rolled back, the run is closed.

Python looks at a signal only between two of its own steps, and a statement of DuckDB is one step, however
long it takes. So a thread waits for the byte that the interpreter writes when a signal comes in, and
interrupts the statement. Whoever takes a signal over (a server, a schedule) is left alone, also where he hands
further ones back: he says so by `taken`.
"""

import os
import signal
import threading
from collections import Counter
from types import FrameType

from schema.store import interrupt, stopped_by

INTERRUPT_SECONDS = 0.2
"""How long Python gets to look at the signal by itself."""

_received: list[int] = []
_handled: Counter[int] = Counter()


class Terminated(BaseException):
    """SIGTERM came in."""


def catch_signals() -> None:
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
    interrupt()  # DuckDB may call this in the midst of a statement, and would wait for its other threads to end it
    raise Terminated("terminated") if number == signal.SIGTERM else KeyboardInterrupt


def taken(number: int) -> None:
    """To be called by a handler that hands the next signal of this number back to this module."""
    _handled[number] += 1


def received() -> int | None:
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
                interrupt()


def _is_waiting(number: int, count: int) -> bool:
    """Whether Python has not come to so many signals yet, and this module is to have the last of them."""
    ours = number in (signal.SIGINT, signal.SIGTERM) and signal.getsignal(number) is _raise
    return ours and _handled[number] < count and not _received
