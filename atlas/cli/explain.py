"""`atlas explain`: Shapley values of tokens and of features."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from atlas.cli.logs import progress_line
from atlas.cli.options import Command, atlas_file, chosen_features, feature_options, prompt_options, reader_options
from atlas.cli.plots import plot

if TYPE_CHECKING:
    from ingest.attribution.answers import Question
    from ingest.jobs.explain import ExplainResult

CONTEXT = {"help_option_names": ["-h", "--help"]}


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
            atlas_file,
            prompt_options("Explain this many windows of documents at most."),
            reader_options("SAE, which also says which model."),
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
    """--target and --output: which prediction is explained, and in which unit."""
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
    """--baseline and --estimator: what stands for a hidden token, and how values are found."""
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


@command.command("token")
@shared_options
@output_options
@token_options
@click.option("--study", is_flag=True, help="Run the study's own filter beside, as it ran (slow); also later.")
def token(target: str | None, output: str, study: bool, **options: Any) -> None:
    """How much each token of a prompt adds to the prediction of the next one.

    Where a document names a term, the rank of its tokens is stored too: the study's filter, for any k.
    """
    from ingest.attribution.questions import TokenQuestion

    _explain(TokenQuestion(target, cast(Any, output), baseline=options["baseline"], study=study), options)


@command.command("feature")
@shared_options
@token_options
@feature_options
@click.option("--position", type=int, help="Position read, BOS being 0.  [default: the largest, BOS left out]")
def feature(position: int | None, **options: Any) -> None:
    """How much each token of a prompt adds to the activation of a feature.

    Prompts on which no feature fires are passed over, and counted.
    """
    from ingest.attribution.questions import FeatureQuestion

    features = chosen_features(options["atlas"], options)
    if not features:
        raise click.UsageError("name features: --feature 12, or --contrast NAME")
    _explain(FeatureQuestion(features, position, options["baseline"]), options)


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
    from ingest.attribution.questions import LogitQuestion

    features = chosen_features(options["atlas"], options)
    if features and position is not None:
        raise click.UsageError("--position and --feature both say where: give one")
    goal = LogitQuestion(target, cast(Any, output), features, position, every_position, options["baseline"])
    _explain(goal, options)


def _explain(question: "Question[Any]", options: dict[str, Any]) -> None:
    """Ask a question of the prompts that the options name, and say what came of it."""
    if not options["documents"] and not options["texts"]:
        raise click.UsageError("name prompts: --documents SET or --text 'A prompt'")
    with progress_line() as report:
        from ingest.attribution.shapley import Method
        from ingest.jobs.explain import ExplainRequest, explain

        request = ExplainRequest(
            options["atlas"],
            question,
            Method(options.get("estimator", "auto"), options["pairs"] or question.pairs, options["seed"]),
            options["documents"],
            options["texts"],
            options["limit"],
            options["reader"],
        )
        result = explain(request, report)
    _tell(request.atlas, result)


def _tell(atlas: Path, result: "ExplainResult") -> None:
    if result.silent:
        click.echo(f"{result.silent:,} prompts passed over: nothing there to explain", err=True)
    if result.studied:
        click.echo(f"{atlas}: the study's rule was run on {result.studied:,} prompts")
    elif not result.new:
        click.echo(f"{atlas}: nothing new; all {len(result.known):,} explanations are already in it")
    if not result.new:
        return
    click.echo(
        f"{atlas}: {len(result.new):,} explanations ({result.new[0]} to {result.new[-1]}), "
        f"{result.evaluations:,} coalitions in {result.seconds:.1f} s; {len(result.known):,} were already in it"
    )


command.add_command(plot)
