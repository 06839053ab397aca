"""A Hugging Face data set, `hf:NAME[:[CONFIG:]SPLIT]`, streamed by the `datasets` library.

NAME is a data set of the hub or a local folder of data files. No code of a data set is ever
run: the library refuses those that bring a script.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.sources.input import Input
from ingest.sources.record import FIELDS, Fault, Row, quoted_names
from schema.errors import SourceError

if TYPE_CHECKING:
    from datasets import IterableDataset

PREFIX = "hf:"


@dataclass(frozen=True)
class Name:
    """A data set, taken apart; `config` and `split` are None where the source leaves them open."""

    source: str
    path: str
    config: str | None
    split: str | None

    @property
    def folder(self) -> Path | None:
        """The folder of a local data set."""
        path = Path(self.path).expanduser()
        return path if path.is_dir() or self.path.startswith((".", "/", "~")) else None


def matches(source: str) -> bool:
    """Say whether a source is spelled as a data set."""
    return source.startswith(PREFIX)


def stem(source: str) -> str:
    """Give the last part of the data set's name.

    Raises: SourceError for a spelling that is none, and for a folder that is not there.
    """
    name = _name(source)
    last = name.folder.resolve().name if name.folder else name.path.rpartition("/")[2]
    return f"{last}-{name.config}" if name.config else last


def inputs(source: str) -> Iterator[Input]:
    """Give one split of the data set."""
    name = _name(source)
    data = _data_set(name)
    split = str(data.split)
    yield Input(f"{PREFIX}{name.path}:{split}", f"{stem(source)}:{split}", partial(_rows, data))


def _name(source: str) -> Name:
    parts = source.removeprefix(PREFIX).split(":")
    if len(parts) > 3 or not all(parts):
        raise SourceError(f"{source}: not a data set; spell it hf:NAME, hf:NAME:SPLIT or hf:NAME:CONFIG:SPLIT")
    config = parts[1] if len(parts) == 3 else None
    name = Name(source, parts[0], config, parts[-1] if len(parts) > 1 else None)
    if name.folder and not name.folder.is_dir():
        raise SourceError(f"{source}: there is no folder {name.path}; check the path")
    if not name.folder and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name.path):
        raise SourceError(f"{source}: {name.path!r} is no name of a data set; spell it OWNER/NAME, or give a folder")
    return name


def _data_set(name: Name) -> "IterableDataset":
    """Open a split: the one that is named, else train, else the only one.

    Raises: SourceError for a data set that cannot be had, and for a split that it does not have.
    """
    import datasets
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    datasets.disable_progress_bars()
    datasets.utils.logging.set_verbosity_error()
    try:
        splits: Any = datasets.load_dataset(str(name.folder or name.path), name.config, streaming=True)
    except Exception as error:
        raise SourceError(f"{name.source}: {_refusal(name, error)}") from error
    wanted = name.split or ("train" if "train" in splits or len(splits) != 1 else next(iter(splits)))
    if wanted not in splits:
        raise SourceError(f"{name.source}: there is no split {wanted}; it has {quoted_names(list(splits))}")
    chosen: IterableDataset = splits[wanted]
    return chosen


def _refusal(name: Name, error: Exception) -> str:
    """Say on one line why a data set cannot be had, and what to do."""
    cause = " ".join(str(error).split())
    if isinstance(error, ConnectionError):
        return "the data set cannot be reached; check its name and the connection, or give a folder of its files"
    if "script" in cause:
        return "the data set brings code of its own, which is never run; export its texts to .jsonl"
    if "Config name is missing" in cause or "BuilderConfig" in cause:
        return f"choose a configuration, as hf:{name.path}:CONFIG:SPLIT ({cause[:300]})"
    return f"the data set cannot be opened ({cause[:300]}); check the name, or give a folder of data files"


def _rows(data: "IterableDataset") -> Iterator[Row | Fault]:
    """Give the rows with the columns that a document has; a data set breaks off as a file does."""
    number = 0
    try:
        names = data.column_names or list(next(iter(data), {}))
        if "text" not in names:
            reason = f"no text column (columns: {quoted_names(names)})"
            yield Fault(None, reason, "choose one with a column 'text', or export the texts to .jsonl")
            return
        for number, row in enumerate(data.select_columns([name for name in names if name in FIELDS]), start=1):
            yield Row(number, row)
    except Exception as error:
        # The library lets through whatever its readers and the network raise.
        cause = " ".join(str(error).split())[:300] or type(error).__name__
        beyond = " beyond this row" if number else ""
        yield Fault(number or None, f"cannot be read{beyond} ({cause})", "get a whole copy, and run it again")
