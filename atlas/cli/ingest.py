"""`atlas ingest`: encode documents and store every activation."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import click

from atlas.cli.stderr import ingest_progress
from schema.errors import SourceError
from schema.file_names import is_utf8

if TYPE_CHECKING:
    from ingest.jobs.ingest import IngestResult
    from ingest.sources import Skipped

SKIPPED_SHOWN = 20


def _name(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """The value; '' is what an unset shell variable gives, and would be taken for no option at all."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty; give a name, or leave the option out", ctx, parameter)
    if value is not None and not is_utf8(value):
        raise click.BadParameter("it is not UTF-8", ctx, parameter)
    return value


@click.command()
@click.argument("atlas", type=click.Path(path_type=Path))
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--sae",
    "saes",
    multiple=True,
    default=("pocket",),
    show_default=True,
    help="SAE: RELEASE/SAE_ID, pocket/HOOK_NAME or a SAELens folder; repeat it for several from one pass.",
)
@click.option("--model", help="Model that the SAEs read, if not the one they name: a Hugging Face folder or name.")
@click.option("--corpus", callback=_name, help="Corpus to put the documents in.  [default: STEM/DOMAIN of each source]")
@click.option("--domain", callback=_name, help="Domain of the documents, instead of what the source says.")
@click.option("--limit", type=click.IntRange(1, 2**31 - 1), help="Stop after this many documents.")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="What to do with a record that cannot be read.",
)
@click.option("--device", help="Where the model runs.  [default: cuda if there is one, else cpu]")
def command(
    atlas: Path,
    sources: tuple[str, ...],
    saes: tuple[str, ...],
    model: str | None,
    corpus: str | None,
    domain: str | None,
    limit: int | None,
    on_error: str,
    device: str | None,
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
    with ingest_progress() as report:
        from ingest.jobs.ingest import IngestRequest, ingest
        from ingest.models.device import choose_device

        request = IngestRequest(
            atlas=atlas,
            sources=sources,
            saes=saes,
            model=model,
            corpus=corpus,
            domain=domain,
            limit=limit,
            on_error=cast(Literal["stop", "skip"], on_error),
            device=choose_device(device),
        )
        result = ingest(request, report)
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
