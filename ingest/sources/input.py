"""What a source stands for: inputs, each with its name and its rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ingest.sources.formats import named_file_rows, split_name
from ingest.sources.record import Fault, Row
from schema.file_names import shown


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
    """Make an input of a file, of any kind where it is named alone; `name` is what its documents' ids begin with."""
    return Input(shown(path), id_name(name), partial(named_file_rows, path, special=alone), alone)


def id_name(path: Path) -> str:
    """Leave the compression out: packing a file does not rename its documents."""
    text = shown(path)
    return text[: len(text) - len(split_name(path.name).compression)]
