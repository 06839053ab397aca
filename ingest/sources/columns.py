"""Formats with columns: CSV with a header row, streamed record by record, and Parquet, by record batch.

Fields of CSV end in commas, or as Excel has it in much of Europe in semicolons, or tabs: as the header does in which
a column is named text, or a first line such as `sep=;` says. Columns without a name and empty rows are Excel's, too.

Python's reader decides where a record ends. Only behind a broken one the count of
double quotes is used to find the next record, so that half a record never passes for a whole one.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.sources.document import FIELDS, LINE_LIMIT, Fault, RecordError, Row, quoted_document_names
from ingest.sources.lines import Line, numbered_lines
from ingest.sources.streams import HEAD, Stream


class _RecordLines:
    """The lines that `csv.reader` reads; knows where its record begins and how large it is."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._size = self._quotes = self._last = 0
        self.first = 1

    def pass_over_line(self) -> None:
        self._next_line()

    def __iter__(self) -> "_RecordLines":
        return self

    def __next__(self) -> str:
        line = self._next_line()
        self._size += len(line.text)
        if line.fault:
            raise RecordError(line.fault, line.advice)
        if self._size > LINE_LIMIT + 2:
            raise RecordError("a record of over 10 MB (a quote that is never closed?)")
        return line.text

    def begin_record(self) -> None:
        self.first, self._size, self._quotes = self._last + 1, 0, 0

    def pass_over_record(self) -> str:
        """Read on until all quotes are closed; say which lines that took where it is not the first alone."""
        while self._quotes % 2:
            try:
                self._next_line()
            except StopIteration:
                break
        return f"; lines {self.first} to {self._last} are one record" if self._last > self.first else ""

    def _next_line(self) -> Line:
        line = next(self._lines)
        self._last = line.number
        self._quotes += line.quotes
        return line


def read_csv(stream: Stream) -> Iterator[Row | Fault]:
    """Read a header row that has a column named text, then one document a record."""
    delimiter, told = _delimiter(stream.peek(HEAD))
    lines = _RecordLines(numbered_lines(stream))
    if told:
        lines.pass_over_line()
    records = _records(lines, delimiter)
    header = _header(next(records, None))
    if isinstance(header, Fault):
        yield header
        return
    for record in records:
        yield record if isinstance(record, Fault) else _row(header, *record)


def _delimiter(head: bytes) -> tuple[str, bool]:
    """What a field ends in, and whether the first line says so and is no record."""
    first = re.split(rb"[\r\n]", head.removeprefix(codecs.BOM_UTF8), maxsplit=1)[0].decode("utf-8", "replace")
    if told := re.fullmatch(r'"?sep=([,;|\t])"?', first, re.IGNORECASE):
        return told[1], True
    return next((mark for mark in ",;\t" if "text" in _names(first.split(mark))), ","), False


def _names(fields: list[str]) -> list[str]:
    return [name.strip().strip('"').strip() for name in fields]


def _records(lines: _RecordLines, delimiter: str) -> Iterator[tuple[int, list[str]] | Fault]:
    """Give each record with the line that it begins on; blank lines, and rows of empty fields, are passed over."""
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    while True:
        lines.begin_record()
        try:
            values = _next_values(reader)
        except (csv.Error, RecordError) as error:
            advice = error.advice if isinstance(error, RecordError) else "mend the record"
            yield Fault(lines.first, f"{_in_plain_words(error)}{lines.pass_over_record()}", advice)
        else:
            if values is None:
                return
            if any(values):
                yield lines.first, values


def _next_values(reader: "Iterator[list[str]]") -> list[str] | None:
    """Read one record; csv's limit of 131,072 characters a field belongs to the process, so it is put back."""
    limit = csv.field_size_limit(LINE_LIMIT)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(limit)


def _in_plain_words(error: Exception) -> str:
    if isinstance(error, RecordError):
        return str(error)
    if str(error) == "unexpected end of data":
        return "not CSV (a quote that is never closed)"
    return f"not CSV ({error})"


def _header(record: tuple[int, list[str]] | Fault | None) -> list[str] | Fault:
    """Give the names of the columns, or what is wrong with the whole file; a file without lines has none."""
    if record is None:
        return []
    if isinstance(record, Fault):
        return Fault(None, f"line {record.line}, the header: {record.reason}", record.advice)
    names = [name.strip() for name in record[1]]
    return _names_fault(names, names) or names


def _names_fault(names: list[str], told: list[str]) -> Fault | None:
    """What is wrong with the names of columns, if anything; `told` are those named where two are the same."""
    if "text" not in names:
        return Fault(
            None, f"no text column (columns: {quoted_document_names(names)})", "name the column of the text 'text'"
        )
    known = [name for name in names if name in FIELDS]
    if len(set(known)) < len(known):
        return Fault(None, f"two columns of one name (columns: {quoted_document_names(told)})", "rename one")
    return None


def _row(header: list[str], line: int, values: list[str]) -> Row | Fault:
    if any(header[len(values) :]) or any(values[len(header) :]):
        reason = f"{len(values)} fields where the header has {len(header)}"
        return Fault(line, reason, "quote fields that hold commas or line breaks")
    return Row(line, {name: value for name, value in zip(header, values, strict=False) if name})


PARQUET_ERRORS = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What pyarrow raises where the file is at fault."""

_VALUE_ERRORS = (ValueError, OverflowError, pa.ArrowException)  # bad UTF-8 among them: pyarrow looks only when asked
_BATCH_ROWS = 256
_BUFFER = 1_048_576  # bytes; by default pyarrow holds a whole row group


def read_parquet(path: Path) -> Iterator[Row | Fault]:
    """Read the rows of a file that has a column named text.

    Raises: one of `PARQUET_ERRORS` where the file is corrupt.
    """
    with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
        names: list[str] = list(file.schema_arrow.names)
        if fault := _names_fault(names, [name for name in names if name in FIELDS]):
            yield fault
            return
        columns = [name for name in names if name in FIELDS or _is_number(file.schema_arrow, name)]
        first = 1
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
            yield from _batch_rows(batch, first)
            first += batch.num_rows


def _is_number(schema: pa.Schema, name: str) -> bool:
    """Whether the one column of that name holds numbers, which may be asked for."""
    held = schema.field(name).type if schema.names.count(name) == 1 else pa.null()
    return bool(pa.types.is_integer(held) or pa.types.is_floating(held) or pa.types.is_decimal(held))


def _batch_rows(batch: pa.RecordBatch, first: int) -> Iterator[Row | Fault]:
    try:
        records = batch.to_pylist()
    except _VALUE_ERRORS:
        for offset in range(batch.num_rows):
            yield _single_row(batch.slice(offset, 1), first + offset)
    else:
        yield from (Row(number, record) for number, record in enumerate(records, first))


def _single_row(batch: pa.RecordBatch, number: int) -> Row | Fault:
    try:
        return Row(number, batch.to_pylist()[0])
    except _VALUE_ERRORS as error:
        return Fault(number, f"a value that cannot be read ({error})", "mend the row")
