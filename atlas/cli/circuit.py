"""`atlas circuit`: what makes a feature fire, and what it does."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas.cli.circuit_findings import differing_heads, patched_heads, written_parts
from atlas.cli.graph import graph
from atlas.cli.logs import progress_line
from atlas.cli.options import atlas_file, chosen_features, feature_options, prompt_options, reader_options
from atlas.cli.steering import ablate, steer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.jobs.patch import PatchResult

CONTEXT = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=CONTEXT, short_help="What makes a feature fire, and what it does")
def command() -> None:
    """Trace what makes a feature fire, and what it does, and store it.

    What is stored is not computed again; an interrupted command goes on from there.
    """


command.add_command(steer)
command.add_command(ablate)
command.add_command(graph)


@command.command("patch")
@atlas_file
@click.option("--clean", multiple=True, metavar="SET", help="Clean prompts: a corpus, domain=D or term=T; repeatable.")
@click.option(
    "--corrupted",
    multiple=True,
    metavar="SET",
    help="Corrupted prompts; a document is paired with a clean one of its template; repeatable.",
)
@click.option(
    "--pair", "pairs", nargs=2, multiple=True, metavar="CLEAN CORRUPTED", help="Two prompts by hand; repeatable."
)
@click.option(
    "--pairs",
    "pairs_file",
    type=click.Path(path_type=Path),
    help='A file of pairs, {"clean": "...", "corrupted": "..."} a line.',
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help="Patch this many pairs of documents at most, those passed over not counted.",
)
@feature_options
@click.option("--target", help="Without a feature: the token whose logit is read.  [default: the model's own choice]")
@click.option("--against", help="Read how far its logit is above that of this token.")
@click.option("--position", type=int, help="Position read, BOS being 0.  [default: where the feature is strongest]")
@reader_options("SAE: the first one's features are read, those of every one on the way exchanged.", several=True)
def patch(atlas: Path, **options: Any) -> None:
    """Exchange values between two prompts of one length, site by site, and see what becomes of a feature or a logit.

    Sites are the residual stream, what attention, each head and each MLP add to it, and features of SAEs on the way.
    """
    features = chosen_features(atlas, options)
    if bool(options["clean"]) != bool(options["corrupted"]):
        raise click.UsageError("--clean and --corrupted go together")
    if not (options["clean"] or options["pairs"] or options["pairs_file"]):
        raise click.UsageError("name pairs: --clean SET --corrupted SET, --pair 'One text' 'Another', or --pairs FILE")
    if features and (options["target"] or options["against"]):
        raise click.UsageError("--target and --against read logits, --feature and --contrast features: give one")
    with progress_line() as report:
        from ingest.jobs.patch import PatchRequest
        from ingest.jobs.patch import patch as patch_job

        request = PatchRequest(
            atlas,
            features,
            (options["clean"], options["corrupted"]),
            options["pairs"],
            options["pairs_file"],
            (options["target"], options["against"]),
            options["position"],
            options["limit"],
            options["reader"],
        )
        result = patch_job(request, report)
        found = list(patched_heads(atlas, result.sae, features))
    _tell_patched(atlas, result)
    _tell(found)


def _tell_patched(atlas: Path, result: "PatchResult") -> None:
    if result.unequal:
        clean, corrupted = result.unequal[0]
        pairs = f"{len(result.unequal)} pairs" if len(result.unequal) > 1 else "1 pair"
        click.echo(f"{pairs} passed over: not as many tokens on both sides, such as {clean} and {corrupted}", err=True)
    if result.silent:
        click.echo(f"{result.silent:,} pairs passed over: nothing fires on either prompt", err=True)
    if result.early:
        click.echo(f"{result.early:,} pairs passed over: read before the first token that differs", err=True)
    if result.short:
        click.echo(f"{result.short:,} pairs passed over: the position is not in them", err=True)
    if not result.new:
        click.echo(f"{atlas}: nothing new; all {len(result.known):,} patched pairs are already in it")
        return
    click.echo(
        f"{atlas}: {len(result.new):,} patched pairs ({result.new[0]} to {result.new[-1]}), {result.sites:,} sites "
        f"both ways in {result.seconds:.1f} s; {len(result.known):,} were already in it"
    )


@command.command("direct")
@atlas_file
@prompt_options("Take this many windows of documents at most.")
@feature_options
@click.option("--position", type=int, help="Position read, BOS being 0.  [default: where the feature is strongest]")
@reader_options("SAE whose features are taken apart, which also says which model.")
def direct(atlas: Path, **options: Any) -> None:
    """What embeddings, each head by source token, each MLP and all biases write onto a feature; they add up to it.

    The SAE must read the residual stream. Prompts on which a feature is silent are passed over, and counted.
    """
    features = chosen_features(atlas, options)
    if not features:
        raise click.UsageError("name features: --feature 12, or --contrast NAME")
    if not options["documents"] and not options["texts"]:
        raise click.UsageError("name prompts: --documents SET or --text 'A prompt'")
    with progress_line() as report:
        from ingest.jobs.direct import DirectRequest
        from ingest.jobs.direct import direct as direct_job

        names = ("documents", "texts", "position", "limit", "reader")
        result = direct_job(DirectRequest(atlas, features, *(options[name] for name in names)), report)
        found = list(written_parts(atlas, result.sae, features))
    if result.silent:
        click.echo(f"{result.silent:,} prompts passed over: the feature is silent there", err=True)
    if not result.new:
        click.echo(f"{atlas}: nothing new; all {len(result.known):,} direct attributions are already in it")
        return
    click.echo(
        f"{atlas}: {len(result.new):,} direct attributions ({result.new[0]} to {result.new[-1]}) in "
        f"{result.seconds:.1f} s; {len(result.known):,} were already in it"
    )
    _tell(found)


@command.command("attention")
@atlas_file
@click.option("--documents", multiple=True, metavar="SET", help="Documents: a corpus, domain=D or term=T; repeatable.")
@click.option("--contrast", "contrasts", multiple=True, help="Compare the sides of this contrast, too; repeatable.")
@click.option("--limit", type=click.IntRange(min=1), help="Look at this many documents of the sets at most.")
@reader_options("SAE, which says which model, and how documents are cut.")
def attention(atlas: Path, **options: Any) -> None:
    """What each head looks at: BOS, the token before, the same token, the term; and whether a contrast changes it."""
    if not options["documents"] and not options["contrasts"]:
        raise click.UsageError("name documents: --documents SET or --contrast NAME")
    with progress_line() as report:
        from ingest.jobs.attention import AttentionRequest
        from ingest.jobs.attention import attention as attention_job

        asked = options["documents"], options["contrasts"], options["limit"]
        result = attention_job(AttentionRequest(atlas, *asked, reader=options["reader"]), report)
    if not result.new and not result.contrasts:
        click.echo(f"{atlas}: nothing new; all {result.known:,} documents were looked at before")
        return
    told = f"; {', '.join(result.contrasts)} compared" if result.contrasts else ""
    click.echo(
        f"{atlas}: {result.new:,} documents looked at in {result.seconds:.1f} s{told}; {result.known:,} were already "
        "in it"
    )
    _tell(differing_heads(atlas, result.sae, options["contrasts"]))


@command.command("pattern")
@atlas_file
@click.option("--document", metavar="EXTERNAL_ID", help="A document by its id; its first window is drawn.")
@click.option("--text", help="A prompt by hand.")
@click.option("--layer", type=click.IntRange(min=0), required=True, help="Block, from 0.")
@click.option("--head", "heads", type=click.IntRange(min=0), multiple=True, help="Head, from 0; repeatable.  [all]")
@click.option("-o", "output", type=click.Path(path_type=Path), required=True, help="File to write: .png or .svg.")
@reader_options("SAE, which says which model, and how documents are cut.")
def pattern(atlas: Path, document: str | None, text: str | None, output: Path, **options: Any) -> None:
    """Draw where the heads of a block look: a row a token that looks, a column a token that is looked at."""
    if (document is None) == (text is None):
        raise click.UsageError("name one prompt: --document EXTERNAL_ID or --text 'A prompt'")
    if output.suffix.lower() not in (".png", ".svg"):
        raise click.UsageError(f"{output}: a picture is .png or .svg")
    from atlas.cli.plots import draw_patterns
    from atlas.cli.printed_rows import check_output
    from ingest.circuits.attention.patterns import head_patterns
    from schema import open_atlas

    check_output(output, {"atlas": atlas})
    loaded = options["reader"].load()
    with open_atlas(atlas, read_only=True) as opened:
        found = head_patterns(opened, loaded, (document, text), options["layer"], options["heads"])
    draw_patterns(found, output)
    click.echo(f"{output}: {len(found.heads)} heads of block {found.layer} on {len(found.tokens)} tokens")


def _tell(lines: "Iterable[str]") -> None:
    for line in lines:
        click.echo(line)
