"""Files by the formats that their names tell: the rows of one, and what a source of several stands for."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ingest.sources.columns import PARQUET_ERRORS, read_csv, read_parquet
from ingest.sources.document import Fault, Row
from ingest.sources.lines import read_json_lines, read_text, read_text_or_json_lines
from ingest.sources.streams import COMPRESSIONS, HEAD, STREAM_ERRORS, Stream, binary_kind, open_stream
from schema.file_names import shown_path

_TEXT_READERS: dict[str, Callable[[Stream], Iterator[Row | Fault]]] = {
    ".txt": read_text,
    ".jsonl": read_json_lines,
    ".csv": read_csv,
}
FORMATS = (*_TEXT_READERS, ".parquet")

_ROTATED = re.compile(rf"(.+(?:{'|'.join(map(re.escape, FORMATS))}))[.-]\d+", re.IGNORECASE)
"""What log rotation makes of a name: notes.jsonl.1, and notes.jsonl-20260131."""


@dataclass(frozen=True)
class FileName:
    """The name of a file, taken apart: `valid-00.jsonl.gz` is stem valid-00, format .jsonl, compression .gz."""

    stem: str
    format: str
    compression: str


def split_source_name(name: str) -> FileName:
    """Take a file name apart by the suffixes that are known; an unknown last suffix is the format.

    The number that log rotation appends is left out: `notes.jsonl.2.gz` is notes, .jsonl, .gz.
    """
    compression = Path(name).suffix if Path(name).suffix.lower() in COMPRESSIONS else ""
    plain = name.removesuffix(compression)
    rotated = _ROTATED.fullmatch(plain)
    inner = Path(rotated[1] if rotated else plain)
    return FileName(inner.stem, inner.suffix.lower(), compression.lower())


def file_fault(path: Path, *, special: bool = False) -> Fault | None:
    """Say what keeps a file from being read before it is opened: missing, a folder, or an unknown format.

    Reading a pipe could wait for ever, so that one is read only where `special` says so.
    """
    try:
        if path.is_dir():
            advice = f"'{path}/' names every file in it, '{path}/*.jsonl' those of a pattern"
            return Fault(None, "a folder, not a file", advice)
        if not path.exists():
            return Fault(None, "there is no such file", "check the path")
        if not path.is_file() and not special:
            return Fault(None, "no regular file", "name it alone")
    except OSError as error:
        return Fault(None, f"cannot be reached ({error.strerror})", "check the path and its permissions")
    return source_name_fault(path)


def source_name_fault(path: Path) -> Fault | None:
    """Say what keeps a file of that name from being read: an unknown format, or Parquet packed once more."""
    name = split_source_name(path.name)
    if name.format not in FORMATS:
        return Fault(
            None, f"unknown format {name.format!r}", f"give {', '.join(FORMATS)}; all but Parquet also .gz, .zst"
        )
    if name.format == ".parquet" and name.compression:
        return Fault(
            None, "compressed Parquet", f"unpack it: Parquet has its own compression, {name.compression} adds none"
        )
    return None


def named_file_rows(path: Path, *, special: bool = False) -> Iterator[Row | Fault]:
    """Give the rows of a file; a name that cannot be read is a fault, too."""
    fault = file_fault(path, special=special)
    if fault:
        yield fault
    else:
        yield from file_rows(path)


def or_empty(rows: Iterator[Row | Fault]) -> Iterator[Row | Fault]:
    """Give the rows of a file; that there is none is a fault, since a file that was cut short looks so."""
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        yield Fault(None, "empty: there is no document in it", "give a file with text")


def file_rows(path: Path | None) -> Iterator[Row | Fault]:
    """Give the rows of a file, or of stdin for None; all that is wrong with it comes as faults."""
    last = 0
    try:
        for row in _rows(path):
            last = row.line or last
            yield row
    except (*STREAM_ERRORS, *PARQUET_ERRORS) as error:
        yield _breakage(last, error)


def _rows(path: Path | None) -> Iterator[Row | Fault]:
    if path is not None and split_source_name(path.name).format == ".parquet":
        yield from read_parquet(path)
        return
    reader = read_text_or_json_lines if path is None else _TEXT_READERS[split_source_name(path.name).format]
    with open_stream(path) as stream:
        kind = binary_kind(stream.peek(HEAD))
        if kind:
            yield Fault(None, f"not a text file but {kind}", _advice(kind))
        else:
            yield from reader(stream)


def _advice(kind: str) -> str:
    """What to do about a file that is no UTF-8 text."""
    if kind.startswith("UTF-"):
        return f"make it UTF-8: iconv -f {kind.removesuffix(' text')} -t UTF-8"
    return "give UTF-8 text, and name compressed files .gz or .zst"


def printable_source_error(text: str) -> str:
    """Give a library's words, which may quote raw bytes of a file, so that a terminal can show them."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _breakage(last: int, error: Exception) -> Fault:
    what = printable_source_error(getattr(error, "strerror", None) or " ".join(str(error).split()))
    if last:
        return Fault(last, f"cannot be read beyond this line ({what})", "get a whole copy")
    return Fault(None, f"cannot be read ({what})", "get a whole copy of the right format")


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


@dataclass(frozen=True)
class Kind:
    """A kind of source; kinds are tried in order, and the first that matches takes the source."""

    matches: Callable[[str], bool]
    stem: Callable[[str], str]
    inputs: Callable[[str], Iterator[Input]]
    place: Callable[[str], Path | str]


def file_input(path: Path, name: Path, *, alone: bool = True) -> Input:
    """Make an input of a file, of any kind where it is named alone; `name` is what its documents' ids begin with."""
    return Input(
        shown_path(path), source_name_in_document_ids(name), partial(named_file_rows, path, special=alone), alone
    )


def source_name_in_document_ids(path: Path) -> str:
    """Leave the compression out: packing a file does not rename its documents."""
    text = shown_path(path)
    return text[: len(text) - len(split_source_name(path.name).compression)]
