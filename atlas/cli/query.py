"""`atlas query`: run a saved query, or list them."""

import shutil
import sys
import textwrap
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

from atlas.cli.funnel import LISTS, funnel_lines
from ingest.contrasts.stale import stale_contrasts
from queries import GROUPS, SavedQuery, find_query, run_query, saved_queries
from queries.formats import TEXTS
from queries.parameters import Value
from schema import Atlas, QueryError, open_atlas

FORMATS = ("table", "csv", "json", "parquet", "tsv", "jsonl")
ENDINGS = {f".{name}": name for name in FORMATS if name != "table"} | {".ndjson": "jsonl", ".txt": "table"}
"""What a file's name says of its format."""
NARROWEST = 16


@click.command()
@click.argument("atlas", type=click.Path(path_type=Path))
@click.argument("name", required=False)
@click.option(
    "-p", "--parameter", "pairs", metavar="KEY=VALUE", multiple=True, help="Value of a parameter; repeatable."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="How rows are written; default: what the name of -o FILE ends in, or a table on stdout.",
)
@click.option("-c", "--columns", metavar="NAME,...", help="Columns to show, in this order; default: all.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write; default: stdout.")
@click.option("--describe", is_flag=True, help="Explain query NAME, its parameters and its SQL; run nothing.")
def command(
    atlas: Path,
    name: str | None,
    pairs: tuple[str, ...],
    format_: str | None,
    columns: str | None,
    output: Path | None,
    describe: bool,
) -> None:
    """Run the saved query NAME on ATLAS; without NAME, list the saved queries.

    \b
    atlas query atlas.duckdb candidates -p limit=10
    atlas query atlas.duckdb feature_sentences -p feature=512 --format json
    atlas query atlas.duckdb feature_card --describe
    """
    values = _values(pairs)
    if output and output.resolve() == atlas.resolve():
        raise click.UsageError(f"-o {output} would overwrite the atlas; choose another file")
    format_ = format_ or _format_of(output)
    if name is None:
        if values or describe or columns:
            raise click.UsageError("-p, -c and --describe need the NAME of a query; list them: atlas query ATLAS")
        if str(atlas) in saved_queries():
            raise click.UsageError(f"the atlas comes first: atlas query ATLAS {atlas}")
        _write(_listed(), format_, output, _list_text(_width()))
    elif describe:
        click.echo(_description(find_query(name)))
    else:
        with open_atlas(atlas, read_only=True) as opened:
            rows = _chosen(run_query(opened, name, values), columns)
            told = [*_stale(opened, name, values), *(funnel_lines(opened, values) if name == LISTS else [])]
        _write(rows, format_, output)
        for line in [f"{name}: no rows"] * (not rows.num_rows) + told:
            click.echo(line, err=True)


def _stale(atlas: Atlas, name: str, values: Mapping[str, Value]) -> list[str]:
    """What to know of contrasts whose figures a query shows though documents or rules have changed since."""
    if find_query(name).group != "contrast":
        return []
    asked = values.get("contrast", "")
    return [
        f"contrast {contrast} is to be computed again: the next ingest does so"
        for contrast in stale_contrasts(atlas)
        if asked in ("", contrast)
    ]


def _values(pairs: tuple[str, ...]) -> dict[str, str | int | float]:
    values: dict[str, str | int | float] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.UsageError(f"-p takes KEY=VALUE, such as -p limit=10, not '{pair}'")
        if key in values:
            raise click.UsageError(f"-p {key} is given twice")
        values[key] = value
    return values


def _format_of(output: Path | None) -> str:
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


def _chosen(rows: pa.Table, columns: str | None) -> pa.Table:
    if columns is None:
        return rows
    names = [name.strip() for name in columns.split(",")]
    unknown = [name for name in names if name not in rows.column_names]
    if unknown:
        raise click.UsageError(f"there is no column '{unknown[0]}'; there are {', '.join(rows.column_names)}")
    return rows.select(names)


def _write(rows: pa.Table, format_: str, output: Path | None, text: str | None = None) -> None:
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
    return _aligned(rows) if text is None else text


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


def _aligned(rows: pa.Table) -> str:
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


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 120


def _listed() -> pa.Table:
    rows = [
        {
            "name": query.name,
            "group": GROUPS[query.group],
            "title": query.title,
            "description": query.description,
            "database": query.database,
            "parameters": " ".join(str(parameter) for parameter in query.parameters),
        }
        for query in saved_queries().values()
    ]
    return pa.Table.from_pylist(rows)


def _list_text(width: int) -> str:
    """Every query by group: its name, title, database, and parameters with their defaults."""
    queries = saved_queries().values()
    indent = " " * (max(len(query.name) for query in queries) + 4)
    lines: list[str] = []
    for group, title in GROUPS.items():
        lines += ["", title]
        for query in queries:
            if query.group == group:
                head = f"  {query.name:<{len(indent) - 4}}  {query.title} ({query.database})"
                lines += textwrap.wrap(head, width, subsequent_indent=indent)
                parameters = " ".join(str(parameter) for parameter in query.parameters)
                lines += textwrap.wrap(parameters, width, initial_indent=indent, subsequent_indent=indent)
    usage = ["", "Run one:      atlas query ATLAS NAME -p KEY=VALUE", "Explain one:  atlas query ATLAS NAME --describe"]
    return "\n".join(lines[1:] + usage) + "\n"


def _description(query: SavedQuery) -> str:
    """What a query asks, its parameters and its SQL."""
    lines = [f"{query.name}: {query.title}", "", *textwrap.wrap(query.description, min(_width(), 100)), ""]
    size = max((len(str(parameter)) for parameter in query.parameters), default=0)
    for parameter in query.parameters:
        required = " (required)" if parameter.required else ""
        lines.append(f"  -p {parameter!s:<{size}}  {parameter.help}{required}")
    return "\n".join([*lines, "", query.sql])
