"""`atlas query`: run a saved query, or list them."""

import shutil
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import click
import pyarrow as pa

from atlas.cli.contrast import LISTS, funnel_lines
from atlas.cli.options import atlas_or_folder
from atlas.cli.printed_rows import FORMATS, check_output, format_of_output, write_rows
from ingest.contrasts.stale import stale_contrasts
from queries import GROUPS, SavedQuery, find_query, run_query, saved_queries
from queries.parameters import Value
from schema import Atlas
from schema.parquet_folder import read_atlas_or_parquet_folder


@click.command()
@atlas_or_folder
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
    atlas: str,
    name: str | None,
    pairs: tuple[str, ...],
    format_: str | None,
    columns: str | None,
    output: Path | None,
    describe: bool,
) -> None:
    """Run the saved query NAME on ATLAS; without NAME, list the saved queries.

    ATLAS may also be a folder that atlas export --parquet has written, or its address (s3://BUCKET/FOLDER).

    \b
    atlas query atlas.duckdb candidates -p limit=10
    atlas query atlas.duckdb feature_sentences -p feature=512 --format json
    atlas query atlas.duckdb feature_card --describe
    atlas query exported/ densest_features
    """
    values = _values(pairs)
    check_output(output, {"atlas": atlas})
    format_ = format_ or format_of_output(output)
    if name is None:
        if values or describe or columns:
            raise click.UsageError("-p, -c and --describe need the NAME of a query; list them: atlas query ATLAS")
        if atlas in saved_queries():
            raise click.UsageError(f"the atlas comes first: atlas query ATLAS {atlas}")
        write_rows(_listed(), format_, output, _list_text(_width()))
    elif describe:
        click.echo(_description(find_query(name)))
    else:
        with read_atlas_or_parquet_folder(atlas) as opened:
            rows = _chosen(run_query(opened, name, values), columns)
            told = [*_stale(opened, name, values), *(funnel_lines(opened, values) if name == LISTS else [])]
        write_rows(rows, format_, output)
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


def _chosen(rows: pa.Table, columns: str | None) -> pa.Table:
    if columns is None:
        return rows
    names = [name.strip() for name in columns.split(",")]
    unknown = [name for name in names if name not in rows.column_names]
    if unknown:
        raise click.UsageError(f"there is no column '{unknown[0]}'; there are {', '.join(rows.column_names)}")
    return rows.select(names)


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
