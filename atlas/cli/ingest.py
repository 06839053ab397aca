"""`atlas ingest`: encode documents and store every activation."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from atlas.cli.logs import progress_line
from atlas.cli.options import atlas_file, name_callback, names_callback, reader_options
from schema.errors import SourceError

if TYPE_CHECKING:
    from ingest.jobs.ingest import IngestResult
    from ingest.sources import Skipped

SKIPPED_SHOWN = 20


@click.command()
@atlas_file
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@reader_options(
    "SAE: RELEASE/SAE_ID, pocket/HOOK_NAME or a SAELens folder; repeat it for several from one pass.", several=True
)
@click.option(
    "--corpus", callback=name_callback, help="Corpus to put the documents in.  [default: STEM/DOMAIN of each source]"
)
@click.option("--domain", callback=name_callback, help="Domain of the documents, instead of what the source says.")
@click.option("--limit", type=click.IntRange(1, 2**31 - 1), help="Stop after this many documents.")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="What to do with a record that cannot be read.",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    callback=names_callback,
    metavar="NAME",
    help="Field of the records whose numbers are kept, such as year, for atlas contrast --target; repeatable.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where documents are encoded: in this process, or on a Ray cluster (ingest/engines/README.md).",
)
@click.option("--ray-address", metavar="ADDRESS", help="The cluster.  [default: RAY_ADDRESS, else this machine]")
@click.option(
    "--ray-actors", type=click.IntRange(min=1), help="Replicas of the model.  [default: one a GPU, or a node]"
)
@click.option("--ray-shards", metavar="FOLDER", help="Folder or address that all nodes reach.  [default: ATLAS.shards]")
@click.option("--profile", is_flag=True, help="Say at the end which share of the time each stage took.")
def command(
    atlas: Path, sources: tuple[str, ...], engine: Literal["local", "ray"], profile: bool, **options: Any
) -> None:
    """Encode the documents of each SOURCE and store every activation in ATLAS.

    A SOURCE is a file (.txt, .jsonl, .csv, .parquet; .gz and .zst too), a quoted
    pattern, FOLDER/ for every whole file in it, hf:NAME[:SPLIT] for a Hugging
    Face data set or a folder of its files, NOTEBOOK.ipynb:NAME for a list read
    off a notebook, '-' for stdin, or bundled:medical and bundled:control. What
    is already in the atlas is not encoded again.

    A document is its text; what a source says of it else is brought up to date.
    An id of the source's own names one text: another under it replaces the
    document, once all sources have been read. Two files of one name share a
    corpus, but not ids, unless --corpus says so.
    """
    cluster = {option: options.pop(option) for option in list(options) if option.startswith("ray_")}
    if engine == "local" and (given := [name for name, value in cluster.items() if value is not None]):
        raise click.UsageError(f"--{given[0].replace('_', '-')} goes with --engine ray")
    with progress_line() as report:
        from ingest.engines.cluster import RayCluster
        from ingest.jobs.ingest import IngestRequest, ingest

        asked = RayCluster(**{name.removeprefix("ray_"): value for name, value in cluster.items()})
        result = ingest(IngestRequest(atlas, sources, ray=asked if engine == "ray" else None, **options), report)
    _tell(atlas, result)
    if profile:
        _tell_stages(result)


def _tell(atlas: Path, result: "IngestResult") -> None:
    """Say what came of it; that nothing could be read at all is an error."""
    _tell_skipped(result.skipped)
    if result.skipped and not result.counts.documents and not result.counts.known:
        raise SourceError(f"nothing was read: all of it was skipped; {atlas} holds nothing new")
    for line in result.notes:
        click.echo(line, err=True)
    click.echo(f"{atlas}: {_outcome(result)}")


def _outcome(result: "IngestResult") -> str:
    """What was done, in a line; every change is counted in it."""
    counts = result.counts
    changes = "".join(f", {change}" for change in counts.changes)
    if counts.documents or counts.replaced or counts.updated or result.summed:
        new = f"{counts.documents:,} documents, {counts.tokens:,} tokens, {counts.activations:,} activations"
        return f"{new} in {result.seconds:.1f} s; {counts.known:,} documents were already in it{changes}"
    known = f"all {counts.known:,} documents are already in it" if counts.known else "no document could be read"
    return f"nothing new; {known}{changes}"


def _tell_skipped(skipped: Sequence["Skipped"]) -> None:
    """Name the first of what was passed over, and count it all."""
    for record in skipped[:SKIPPED_SHOWN]:
        click.echo(f"skipped {record.where}: {record.reason}", err=True)
    if skipped:
        more = f", of which the first {SKIPPED_SHOWN} are named" if len(skipped) > SKIPPED_SHOWN else ""
        click.echo(f"skipped in all: {len(skipped):,}{more}", err=True)


def _tell_stages(result: "IngestResult") -> None:
    """The share of each stage, and the seconds; what is none of them stands last."""
    stages = {**result.stages, "other": max(0.0, result.seconds - sum(result.stages.values()))}
    for stage, seconds in stages.items():
        click.echo(f"{stage:10}{seconds / (result.seconds or 1):5.0%}{seconds:10.1f} s")
