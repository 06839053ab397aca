"""`atlas export`, `atlas import`, `atlas quick-list`: the formats of other tools, and addresses at neuronpedia.org."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from atlas.cli.logs import progress_line
from atlas.cli.options import atlas_file, feature_options, name_callback
from atlas.exchange import FORMATS


def _format_options(decorated: Callable[..., Any]) -> Callable[..., Any]:
    """An option for each format, which takes the folder to be written."""
    for kind, each in reversed(FORMATS.items()):
        option = click.option(f"--{kind}", metavar="FOLDER", type=click.Path(path_type=Path), help=each.summary + ".")
        decorated = option(decorated)
    return decorated


@click.command("export", short_help="Write an atlas in the format of another tool")
@atlas_file
@_format_options
@click.option("--sae", "saes", multiple=True, help="SAE: as named when ingesting; repeatable.  [default: every one]")
@click.option(
    "--features-per-file",
    type=click.IntRange(min=1),
    default=1024,
    show_default=True,
    help="With --parquet: how many features' activations stand in a file.",
)
def export_(atlas: Path, saes: tuple[str, ...], features_per_file: int, **folders: Path | None) -> None:
    """Write ATLAS to the new folder FOLDER, in the format of another tool.

    Features stand there with their windows of text, and these with the activation
    of every token, as the atlas shows them: the strongest, and a sample of each
    octave. Killed at any moment, FOLDER is there whole or not at all.

    With --parquet FOLDER holds every table as it is: DuckDB, Polars, pandas and Spark read it, and
    atlas query FOLDER runs the saved queries on it.
    """
    asked = [(name, folder) for name, folder in folders.items() if folder is not None]
    if len(asked) != 1:
        raise click.UsageError("name one format and its folder: " + ", ".join(f"--{name} FOLDER" for name in FORMATS))
    from atlas.exchange import Wanted, export

    ((name, folder),) = asked
    with progress_line() as report:
        lines = export(atlas, name, folder, Wanted(saes, features_per_file), report)
    for line in lines:
        click.echo(f"{folder}: {line}")


@click.command("import", short_help="Read features and windows that others have exported")
@atlas_file
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--sae", callback=name_callback, help="Name for the SAE, RELEASE/SAE_ID.  [default: as the export says]")
@click.option("--corpus", callback=name_callback, help="Name for the corpus of its windows.  [default: its data set]")
@click.option(
    "--tokenizer",
    callback=name_callback,
    help="Of a delphi cache: name or folder of a model that has it.  [default: the model that the cache names]",
)
def import_(atlas: Path, folder: Path, sae: str | None, corpus: str | None, tokenizer: str | None) -> None:
    """Store what FOLDER shows of an SAE's features in ATLAS, which can then be browsed though no model ran.

    FOLDER holds batch-N.json of SAEDashboard's, or the features, activations and
    explanations of Neuronpedia's bulk export, or START_END.safetensors of delphi's; or
    such folders, by model and source or by hook point. Activations are known in the
    windows that the export shows of a feature, and nowhere else; of a cache, on every
    token. Faulty files store nothing; killed, the same command finishes it.
    """
    from atlas.exchange.arrivals import ImportRequest, import_exports

    with progress_line() as report:
        found = import_exports(ImportRequest(atlas, folder, sae, corpus, tokenizer), report)
    for each in found:
        if not each.new:
            click.echo(f"{atlas}: {each.sae}: nothing new", err=True)
            continue
        click.echo(
            f"{atlas}: {each.sae}: {each.features:,} features, {each.windows:,} windows shown, "
            f"{each.documents:,} of them new texts, {each.activations:,} activations; imported, no model ran"
        )
        if each.left_out:
            click.echo(
                f"{each.left_out:,} windows are left out: their text is known already, or cut otherwise", err=True
            )


@click.command("quick-list", short_help="Print addresses that show features at neuronpedia.org")
@atlas_file
@click.argument("title", metavar="NAME", callback=name_callback)
@click.option("--sae", help="SAE: as named when ingesting.  [default: the only one]")
@feature_options
def quick_list(
    atlas: Path, title: str, sae: str | None, features: tuple[int, ...], contrast: str | None, best: int
) -> None:
    """Print addresses of lists called NAME, which show features of one SAE side by side at neuronpedia.org.

    Those of --feature, then the first candidates of --contrast: 150 a list, and
    where there are more, several lists. Nothing is sent there.
    """
    from atlas.exchange.published import neuronpedia_quick_lists, quick_listed_features
    from schema import open_atlas

    if not features and contrast is None:
        raise click.UsageError("name features: --feature N, or --contrast NAME --best N")
    with open_atlas(atlas, read_only=True) as opened:
        own, found = quick_listed_features(opened, sae, features, (contrast, best))
    for address in neuronpedia_quick_lists(title, own, found):
        click.echo(address)
