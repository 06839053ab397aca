"""Progress on stderr: a bar on a terminal, nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress


@contextmanager
def shown(description: str) -> Iterator[Callable[[float], None]]:
    """A function to call with the share that is done, from 0 to 1."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bars:
        task = bars.add_task(description, total=1.0)
        yield lambda share: bars.update(task, completed=share)
