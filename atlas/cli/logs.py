"""Logs on stderr: a line for people, or with --json-logs a JSON object a line for machines.

With JSON every line on stderr is an object: what a command or a library prints there becomes the
message of one, and the last one says how the command ended.
"""

import io
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from ingest.jobs.progress import Progress, Report

PLAIN = "%(levelname)s %(name)s: %(message)s"
PRINTED = "stderr"
"""The logger of lines that were printed."""


class JsonFormatter(logging.Formatter):
    """A log record as one JSON object: time (UTC), level, logger, message, command, and what it carries of a run."""

    def __init__(self, command: str | None) -> None:
        super().__init__()
        self._command = command

    def format(self, record: logging.LogRecord) -> str:
        """The object, on one line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry: dict[str, object] = {
            "time": time,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "command": self._command,
        }
        entry |= {name: getattr(record, name) for name in ("run", "exit_code", "seconds") if hasattr(record, name)}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


class ReaderMayLeave(logging.StreamHandler[TextIO]):
    """A handler that goes on in silence where nobody reads any more: the work is not undone by its log."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: what would be said is printed to the stream that has failed."""


class PrintedLines(io.TextIOBase):
    """A stream whose lines become log records."""

    def __init__(self) -> None:
        self._begun = ""

    def write(self, text: str) -> int:
        """Log each line that is whole."""
        *lines, self._begun = (self._begun + text).replace("\r", "\n").split("\n")
        for line in filter(str.strip, lines):
            logging.getLogger(PRINTED).info("%s", line.rstrip())
        return len(text)

    def writable(self) -> bool:
        """It is written to."""
        return True


def set_up_logs(command: str | None, *, verbose: bool, as_json: bool) -> None:
    """Decide what is logged to stderr, and how."""
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)  # it logs, with a traceback, what it raises as well
    if not as_json:
        logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format=PLAIN)
        return
    os.environ |= {"TQDM_DISABLE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    handler = ReaderMayLeave(sys.stderr)
    handler.setFormatter(JsonFormatter(command))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    sys.stderr = PrintedLines()


def log_outcome(message: str, code: int, seconds: float) -> bool:
    """Log how the command ended; false where logs are for people, who are told otherwise."""
    if not isinstance(sys.stderr, PrintedLines):
        return False
    level = logging.ERROR if code else logging.INFO
    logging.getLogger("atlas").log(level, "%s", message, extra={"exit_code": code, "seconds": round(seconds, 3)})
    return True


@contextmanager
def progress_line() -> "Iterator[Report]":
    """A function to tell the progress of a job to, shown on one line of a terminal, and nowhere else."""
    console, began = Console(stderr=True), time.monotonic()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with RichProgress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("starting")
        yield lambda told: shown.update(task, description=_in_words(told, time.monotonic() - began))


def _in_words(told: "Progress", seconds: float) -> str:
    if told.total is not None:
        return f"{told.stage}: {told.done:,} of {told.total:,} {told.unit}"
    if not told.done:
        return told.stage
    counts, rate = told.counts, told.counts.tokens / max(seconds, 1e-9)
    found = f"{counts.documents:,} new, {counts.known:,} known, {counts.tokens:,} tokens, {rate:,.0f}/s"
    return f"{told.stage}: {found}"
