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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

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


if TYPE_CHECKING:
    from ingest.jobs.runs import Counts


@contextmanager
def ingest_progress() -> Iterator[Callable[[str, "Counts"], None]]:
    """A function to tell the stage and the counts of an ingest to."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting")
        began = time.monotonic()

        def report(stage: str, counts: "Counts") -> None:
            rate = counts.tokens / max(time.monotonic() - began, 1e-9)
            found = f"{counts.documents:,} new, {counts.known:,} known, {counts.tokens:,} tokens, {rate:,.0f}/s"
            progress.update(task, description=f"{stage}: {found}" if counts.documents or counts.known else stage)

        yield report


@contextmanager
def counted_progress(what: str, of: str = "prompts") -> Iterator[Callable[[int, int], None]]:
    """A function to tell how many are done, of how many."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what)
        yield lambda done, total: progress.update(task, description=f"{what}: {done:,} of {total:,} {of}")
