"""Parquet, streamed by record batch; only the columns that a document has are read."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.sources.record import FIELDS, Fault, Row, quoted_names

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
        if fault := _schema_fault(names):
            yield fault
            return
        columns = [name for name in names if name in FIELDS]
        first = 1
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
            yield from _rows(batch, first)
            first += batch.num_rows


def _schema_fault(names: list[str]) -> Fault | None:
    if "text" not in names:
        return Fault(None, f"no text column (columns: {quoted_names(names)})", "name the column of the text 'text'")
    known = [name for name in names if name in FIELDS]
    if len(set(known)) < len(known):
        return Fault(None, f"two columns of one name (columns: {quoted_names(known)})", "rename one")
    return None


def _rows(batch: pa.RecordBatch, first: int) -> Iterator[Row | Fault]:
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
