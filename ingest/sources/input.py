"""What a source stands for: inputs, each with its name and its rows."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ingest.sources.formats import named_file_rows, split_name
from ingest.sources.record import Fault, Row


@dataclass(frozen=True)
class Input:
    """One file, list or data set to read.

    `label` names it in messages, `name` in the ids of documents that have none;
    `alone` is False for one of several, whose faults can be passed over.
    """

    label: str
    name: str
    rows: Callable[[], Iterator[Row | Fault]]
    alone: bool = True


def file_input(path: Path, name: Path, *, alone: bool = True) -> Input:
    """Make an input of a file; `name` is what its documents' ids begin with."""
    return Input(shown(path), id_name(name), partial(named_file_rows, path), alone)


def id_name(path: Path) -> str:
    """Leave the compression out: packing a file does not rename its documents."""
    return shown(path).removesuffix(split_name(path.name).compression)


def shown(path: Path) -> str:
    """Give a path as text; a name that is not UTF-8 would otherwise not even be printed."""
    return os.fsencode(path).decode("utf-8", "replace")
