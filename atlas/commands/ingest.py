"""`atlas ingest`: encode documents and store every activation."""

from pathlib import Path
from typing import Literal, cast

import click

from atlas.progress import ingest_progress


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
@click.option("--corpus", help="Corpus to put the documents in.  [default: STEM/DOMAIN of each source]")
@click.option("--domain", help="Domain of the documents, instead of what the source says.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many documents.")
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
    pattern, '-' for stdin, or bundled:medical and bundled:control. What is
    already in the atlas is not encoded again.
    """
    with ingest_progress() as report:
        from ingest.job import IngestRequest, ingest
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
    counts = result.counts
    for skipped in result.skipped:
        click.echo(f"skipped {skipped.where}: {skipped.reason}", err=True)
    if counts.skipped:
        click.echo(f"skipped {counts.skipped:,} records that could not be read", err=True)
    if not counts.documents and not result.summed:
        click.echo(f"{atlas}: nothing new; all {counts.known:,} documents are already in it")
        return
    click.echo(
        f"{atlas}: {counts.documents:,} documents, {counts.tokens:,} tokens, {counts.activations:,} activations "
        f"in {result.seconds:.1f} s; {counts.known:,} documents were already in it"
    )
