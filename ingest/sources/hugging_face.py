"""A Hugging Face data set, `hf:NAME[:[CONFIG:]SPLIT]`: chosen by the `datasets` library, and streamed.

NAME is a data set of the hub or a local folder of data files, never a reader of the library's own (`json`,
`csv`). The library says which files of a folder are a split; those of a known format are then read as
anywhere else, since it guesses types from the first rows: `001` would become 1, the text `NA` nothing. No code of
a data set is ever run: the library refuses those that bring a script.
"""

import os
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from ingest.sources.document import FIELDS, Fault, Row, quoted_document_names
from ingest.sources.file_formats import (
    FORMATS,
    Input,
    Kind,
    named_file_rows,
    or_empty,
    printable_source_error,
    source_name_fault,
)
from ingest.sources.folders import linked_folders
from schema.errors import SourceError
from schema.file_names import shown_path

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
    last = shown_path(name.folder.resolve().name) if name.folder else name.path.rpartition("/")[2]
    return f"{last}-{name.config}" if name.config else last


def data_set_place(source: str) -> Path | str:
    """Give the folder of a local data set, else the data set's name."""
    name = _name(source)
    return name.folder or f"{PREFIX}{name.path}"


def inputs(source: str) -> Iterator[Input]:
    """Give one split of the data set, and the linked folders in it, which the library passes over."""
    name = _name(source)
    builder, split = _builder(name)
    label, ids = shown_path(f"{PREFIX}{name.path}:{split}"), f"{stem(source)}:{split}"
    for folder in linked_folders(name.folder) if name.folder else ():
        reason = "a linked folder, into which a data set does not look; put the folder itself there"
        yield Input(shown_path(folder), ids, partial(iter, [Fault(None, reason, waits=True)]), alone=False)
    files = _files(name, builder, split)
    rows = partial(_rows_of_files, files) if files else partial(_rows, builder, split)
    yield Input(label, ids, rows)


DATA_SET = Kind(matches, stem, inputs, data_set_place)


def _name(source: str) -> Name:
    parts = source.removeprefix(PREFIX).split(":")
    if len(parts) > 3 or not all(parts):
        raise SourceError(
            f"{shown_path(source)}: not a data set; spell it hf:NAME, hf:NAME:SPLIT or hf:NAME:CONFIG:SPLIT"
        )
    config = parts[1] if len(parts) == 3 else None
    name = Name(source, parts[0], config, parts[-1] if len(parts) > 1 else None)
    if name.folder and not name.folder.is_dir():
        raise SourceError(f"{shown_path(source)}: there is no folder {shown_path(name.path)}; check the path")
    if not name.folder and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name.path):
        wrong = f"{shown_path(name.path)!r} is no name of a data set"
        raise SourceError(f"{shown_path(source)}: {wrong}; spell it OWNER/NAME, or give a folder")
    return name


def _builder(name: Name) -> tuple[Any, str]:
    """Open a data set, and choose a split: the one that is named, else train, else the only one.

    Raises: SourceError for a data set that cannot be had, and for a split that it does not have.
    """
    import datasets
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    datasets.disable_progress_bars()
    datasets.utils.logging.set_verbosity_error()
    if not name.folder and name.path in {
        reader.name for reader in pkgutil.iter_modules(datasets.packaged_modules.__path__)
    }:
        raise SourceError(f"{name.source}: there is no folder {name.path}, and no data set bears the name of a reader")
    try:
        builder = datasets.load_dataset_builder(str(name.folder.absolute() if name.folder else name.path), name.config)
        _keep_spellings(builder)
        splits = list(map(str, builder.config.data_files or builder.as_streaming_dataset()))
    except Exception as error:
        raise SourceError(f"{shown_path(name.source)}: {_refusal(name, error)}") from error
    wanted = name.split or ("train" if "train" in splits or len(splits) != 1 else splits[0])
    if wanted not in splits:
        raise SourceError(
            f"{shown_path(name.source)}: there is no split {wanted}; it has {quoted_document_names(splits)}"
        )
    return builder, wanted


