"""Formats by file name, and the rows of one file in any of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.sources.binary import HEAD, binary_kind
from ingest.sources.csv_rows import read_csv
from ingest.sources.line_formats import read_json_lines, read_text, read_text_or_json_lines
from ingest.sources.parquet_rows import PARQUET_ERRORS, read_parquet
from ingest.sources.record import Fault, Row
from ingest.sources.streams import COMPRESSIONS, STREAM_ERRORS, Stream, open_stream

_TEXT_READERS: dict[str, Callable[[Stream], Iterator[Row | Fault]]] = {
    ".txt": read_text,
    ".jsonl": read_json_lines,
    ".csv": read_csv,
}
FORMATS = (*_TEXT_READERS, ".parquet")


@dataclass(frozen=True)
class FileName:
    """The name of a file, taken apart: `valid-00.jsonl.gz` is stem valid-00, format .jsonl, compression .gz."""

    stem: str
    format: str
    compression: str


def split_name(name: str) -> FileName:
    """Take a file name apart by the suffixes that are known; an unknown last suffix is the format."""
    compression = Path(name).suffix if Path(name).suffix.lower() in COMPRESSIONS else ""
    inner = Path(name.removesuffix(compression))
    return FileName(inner.stem, inner.suffix.lower(), compression.lower())


def file_fault(path: Path) -> Fault | None:
    """Say what keeps a file from being read before it is opened: missing, a folder, or an unknown format."""
    try:
        if path.is_dir():
            return Fault(None, "a folder, not a file", f"name its files by a quoted pattern such as '{path}/*.jsonl'")
        if not path.exists():
            return Fault(None, "there is no such file", "check the path")
    except OSError as error:
        return Fault(None, f"cannot be reached ({error.strerror})", "check the path and its permissions")
    return _name_fault(path)


def _name_fault(path: Path) -> Fault | None:
    name = split_name(path.name)
    if name.format not in FORMATS:
        return Fault(
            None, f"unknown format {name.format!r}", f"give {', '.join(FORMATS)}; all but Parquet also .gz, .zst"
        )
    if name.format == ".parquet" and name.compression:
        return Fault(
            None, "compressed Parquet", f"unpack it: Parquet has its own compression, {name.compression} adds none"
        )
    return None


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
    if path is not None and split_name(path.name).format == ".parquet":
        yield from read_parquet(path)
        return
    reader = read_text_or_json_lines if path is None else _TEXT_READERS[split_name(path.name).format]
    with open_stream(path) as stream:
        kind = binary_kind(stream.peek(HEAD))
        if kind:
            yield Fault(None, f"not a text file but {kind}", "give UTF-8 text, and name compressed files .gz or .zst")
        else:
            yield from reader(stream)


def _breakage(last: int, error: Exception) -> Fault:
    what = getattr(error, "strerror", None) or " ".join(str(error).split())
    if last:
        return Fault(last, f"cannot be read beyond this line ({what})", "get a whole copy")
    return Fault(None, f"cannot be read ({what})", "get a whole copy of the right format")
