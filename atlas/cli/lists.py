"""`atlas lists`: the lists of features that readers of a site keep, out and in again."""

import csv
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
import pyarrow as pa

from atlas.cli.printed_rows import FORMATS, write_rows
from atlas.cli.web import site_folder
from atlas.site.lists.feature_list import LONGEST_INDEX, Listed, Summary, list_name
from atlas.site.lists.store import FILE, FeatureLists
from schema import SelectionError, SourceError

COLUMNS = ("release", "sae_id", "feature", "note")


@click.command()
@site_folder
@click.argument("name", required=False)
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV of release, sae_id, feature and note, put into the list; it is made where there is none.",
)
@click.option("--format", "format_", type=click.Choice(FORMATS), default="table", show_default=True)
def command(site: Path, name: str | None, file: Path | None, format_: str) -> None:
    """Show the lists that readers of SITE keep (`atlas serve SITE --lists`), or the features of the list NAME.

    \b
    atlas lists site
    atlas lists site "To look at" --format csv > mine.csv
    atlas lists other "To look at" --from mine.csv
    """
    if file is not None and name is None:
        raise click.UsageError("--from puts features into a list; name it")
    if file is None and not (site / FILE).is_file():
        raise SelectionError(f"{site} has no lists; keep some: atlas serve {site} --lists")
    lists = FeatureLists.open(site / FILE)
    if file is not None:
        assert name is not None
        _put_all(lists, name, list(_listed(file)))
    shown: list[Summary] | list[Listed] = lists.summaries() if name is None else lists.read(name)[1]
    write_rows(pa.Table.from_pylist([asdict(each) for each in shown]), format_, None)


def _put_all(lists: FeatureLists, name: str, features: list[Listed]) -> None:
    name = list_name(name)
    if all(each.name.encode().lower() != name.encode().lower() for each in lists.summaries()):  # as SQLite compares
        name = lists.create(name)
    lists.put(name, *features)


def _listed(path: Path) -> Iterator[Listed]:
    """The features of a CSV.

    Raises:
        SourceError: it is not UTF-8, lacks a column, or a line names no feature.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise SourceError(f"{path} has no column {missing[0]}; give {', '.join(COLUMNS)}")
            for row in reader:
                yield _feature(row, f"{path}:{reader.line_num}")
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} cannot be read as CSV ({error}); save it as CSV in UTF-8") from error


def _feature(row: dict[str, str], where: str) -> Listed:
    index = row["feature"] or ""
    known = index.isascii() and index.isdecimal() and len(index) <= 10 and int(index) <= LONGEST_INDEX
    if not (known and row["release"] and row["sae_id"]):
        raise SourceError(f"{where} names no feature; give release, sae_id, and an index from 0")
    return Listed(row["release"], row["sae_id"], int(index), row["note"] or "", row.get("weights_sha256") or "")
