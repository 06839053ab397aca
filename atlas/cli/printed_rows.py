"""Rows as a command writes them: a table for people, for programs a format that the file's name tells."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from queries.formats import TEXTS
from schema import QueryError
from schema.parquet_folder import is_of_parquet_folder

FORMATS = ("table", "csv", "json", "parquet", "tsv", "jsonl")
ENDINGS = {f".{name}": name for name in FORMATS if name != "table"} | {".ndjson": "jsonl", ".txt": "table"}
"""What a file's name says of its format."""
NARROWEST = 16


def format_of_output(output: Path | None) -> str:
    """What the file's name ends in; a table's figures are short, so none is written where something else is meant."""
    if output is None or str(output) == "-":
        return "table"
    found = ENDINGS.get(output.suffix.lower())
    if found is None:
        known = ", ".join(ENDINGS)
        raise click.UsageError(f"-o {output} names no format; let it end in {known}, or add --format")
    if found == "table":
        click.echo(f"{output}: figures have four digits there; a .csv has all of them", err=True)
    return found


def check_output(output: Path | None, read: Mapping[str, Path | str | None]) -> None:
    """Refuse to write over what is read, before the work begins; `read` has the files by what a message calls them."""
    for name, file in read.items():
        if output is not None and file is not None and _is_read(output, Path(file)):
            raise click.UsageError(f"-o {output} would overwrite the {name}; choose another file")


def _is_read(output: Path, file: Path) -> bool:
    """Whether both are one file, by whatever links, or one is of an atlas that is a folder."""
    if file.is_dir():
        return is_of_parquet_folder(output, file)
    try:
        return output.samefile(file)
    except OSError:  # one of them is not there yet
        return output.resolve() == file.resolve()


def write_rows(rows: pa.Table, format_: str, output: Path | None, text: str | None = None) -> None:
    """Write rows to a file or to stdout; `text` is how they read to a person, if not as a table."""
    if format_ == "parquet" and output is None and sys.stdout.isatty():
        raise click.UsageError("parquet is not for a terminal: add -o FILE")
    if format_ == "table" and output is None and text is None and sys.stdout.isatty():
        _show(rows, Console())
        return
    try:
        with click.open_file(str(output or "-"), "wb") as file:
            if format_ == "parquet":
                pq.write_table(rows, file)
            else:
                file.write(_text(rows, format_, text).encode())
    except OSError as error:
        if output is None:
            raise
        raise QueryError(f"{output} cannot be written: {error.strerror}") from error


def _text(rows: pa.Table, format_: str, text: str | None) -> str:
    if format_ in TEXTS:
        return TEXTS[format_](rows)
    return align_columns(rows) if text is None else text


def _cell(value: Any) -> str:
    """A value on one line: four significant digits, and nothing that moves a cursor."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    characters = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))
    return "".join(characters)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def align_columns(rows: pa.Table) -> str:
    """Plain columns, two spaces apart, numbers to the right; nothing for no rows."""
    if not rows.num_rows:
        return ""
    columns = []
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        cells = [name, *(_cell(value) for value in column.to_pylist())]
        width = max(cell_len(cell) for cell in cells)
        cells.insert(1, "-" * width)
        padding = [" " * (width - cell_len(cell)) for cell in cells]
        right = _is_number(column.type)
        columns.append([pad + cell if right else cell + pad for cell, pad in zip(cells, padding, strict=True)])
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True)) + "\n"


def _show(rows: pa.Table, console: Console) -> None:
    """Rows on a terminal: a table where it fits, else a row after the other."""
    if not rows.num_rows:
        return
    cells = {
        name: [_cell(value) for value in column.to_pylist()]
        for name, column in zip(rows.column_names, rows.columns, strict=True)
    }
    numbers = {field.name for field in rows.schema if _is_number(field.type)}
    least = 0
    for name, column in cells.items():
        width = max(cell_len(cell) for cell in [name, *column])
        least += 2 + (width if name in numbers else min(width, NARROWEST))
    console.print(_records(cells) if least > console.width else _grid(cells, numbers))


def _grid(cells: dict[str, list[str]], numbers: set[str]) -> Table:
    grid = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in cells:
        if name in numbers:
            grid.add_column(name, justify="right", no_wrap=True)
        else:
            grid.add_column(name, overflow="fold")
    for row in zip(*cells.values(), strict=True):
        grid.add_row(*(Text(cell) for cell in row))
    return grid


def _records(cells: dict[str, list[str]]) -> Table:
    records = Table.grid(padding=(0, 2, 0, 0))
    records.add_column(style="bold", no_wrap=True)
    records.add_column(overflow="fold")
    for number, row in enumerate(zip(*cells.values(), strict=True)):
        if number:
            records.add_row()
        for name, cell in zip(cells, row, strict=True):
            records.add_row(name, Text(cell))
    return records