def _keep_spellings(builder: Any) -> None:
    """Have fields of a CSV file read as text, where the data set itself does not say what they are."""
    if getattr(builder.config, "converters", ...) is None and builder.info.features is None:
        builder.config.converters = dict.fromkeys(FIELDS, str)
        builder.config.keep_default_na = False


def _files(name: Name, builder: Any, split: str) -> list[Path]:
    """Give the files of a split of a folder; none where the library has to read them.

    Raises: SourceError for one that lies outside of the folder, as what the data set says of itself may name.
    """
    if not name.folder:
        return []
    files = [Path(os.path.normpath(file)) for file in builder.config.data_files[split]]
    for file in files:
        if not file.is_relative_to(name.folder.resolve()):
            raise SourceError(
                f"{shown_path(name.source)}: it names a file outside of the folder, {shown_path(file)}; take that out"
            )
    return [] if any(map(source_name_fault, files)) or _read_otherwise(builder.config) else files


def _read_otherwise(config: Any) -> bool:
    """Say whether the data set itself says how its files are read, such as by another separator."""
    usual = vars(type(config)())
    given = {"name", "version", "data_dir", "data_files", "description", "features", "converters", "keep_default_na"}
    return any(value != usual[key] for key, value in vars(config).items() if key in usual and key not in given)


def _refusal(name: Name, error: Exception) -> str:
    """Say on one line why a data set cannot be had, and what to do."""
    cause = _words(error)
    if isinstance(error, ConnectionError):
        return "the data set cannot be reached; check its name and the connection, or give a folder of its files"
    if "script" in cause:
        return "the data set brings code of its own, which is never run; export its texts to .jsonl"
    if "Config name is missing" in cause or "BuilderConfig" in cause:
        return f"choose a configuration, as hf:{shown_path(name.path)}:CONFIG:SPLIT ({cause})"
    return f"the data set cannot be opened ({cause}); check the name, or give a folder of data files"


def _words(error: Exception) -> str:
    return printable_source_error(" ".join(str(error).split()))[:300] or type(error).__name__


def _rows_of_files(files: list[Path]) -> Iterator[Row | Fault]:
    """Give the rows of files one after the other, numbered through all of them; what is wrong is named by its file."""
    numbers = count(1)
    for file in files:
        for row in or_empty(named_file_rows(file)):
            number = next(numbers)
            if isinstance(row, Row):
                yield Row(number, row.fields)
            else:
                where = file.name if row.line is None else f"{file.name}:{row.line}"
                yield Fault(number, f"{row.reason} ({shown_path(where)})", row.advice)


def _columns(data: Any, names: list[str]) -> list[str]:
    """The columns that a document has, and those known to hold numbers."""
    kinds = {name: str(getattr(kind, "dtype", "")) for name, kind in (data.features or {}).items()}
    return [name for name in names if name in FIELDS or kinds.get(name, "").startswith(("int", "uint", "float"))]


def _rows(builder: Any, split: str) -> Iterator[Row | Fault]:
    """Give the rows that the library reads, with the columns that a document has; it breaks off as a file does."""
    number = 0
    try:
        data = builder.as_streaming_dataset(split=split)
        names = data.column_names or list(next(iter(data), {}))
        if "text" not in names:
            reason = f"no text column (columns: {quoted_document_names(names)})"
            yield Fault(None, reason, "choose one with a column 'text', or export the texts to .jsonl")
            return
        for number, row in enumerate(data.select_columns(_columns(data, names)), start=1):
            yield Row(number, row)
    except Exception as error:
        # The library lets through whatever its readers and the network raise.
        beyond = " beyond this row" if number else ""
        advice = "get a whole copy, and run it again"
        if "cast" in str(error):
            advice = f"the type of a column changes; give a folder of {', '.join(FORMATS)} files"
        yield Fault(number or None, f"cannot be read{beyond} ({_words(error)})", advice)
