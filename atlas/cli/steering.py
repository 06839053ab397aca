"""`atlas circuit steer` and `atlas circuit ablate`: what a feature does."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas.cli.logs import progress_line
from atlas.cli.options import atlas_file, chosen_features, feature_options, prompt_options, reader_options

if TYPE_CHECKING:
    from ingest.jobs.steer import Push, SteerResult

DOSES = "0.5,1,2,4"
MOST_CONTROLS, MOST_NEW_TOKENS = 1000, 200


def numbers_callback(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[float, ...]:
    """A callback for numbers with commas between them."""
    try:
        found = tuple(float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter("give numbers with commas between them: 0.5,1,2", ctx, parameter) from None
    if not all(abs(number) <= 1e6 for number in found):
        raise click.BadParameter("doses are at most a million", ctx, parameter)
    return found


@click.command("steer")
@atlas_file
@feature_options
@prompt_options("Steer on this many windows of documents at most.")
@click.option(
    "--dose",
    "doses",
    default=DOSES,
    show_default=True,
    metavar="N,N,...",
    callback=numbers_callback,
    help="Doses, in units of the feature's own largest activation; below 0 against it.",
)
@click.option(
    "--how",
    "kind",
    type=click.Choice(["add", "clamp", "remove"]),
    default="add",
    show_default=True,
    help="Add the dose to its activation, clamp it to the dose, or remove it.",
)
@click.option(
    "--position",
    "positions",
    type=int,
    multiple=True,
    help="Position steered, BOS being 0; repeatable.  [default: every one after BOS, and what is generated]",
)
@click.option(
    "--word", "words", multiple=True, help="Token whose probability is followed, such as ' pain'; repeatable."
)
@click.option(
    "--words-of", multiple=True, metavar="SET", help="Follow the 40 words most particular to documents; repeatable."
)
@click.option(
    "--controls",
    type=click.IntRange(0, MOST_CONTROLS),
    default=20,
    show_default=True,
    help="Random features of like density and decoder length, pushed as far.",
)
@click.option(
    "--generate",
    "new_tokens",
    type=click.IntRange(0, MOST_NEW_TOKENS),
    default=0,
    show_default=True,
    help="Tokens to write after the prompt: unsteered, at each dose, and with the first random feature.",
)
@click.option(
    "--temperature", type=click.FloatRange(min=0), default=0.0, show_default=True, help="0: the likeliest token."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of random features and of writing."
)
@reader_options("SAE, which also says which model.")
def steer(atlas: Path, **options: Any) -> None:
    """Push a feature while the model reads a prompt, and see what becomes of the next token.

    Every effect stands beside the same push along random features. The SAE's error stays as it is. atlas query ATLAS
    steered_prompts shows what is stored.
    """
    features = _features(atlas, options)
    if not options["documents"] and not options["texts"]:
        raise click.UsageError("name prompts: --documents SET or --text 'A prompt'")
    with progress_line() as report:
        from ingest.jobs.steer import SteerRequest
        from ingest.jobs.steer import steer as steer_job

        chosen = options["documents"], options["texts"], options["limit"]
        request = SteerRequest(atlas, features, _push(options), *chosen, options["reader"])
        result = steer_job(request, report)
    _tell_steered(atlas, result)


def _push(options: dict[str, Any]) -> "Push":
    from ingest.jobs.steer import Push
    from ingest.models.sampling import Sampling

    names = ("kind", "doses", "positions", "words", "words_of", "controls", "new_tokens")
    sampling = Sampling(options["temperature"], seed=options["seed"])
    return Push(**{name: options[name] for name in names}, sampling=sampling)


def _features(atlas: Path, options: dict[str, Any]) -> tuple[int, ...]:
    features = chosen_features(atlas, options)
    if not features:
        raise click.UsageError("name features: --feature 12, or --contrast NAME")
    return features


def _tell_steered(atlas: Path, result: "SteerResult") -> None:
    if not result.new:
        click.echo(f"{atlas}: nothing new; all {len(result.known):,} steered prompts are already in it")
        return
    click.echo(
        f"{atlas}: {len(result.new):,} steered prompts ({result.new[0]} to {result.new[-1]}), {result.effects:,} "
        f"effects in {result.seconds:.1f} s; {len(result.known):,} were already in it"
    )


@click.command("ablate")
@atlas_file
@feature_options
@click.option(
    "--positive",
    multiple=True,
    required=True,
    metavar="SET",
    help="Documents it is about: a corpus, domain=D or term=T; repeatable.",
)
@click.option("--control", multiple=True, required=True, metavar="SET", help="Documents to compare with; repeatable.")
@click.option("--limit", type=click.IntRange(min=1), help="Read this many windows of each side at most.")
@click.option(
    "--controls",
    type=click.IntRange(0, MOST_CONTROLS),
    default=20,
    show_default=True,
    help="Random features of like density and decoder length, removed alike.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of random features and intervals."
)
@reader_options("SAE, which also says which model.")
def ablate(atlas: Path, **options: Any) -> None:
    """Remove a feature from documents, and see how their loss rises, on a positive and on a control side.

    Intervals are paired, by group of documents; random features are removed alike.
    """
    features = _features(atlas, options)
    with progress_line() as report:
        from ingest.jobs.ablate import AblateRequest
        from ingest.jobs.ablate import ablate as ablate_job

        sets = options["positive"], options["control"]
        rest = (options[name] for name in ("limit", "controls", "seed", "reader"))
        found = ablate_job(AblateRequest(atlas, features, sets, *rest), report)
    known = sum(each.known for each in found)
    click.echo(f"{atlas}: {len(found) - known:,} features removed; {known:,} were already in it")
