"""`atlas compact`: give back the room that removed rows have left."""

from pathlib import Path

import click


@click.command(short_help="Give back the room that removed rows have left")
@click.argument("atlas", type=click.Path(path_type=Path))
def command(atlas: Path) -> None:
    """Write ATLAS anew, without the room that removed and replaced rows have left.

    It needs room for a second copy beside it. Every row is compared before the new file takes the place of
    the old one; killed at any moment, ATLAS is one of them, whole.
    """
    from schema.compaction import compact

    done = compact(atlas)
    if done.after < done.before:
        click.echo(f"{atlas}: {done.before / 1e6:,.1f} MB before, {done.after / 1e6:,.1f} MB after")
    else:
        click.echo(f"{atlas}: {done.before / 1e6:,.1f} MB, of which none can be given back")
