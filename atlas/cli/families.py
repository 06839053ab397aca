"""`atlas neighbours`, `atlas cluster` and `atlas match`: which features belong together, in one SAE and across SAEs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from atlas.cli.logs import progress_line
from atlas.cli.options import atlas_file

if TYPE_CHECKING:
    from ingest.families.clustering import Measure
    from ingest.jobs.cluster import ClusterResult
    from schema.store import Atlas

MEASURES = ("decoder", "jaccard", "pmi")


@click.command("neighbours")
@atlas_file
@click.option(
    "--sae", "saes", multiple=True, help="SAE: as named when ingesting; repeatable.  [default: each that lacks them]"
)
def neighbours(atlas: Path, saes: tuple[str, ...]) -> None:
    """Find the ten nearest features of every feature: by decoder direction, and by firing on the same tokens.

    Directions are compared by cosine; SAEs of up to 32,768 features have these
    neighbours from the first ingest on. Co-activation is counted over every token
    that the SAE has encoded, and again when it has encoded others.
    """
    with progress_line() as report:
        from ingest.jobs import neighbours as job

        found = job.neighbours(job.NeighboursRequest(atlas, saes), report)
    if not found:
        click.echo(f"{atlas}: every SAE that a model has run here has the nearest features of its features")
    for one in found:
        if one.directions or (one.directions is False and one.tokens is None):
            done = "found" if one.directions else "had already"
            click.echo(f"{atlas}: {done} the nearest features of each feature of {one.sae}")
        if one.tokens is not None:
            click.echo(f"{atlas}: counted which features of {one.sae} fire together on {one.tokens:,} tokens")


@click.command("cluster")
@atlas_file
@click.option("--sae", "saes", multiple=True, help="SAE: as named when ingesting; repeatable.  [default: each]")
@click.option(
    "--by",
    "measures",
    multiple=True,
    type=click.Choice(MEASURES),
    default=MEASURES,
    show_default=True,
    help="What is alike in a cluster: directions, overlap of the tokens fired on, or PMI of them; repeatable.",
)
@click.option(
    "--clusters",
    type=click.IntRange(min=2),
    help="So many clusters.  [default: the number with the largest mean silhouette]",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="First seed of K-means.")
def cluster(
    atlas: Path, saes: tuple[str, ...], measures: tuple["Measure", ...], clusters: int | None, seed: int
) -> None:
    """Group the features of an SAE into clusters, and draw a map of them.

    K-means on directions, from five seeds: how far these agree is stored. The map is
    a t-SNE. Clusters are named by the tokens most particular to them, and each
    contrast says how many features of each it calls.
    """
    click.echo("note: 'atlas cluster' makes clusters now; nearest features are found by: atlas neighbours", err=True)
    with progress_line() as report:
        from ingest.jobs import cluster as job
        from schema import open_atlas

        found = job.cluster(job.ClusterRequest(atlas, saes, measures, clusters, seed), report)
        with open_atlas(atlas, read_only=True) as opened:
            told = [_in_words(opened, one) for one in found]
    for line in told:
        click.echo(line)


def _in_words(atlas: "Atlas", one: "ClusterResult") -> str:
    if one.clustering is None:
        return f"{one.sae} by {one.measure}: too few features for clusters"
    clusters, features, silhouette, chance, rand, trust = atlas.rows(
        """
        SELECT clusters, features, silhouette, silhouette_shuffled, rand_mean, trustworthiness
        FROM clustering
        WHERE clustering = ?
        """,
        [one.clustering],
    )[0]
    mapped = "" if trust is None else f", map trustworthy {trust:.3f}"
    known = " (known before)" if one.known else ""
    return (
        f"{one.sae} by {one.measure}: {clusters} clusters of {features:,} features, silhouette {silhouette:.3f} "
        f"(shuffled {chance:.3f}), seeds agree {rand:.2f}{mapped}{known}"
    )


@click.command("match")
@atlas_file
@click.option(
    "--sae",
    "saes",
    multiple=True,
    help="SAE: as named when ingesting; repeatable, each two are compared.  [default: each with the next by layer]",
)
def match(atlas: Path, saes: tuple[str, ...]) -> None:
    """Find the same feature in other SAEs of the same model: other layers, seeds, sizes.

    By the cosine of decoder directions, and by the correlation of activations on
    the tokens that both SAEs have encoded; both ways, with features that are split.
    """
    with progress_line() as report:
        from ingest.jobs import match as job

        found = job.match(job.MatchRequest(atlas, saes), report)
    for one in found:
        done = "had already compared" if one.known else "compared"
        on = f"on {one.tokens:,} shared tokens" if one.tokens else "by decoders alone: no token is shared"
        click.echo(f"{atlas}: {done} the features of {one.sae} and {one.other} {on}")
