"""`atlas sae` and `atlas evaluate`: SAEs by name, and their quality."""

import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atlas.cli.logs import progress_line
from atlas.cli.options import atlas_file, reader_options

if TYPE_CHECKING:
    from ingest.jobs.evaluate import Evaluated
    from ingest.jobs.reader import Reader


@click.group()
def sae() -> None:
    """SAEs that `atlas ingest --sae` can name."""


@sae.command("list")
@click.argument("pattern", default="*")
def list_saes(pattern: str) -> None:
    """List SAEs as RELEASE/SAE_ID; PATTERN is a part of the name, or has * and ?.

    Those of pocket are in this package; all others are SAELens' registry and
    are fetched from the Hugging Face hub when they are first used.
    """
    from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

    from ingest.models.names import POCKET, pocket_sae_ids
    from schema import SelectionError

    wanted = pattern if any(mark in pattern for mark in "*?[") else f"*{pattern}*"
    names = [f"{POCKET}/{sae_id}" for sae_id in pocket_sae_ids()]
    names += [
        f"{release}/{sae_id}" for release, found in get_pretrained_saes_directory().items() for sae_id in found.saes_map
    ]
    chosen = [name for name in names if fnmatch.fnmatch(name.lower(), wanted.lower())]
    if not chosen:
        raise SelectionError(f"no SAE is named like '{pattern}'; see all: atlas sae list")
    click.echo("\n".join(chosen))


@click.command("evaluate")
@atlas_file
@reader_options("SAE: RELEASE/SAE_ID, pocket/HOOK_NAME or a SAELens folder; it need not have been ingested with.")
@click.option("--corpus", required=True, help="Corpus to read: medical/medical, or control for each of a source.")
@click.option("--limit", type=click.IntRange(min=1), help="Read this many documents of each corpus at most.")
def evaluate(atlas: Path, reader: "Reader", corpus: str, limit: int | None) -> None:
    """Measure what an SAE keeps of a corpus in ATLAS, and of the model's predictions there.

    Explained variance, features a token (L0), features that never fire, and how
    much of the model's cross-entropy is recovered when the reconstruction takes
    the place of what the SAE reads. Stored in sae_quality; what is stored of the
    same documents is not computed again.
    """
    with progress_line() as report:
        from ingest.jobs import evaluate as job

        found = job.evaluate(job.EvaluateRequest(atlas, corpus, limit, reader), report)
    for one in found:
        click.echo(_in_words(one))


def _in_words(one: "Evaluated") -> str:
    figures, rise = one.quality, one.quality.ce_rise
    variance = "input that never varies" if (kept := figures.explained_variance) is None else f"{kept:.1%} of variance"
    share = "" if (back := figures.ce_recovered) is None else f"{back:.1%} of the cross-entropy recovered, "
    if (back := figures.ce_recovered_uniform) is not None:
        share += f"{back:.1%} against a uniform guess, "
    known = " (known before)" if one.known else ""
    return (
        f"{one.corpus.name}: {variance} explained by {figures.l0:.1f} features a token; {share}"
        f"{rise:+.3f} nats a token ({figures.ce_clean:.3f} to {figures.ce_sae:.3f}); "
        f"{figures.dead_share:.1%} of the features silent in {figures.tokens:,} tokens{known}"
    )
