"""`atlas backup`: a copy of an atlas, also while it is being written."""

from pathlib import Path

import click


@click.command(short_help="Copy an atlas, also while it is being written")
@click.argument("atlas", type=click.Path(path_type=Path))
@click.argument("copy", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Put the new copy in place of an older one.")
def command(atlas: Path, copy: Path, force: bool) -> None:
    """Copy ATLAS to the new file COPY, also while another process ingests into it.

    The copy holds what was committed last; an ingest waits for the moment that the files are read, and goes
    on. Every row of the copy is read and every invariant checked before it gets its name. To restore, use
    the copy as the atlas.
    """
    from schema.backup import backup

    done = backup(atlas, copy, force=force)
    click.echo(f"{copy}: {done.rows:,} rows, {done.size / 1e6:,.1f} MB, read back and checked")
