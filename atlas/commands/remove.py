"""`atlas remove`: take a corpus out."""

from pathlib import Path

import click


@click.command()
@click.argument("atlas", type=click.Path(path_type=Path))
@click.option(
    "--corpus",
    required=True,
    help="What to remove: medical/medical, control for all of a source, domain=law, term=asthma.",
)
def command(atlas: Path, corpus: str) -> None:
    """Remove a corpus from ATLAS with its documents, activations and statistics.

    What remains is what an ingest without it gives. Contrasts are computed
    again; one that is left without documents on a side is dropped. Killed, the
    same command finishes it.
    """
    from ingest.contrasts.refresh import refresh_contrasts
    from ingest.removal import remove_corpus
    from ingest.statistics.sums import sum_pending
    from schema import SelectionError, open_atlas

    with open_atlas(atlas) as opened:
        finished = [*sum_pending(opened), *refresh_contrasts(opened)]
        try:
            removed = remove_corpus(opened, corpus)
        except SelectionError:
            if not finished:
                raise
            click.echo(f"{atlas}: what an earlier command had left undone is done; there is no corpus {corpus}")
            return
        refresh_contrasts(opened)
    click.echo(f"{atlas}: {removed:,} documents of {corpus} removed")
