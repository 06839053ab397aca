"""Progress of long work, on stderr: a live line on a terminal, and silence elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from ingest.runs import Counts


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
