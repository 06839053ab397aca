"""`atlas circuit graph`: which features of earlier SAEs lead to a feature, or to the next token."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas.cli.circuit_findings import driving_nodes
from atlas.cli.logs import progress_line
from atlas.cli.options import atlas_file, chosen_features, feature_options, prompt_options, reader_options

if TYPE_CHECKING:
    from ingest.jobs.graph import GraphResult

share = click.FloatRange(0, 1, min_open=True)


@click.command("graph")
@atlas_file
@prompt_options("Trace this many windows of documents at most, those passed over not counted.")
@feature_options
@click.option(
    "--target", "token", help="Without a feature: the token it leads to.  [default: the likeliest, 10 at most]"
)
@click.option(
    "--position",
    type=int,
    help="Position of the target, BOS being 0.  [default: where the feature is strongest, or the last]",
)
@click.option(
    "--method",
    "methods",
    type=click.Choice(["ablation", "gradient", "integrated"]),
    multiple=True,
    default=("ablation",),
    show_default=True,
    help="How edges are found: exactly, one node taken out at a time; by gradient x difference; by gradients at ten "
    "points; repeatable.",
)
@click.option(
    "--nodes", type=share, default=0.8, show_default=True, help="Keep the fewest nodes with this share of influence."
)
@click.option("--edges", type=share, default=0.98, show_default=True, help="Then the fewest edges with this share.")
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=5000,
    show_default=True,
    help="Features that are nodes at most: those that move the target most, by gradients.",
)
@reader_options(
    "SAE: the first one's features are led to; of one alone, the atlas' others of its model are taken too.",
    several=True,
)
def graph(atlas: Path, **options: Any) -> None:
    """Trace what leads to a feature, or to the next token: features and errors of several SAEs, and tokens.

    An edge says how far a node falls without another one of the level before. The graph is pruned, and the model run
    with what is left: atlas query ATLAS graphs shows how much of the target that brings.
    """
    features = chosen_features(atlas, options)
    if not options["documents"] and not options["texts"]:
        raise click.UsageError("name prompts: --documents SET or --text 'A prompt'")
    if features and options["token"]:
        raise click.UsageError("--target is a token, --feature and --contrast are features: give one")
    with progress_line() as report:
        from ingest.circuits.graphs.graph_study import Pruning
        from ingest.jobs.graph import GraphRequest
        from ingest.jobs.graph import graph as graph_job

        pruning = Pruning(options["nodes"], options["edges"], options["most"])
        names = ("documents", "texts", "token", "position", "limit", "methods", "reader")
        request = GraphRequest(atlas, features, pruning=pruning, **{name: options[name] for name in names})
        result = graph_job(request, report)
        found = list(driving_nodes(atlas, result.sae, features))
    _tell(atlas, result)
    for line in found:
        click.echo(line)


def _tell(atlas: Path, result: "GraphResult") -> None:
    if result.silent:
        click.echo(f"{result.silent:,} prompts passed over: the feature is silent there", err=True)
    if result.short:
        click.echo(f"{result.short:,} prompts passed over: the position is not in them", err=True)
    if not result.new:
        click.echo(f"{atlas}: nothing new; all {len(result.known):,} graphs are already in it")
        return
    click.echo(
        f"{atlas}: {len(result.new):,} graphs ({result.new[0]} to {result.new[-1]}) in {result.seconds:.1f} s; "
        f"{len(result.known):,} were already in it"
    )
