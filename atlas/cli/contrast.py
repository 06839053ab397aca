"""`atlas contrast`: compare two sets of documents, feature by feature."""

from pathlib import Path
from typing import cast

import click

from ingest.contrasts import SHUFFLES


@click.command()
@click.argument("atlas", type=click.Path(path_type=Path))
@click.argument("name")
@click.option(
    "--positive",
    multiple=True,
    required=True,
    metavar="SET",
    help="Documents of the concept: a corpus, domain=D or term=T; repeatable.",
)
@click.option("--control", multiple=True, required=True, metavar="SET", help="Documents to compare with; repeatable.")
@click.option(
    "--unit",
    type=click.Choice(["document", "window"]),
    help="Maximum over a document, or over one window of it.  [default: document if each is one window]",
)
@click.option(
    "--null",
    "shuffles",
    type=click.IntRange(min=0),
    default=SHUFFLES,
    show_default=True,
    metavar="N",
    help="Compute it under N shuffles of the labels too: what is found by chance, and the family-wise p. Never fewer "
    "than are stored.",
)
def command(
    atlas: Path, name: str, positive: tuple[str, ...], control: tuple[str, ...], unit: str | None, shuffles: int
) -> None:
    """Compute contrast NAME in ATLAS for every SAE that has encoded its documents.

    A SET is a corpus (medical/medical), every corpus of a source (control),
    domain=law or term=diabetes. The same documents again change nothing,
    unless more shuffles are asked for.
    """
    if not name.strip():
        raise click.UsageError("a contrast needs a name, such as medical")
    from atlas.cli.funnel import funnel_lines
    from ingest.contrasts.comparison import comparison, found_together
    from ingest.contrasts.scores import Unit
    from ingest.jobs.contrast import compute_contrast
    from schema import open_atlas

    with open_atlas(atlas) as opened:
        computed = compute_contrast(opened, name, positive, control, cast(Unit | None, unit), shuffles)
        compared = comparison(opened, name)
        told = [*funnel_lines(opened, {"contrast": name}), *found_together(opened, name)]
    if computed:
        click.echo(f"{atlas}: contrast {name} computed for {', '.join(computed)}")
    else:
        click.echo(f"{atlas}: nothing new; contrast {name} stands as it was", err=True)
    for sentence in [*compared, *told]:
        click.echo(sentence, err=True)
