"""`atlas evaluate`: how far an SAE can be trusted on a corpus."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from atlas.cli.stderr import counted_progress

if TYPE_CHECKING:
    from ingest.jobs.evaluate import Evaluated


@click.command()
@click.argument("atlas", type=click.Path(path_type=Path))
@click.option(
    "--sae",
    default="pocket",
    show_default=True,
    help="SAE: RELEASE/SAE_ID, pocket/HOOK_NAME or a SAELens folder; it need not have been ingested with.",
)
@click.option("--corpus", required=True, help="Corpus to read: medical/medical, or control for each of a source.")
@click.option("--model", help="Model that the SAE reads, if not the one it names: a Hugging Face folder or name.")
@click.option("--limit", type=click.IntRange(min=1), help="Read this many documents of each corpus at most.")
@click.option("--device", help="Where the model runs.  [default: cuda if there is one, else cpu]")
def command(atlas: Path, sae: str, corpus: str, model: str | None, limit: int | None, device: str | None) -> None:
    """Measure what an SAE keeps of a corpus in ATLAS, and of the model's predictions there.

    Explained variance, features a token (L0), features that never fire, and how
    much of the model's cross-entropy is recovered when the reconstruction takes
    the place of what the SAE reads. Stored in sae_quality; what is stored of the
    same documents is not computed again.
    """
    with counted_progress("evaluating", "documents") as report:
        from ingest.jobs.evaluate import EvaluateRequest, evaluate
        from ingest.models.device import choose_device

        request = EvaluateRequest(atlas, corpus, sae, model, limit, choose_device(device))
        found = evaluate(request, report)
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
