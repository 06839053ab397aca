"""`atlas cluster`: which features of an SAE write in nearly the same direction."""

from pathlib import Path

import click

from atlas.cli.stderr import counted_progress


@click.command()
@click.argument("atlas", type=click.Path(path_type=Path))
@click.option(
    "--sae", "saes", multiple=True, help="SAE: as named when ingesting; repeatable.  [default: each that lacks them]"
)
def command(atlas: Path, saes: tuple[str, ...]) -> None:
    """Find the ten nearest decoder directions of every feature, by cosine.

    SAEs of up to 32,768 features have them from the first ingest on; this is for
    larger ones, and for atlases made by an earlier version.
    """
    with counted_progress("comparing", "features") as report:
        from ingest.jobs.neighbours import cluster
        from schema import open_atlas

        with open_atlas(atlas) as opened:
            found = list(cluster(opened, saes, report))
    if not found:
        click.echo(f"{atlas}: every SAE has the nearest features of its features")
    for sae, new in found:
        click.echo(f"{atlas}: {'found' if new else 'had already'} the nearest features of each feature of {sae}")
