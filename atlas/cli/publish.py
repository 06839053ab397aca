"""`atlas publish`: a snapshot of an atlas for Datasette."""

from pathlib import Path

import click

from atlas.publish import publish
from atlas.publish.site import KEPT_SNAPSHOTS


@click.command("publish", short_help="Write an immutable snapshot for Datasette")
@click.argument("atlas", type=click.Path(path_type=Path))
@click.argument("site", type=click.Path(path_type=Path))
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=KEPT_SNAPSHOTS,
    show_default=True,
    help="Newest snapshots to keep; one that is being served stays in any case.",
)
def command(atlas: Path, site: Path, keep: int) -> None:
    """Publish the atlas file ATLAS to the folder SITE.

    Each snapshot is a new folder in SITE/snapshots; SITE/current.json names the one to
    serve. Where nothing changed since the last one, nothing is written.
    """
    outcome = publish(atlas, site, keep)
    if not outcome.changed:
        click.echo(f"{site} already shows {atlas}: nothing changed since {outcome.publication.published_at}")
        return
    click.echo(f"published {outcome.folder} ({outcome.rows:,} rows); see it with: atlas serve {site}")
