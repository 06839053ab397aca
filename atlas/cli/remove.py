"""`atlas remove`: take a corpus or an SAE out."""

from pathlib import Path

import click


@click.command()
@click.argument("atlas", type=click.Path(path_type=Path))
@click.option(
    "--corpus",
    help="What to remove: medical/medical, control for all of a source, domain=law, term=asthma.",
)
@click.option("--sae", help="SAE to remove, spelled as queries do: RELEASE/SAE_ID, or with @HASH for an older one.")
def command(atlas: Path, corpus: str | None, sae: str | None) -> None:
    """Remove a corpus or an SAE from ATLAS with its activations and statistics.

    What remains is what an ingest without it gives; with an SAE the texts
    stay. Contrasts are computed again; one that is left without documents on a
    side, or without an SAE, is dropped. Killed, the same command finishes it.
    """
    if (corpus is None) == (sae is None):
        raise click.UsageError("name what to remove: --corpus CORPUS or --sae SAE")
    click.echo(_remove_sae(atlas, sae) if sae is not None else _remove_corpus(atlas, str(corpus)))


def _remove_sae(atlas: Path, sae: str) -> str:
    from ingest.jobs.remove_sae import remove_sae
    from schema import open_atlas

    with open_atlas(atlas) as opened:
        return f"{atlas}: {remove_sae(opened, sae)} removed"


def _remove_corpus(atlas: Path, corpus: str) -> str:
    from ingest.contrasts.refresh import refresh_contrasts
    from ingest.jobs.remove import remove_corpus
    from ingest.statistics.sums import sum_pending
    from schema import SelectionError, open_atlas

    with open_atlas(atlas) as opened:
        finished = [*sum_pending(opened), *refresh_contrasts(opened)]
        try:
            removed = remove_corpus(opened, corpus)
        except SelectionError:
            if not finished:
                raise
            return f"{atlas}: what an earlier command had left undone is done; there is no corpus {corpus}"
        refresh_contrasts(opened)
    return f"{atlas}: {removed:,} documents of {corpus} removed"
