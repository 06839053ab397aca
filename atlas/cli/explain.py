"""`atlas explain`: Shapley values of tokens and of features."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from atlas.cli.stderr import counted_progress

if TYPE_CHECKING:
    from ingest.attribution.request import ExplainRequest, Method, Target

CONTEXT = {"help_option_names": ["-h", "--help"]}
Command = Callable[..., None]


@click.group(context_settings=CONTEXT, short_help="Shapley values of tokens and of features")
def command() -> None:
    """Explain predictions and activations by Shapley values, and store them.

    Models of GPT-2's architecture alone can be explained. What is stored is not computed again; an
    interrupted command goes on from there.
    """


def shared_options(decorated: Command) -> Command:
    """What the three questions have in common: prompts, model, estimator."""
    for option in reversed(
        (
            click.argument("atlas", type=click.Path(path_type=Path)),
            click.option(
                "--documents",
                multiple=True,
                metavar="SET",
                help="Documents to explain, window by window: a corpus, domain=D or term=T; repeatable.",
            ),
            click.option("--text", "texts", multiple=True, help="A prompt to explain; repeatable."),
            click.option("--limit", type=click.IntRange(min=1), help="Explain this many windows of documents at most."),
            click.option("--sae", default="pocket", show_default=True, help="SAE, which also says which model."),
            click.option("--model", help="Model that the SAE reads, if not the one it names."),
            click.option("--device", help="Where the model runs.  [default: cuda if there is one, else cpu]"),
            click.option(
                "--pairs",
                type=click.IntRange(min=1),
                help="Pairs of permutations where sampled.  [default: 8 of tokens, 64 of features]",
            ),
            click.option("--seed", type=int, default=0, show_default=True, help="Seed of the permutations."),
        )
    ):
        decorated = option(decorated)
    return decorated


def output_options(decorated: Command) -> Command:
    """Which prediction is explained."""
    decorated = click.option(
        "--output",
        type=click.Choice(["logit", "log_probability"]),
        default="logit",
        show_default=True,
        help="What of the target is explained.",
    )(decorated)
    return click.option(
        "--target",
        help="Token whose prediction is explained, such as ' pain'.  [default: the model's own first choice]",
    )(decorated)


def token_options(decorated: Command) -> Command:
    """How tokens are hidden and values estimated."""
    decorated = click.option(
        "--estimator",
        type=click.Choice(["auto", "exact", "permutation", "partition"]),
        default="auto",
        show_default=True,
        help="auto: exact up to 12 tokens, permutations beyond; partition: shap's own, as the study called it.",
    )(decorated)
    return click.option(
        "--baseline",
        type=click.Choice(["end_of_text", "mean_embedding", "removal"]),
        default="end_of_text",
        show_default=True,
        help="What stands for a hidden token.",
    )(decorated)


def feature_options(decorated: Command) -> Command:
    """Which features are meant."""
    for option in (
        click.option(
            "--best",
            type=click.IntRange(min=1),
            default=5,
            show_default=True,
            help="How many of the contrast's.",
        ),
        click.option("--contrast", help="Take the first candidates of this contrast."),
        click.option("--feature", "features", type=int, multiple=True, help="Zero-based index; repeatable."),
    ):
        decorated = option(decorated)
    return decorated


@command.command("token")
@shared_options
@output_options
@token_options
@click.option("--study", is_flag=True, help="Run the study's own filter beside, as it ran (slow); also later.")
def token(target: str | None, output: str, study: bool, **options: Any) -> None:
    """How much each token of a prompt adds to the prediction of the next one.

    Where a document names a term, the rank of its tokens is stored too: the study's filter, for any k.
    """
    from ingest.attribution.request import Target

    method = replace(_method(options), study=study)
    _run(_request("token", options, method, Target(target, cast(Any, output))))


@command.command("feature")
@shared_options
@token_options
@feature_options
@click.option("--position", type=int, help="Position read, BOS being 0.  [default: the largest, BOS left out]")
def feature(position: int | None, **options: Any) -> None:
    """How much each token of a prompt adds to the activation of a feature.

    Prompts on which no feature fires are passed over, and counted.
    """
    from ingest.attribution.request import Target

    features = _features(options)
    if not features:
        raise click.UsageError("name features: --feature 12, or --contrast NAME")
    _run(_request("feature", options, _method(options), Target(features=features, position=position)))


@command.command("logit")
@shared_options
@output_options
@feature_options
@click.option(
    "--position", type=int, help="Position, BOS being 0.  [default: where each --feature is strongest, or last]"
)
@click.option(
    "--baseline",
    type=click.Choice(["zero", "mean"]),
    default="zero",
    show_default=True,
    help="What stands for an absent feature: nothing, or its mean over the corpora.",
)
@click.option("--every-position", is_flag=True, help="Take features away at every position but BOS.")
def logit(position: int | None, target: str | None, output: str, every_position: bool, **options: Any) -> None:
    """How much each feature active at a position, and the SAE's error, adds to the prediction there.

    The SAE must read the residual stream between blocks (hook_resid_pre or hook_resid_post).
    """
    from ingest.attribution.request import Target

    features = _features(options)
    if features and position is not None:
        raise click.UsageError("--position and --feature both say where: give one")
    goal = Target(target, cast(Any, output), features, position, every_position)
    _run(_request("logit", options, _method(options), goal))


@command.command("plot")
@click.argument("atlas", type=click.Path(path_type=Path))
@click.argument("explanations", type=int, nargs=-1, required=True, metavar="EXPLANATION...")
@click.option("-o", "output", type=click.Path(path_type=Path), required=True, help="File to write: .png or .html.")
@click.option(
    "--kind",
    type=click.Choice(["text", "bar", "waterfall", "beeswarm"]),
    help="shap's plot.  [default: text into .html, waterfall into .png, beeswarm for several]",
)
def plot(atlas: Path, explanations: tuple[int, ...], output: Path, kind: str | None) -> None:
    """Draw stored explanations with shap, into a PNG or HTML file."""
    from atlas.cli.plots import draw
    from ingest.attribution.explanations import read_explanation
    from schema import open_atlas

    chosen = kind or ("text" if output.suffix.lower() == ".html" else "beeswarm" if explanations[1:] else "waterfall")
    with open_atlas(atlas, read_only=True) as opened:
        several = [read_explanation(opened, number) for number in explanations]
    draw(several, cast(Any, chosen), output)
    click.echo(f"{output}: {chosen} plot of {len(several)} explanation{'s' * (len(several) > 1)}")


def _method(options: dict[str, Any]) -> "Method":
    from ingest.attribution.request import FEATURE_PAIRS, TOKEN_PAIRS, Method

    estimator = options.get("estimator", "auto")
    pairs = options["pairs"] or (TOKEN_PAIRS if "estimator" in options else FEATURE_PAIRS)
    return Method(options["baseline"], cast(Any, estimator), pairs, options["seed"])


def _request(question: str, options: dict[str, Any], method: "Method", target: "Target") -> "ExplainRequest":
    from ingest.attribution.request import ExplainRequest
    from ingest.models.device import choose_device

    if not options["documents"] and not options["texts"]:
        raise click.UsageError("name prompts: --documents SET or --text 'A prompt'")
    return ExplainRequest(
        options["atlas"],
        cast(Any, question),
        method,
        target,
        options["documents"],
        options["texts"],
        options["limit"],
        options["sae"],
        options["model"],
        choose_device(options["device"]),
    )


def _features(options: dict[str, Any]) -> tuple[int, ...]:
    """The features named, then the first candidates of the contrast."""
    named: tuple[int, ...] = options["features"]
    if options["contrast"] is None:
        return named
    from ingest.models.names import parse_sae_name
    from queries import run_query
    from schema import open_atlas

    sae = str(parse_sae_name(options["sae"]))
    with open_atlas(options["atlas"], read_only=True) as atlas:
        values = {"contrast": options["contrast"], "sae": sae, "limit": options["best"]}
        found = run_query(atlas, "candidates", values)["feature"].to_pylist()
    return tuple(dict.fromkeys([*named, *found]))


def _run(request: "ExplainRequest") -> None:
    with counted_progress("explaining") as report:
        from ingest.jobs.explain import explain

        result = explain(request, report)
    if result.silent:
        click.echo(f"{result.silent:,} prompts passed over: nothing there to explain", err=True)
    if result.studied:
        click.echo(f"{request.atlas}: the study's rule was run on {result.studied:,} prompts")
    elif not result.new:
        click.echo(f"{request.atlas}: nothing new; all {len(result.known):,} explanations are already in it")
    if not result.new:
        return
    click.echo(
        f"{request.atlas}: {len(result.new):,} explanations ({result.new[0]} to {result.new[-1]}), "
        f"{result.evaluations:,} coalitions in {result.seconds:.1f} s; {len(result.known):,} were already in it"
    )
