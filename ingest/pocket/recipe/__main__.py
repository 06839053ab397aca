"""`python -m ingest.pocket.recipe`: everything from the text to the release folder, one stage after another.

A stage whose result lies in the folder is not run again, and a stage that was interrupted continues from its
checkpoint, so that the same command finishes what was begun.
"""

from __future__ import annotations

import logging
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ingest.pocket.recipe.budget import Budget


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--train", multiple=True, required=True, help="Glob of training files, .jsonl or .jsonl.gz; repeatable.")
@click.option("--valid", required=True, help="Validation file for the figures of the model card.")
@click.option(
    "--works",
    default=20,
    show_default=True,
    help="Works of each domain to hold out at least, taken out of the training files where --valid has fewer.",
)
@click.option("--titles", help="Table of source, id and title of single works, for the attribution that is written.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of checkpoints and of the release.")
@click.option("--judge", is_flag=True, help="Train nothing: renew the figures in the card of the release in --out.")
@click.option("--tokens", type=int, help="Tokens the language model is trained on.")
@click.option("--minutes", type=float, help="Wall time the language model is trained for; the sooner limit counts.")
@click.option("--sae-tokens", type=int, help="Activations each sparse autoencoder is trained on.")
@click.option("--sae-minutes", type=float, help="Wall time the autoencoders are trained for, all together.")
@click.option(
    "--hook", "hooks", multiple=True, type=int, default=(1, 3, 5), help="Block whose input is read; repeatable."
)
@click.option("--k", default=32.0, show_default=True, help="Mean number of active features a token (BatchTopK).")
@click.option("--d-sae", default=4096, show_default=True, help="Features of each autoencoder.")
@click.option("--width", "widths", multiple=True, type=int, help="Inner width of a Matryoshka autoencoder; repeatable.")
@click.option(
    "--balance",
    default=1.0,
    show_default=True,
    help="Power of a domain's share of the text that the autoencoders are trained on: 1 as it is, 0 all equal.",
)
@click.option(
    "--ridge",
    default=10.0,
    show_default=True,
    help="How far directions that activations share are left in at the start, in mean variances.",
)
@click.option(
    "--most-density",
    default=1.0,
    show_default=True,
    help="Largest share of the tokens that a feature fires on; one that fires on more gets a higher threshold.",
)
@click.option(
    "--downstream",
    default=0.0,
    show_default=True,
    help="Share of the autoencoders' budget, its last part, in which the model's predictions are asked for too.",
)
@click.option("--trial-tokens", type=int, help="Try other autoencoders first, on so many activations each.")
@click.option("--batch", default=32, show_default=True, help="Windows a step of the language model.")
@click.option("--seed", default=0, show_default=True, help="Seed of initial weights and of the order of windows.")
@click.option("--threads", default=1, show_default=True, help="Cores to share the work between, without CUDA.")
def main(  # noqa: PLR0913 - one parameter an option, as click wants it
    *,
    train: tuple[str, ...],
    valid: str,
    works: int,
    titles: str | None,
    out: Path,
    judge: bool,
    tokens: int | None,
    minutes: float | None,
    sae_tokens: int | None,
    sae_minutes: float | None,
    hooks: tuple[int, ...],
    k: float,
    d_sae: int,
    widths: tuple[int, ...],
    balance: float,
    ridge: float,
    most_density: float,
    downstream: float,
    trial_tokens: int | None,
    batch: int,
    seed: int,
    threads: int,
) -> None:
    """Train the embedded model: tokenizer, GPT-2, sparse autoencoders, and the figures of its model card."""
    import torch  # all of these here, so that --help takes no seconds

    from ingest.pocket.recipe.budget import Budget, Workers
    from ingest.pocket.recipe.pipeline import Recipe, Source, judge_trained_release, run_recipe
    from ingest.pocket.recipe.sae_trainers import SAEConfig
    from ingest.pocket.recipe.train import LanguageModelConfig

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")
    source = Source(train, valid, titles, _without_folders(sys.argv[1:]), works)
    if judge:
        judge_trained_release(source, out, Workers(threads))
        return
    recipe = Recipe(
        source=source,
        budget=_budget(tokens, minutes, "--tokens or --minutes"),
        sae_budget=_budget(sae_tokens, sae_minutes, "--sae-tokens or --sae-minutes"),
        model=replace(LanguageModelConfig(), batch=batch),
        trials=None if trial_tokens is None else Budget(trial_tokens),
        sae=SAEConfig(
            blocks=hooks,
            k=k,
            d_sae=d_sae,
            widths=widths,
            balance=balance,
            ridge=ridge,
            most_density=most_density,
            downstream=downstream,
        ),
        seed=seed,
        threads=threads,
    )
    torch.set_flush_denormal(True)
    try:
        run_recipe(recipe, out)
    finally:
        torch.set_flush_denormal(False)


def _without_folders(arguments: list[str]) -> str:
    """The command as the model card shows it: files by their names, for folders differ from machine to machine."""
    return shlex.join(Path(argument).name if "/" in argument else argument for argument in arguments)


def _budget(tokens: int | None, minutes: float | None, options: str) -> Budget:
    from ingest.pocket.recipe.budget import Budget

    if tokens is None and minutes is None:
        raise click.UsageError(f"say how long to train: give {options}")
    return Budget(tokens, None if minutes is None else 60.0 * minutes)


if __name__ == "__main__":
    main()
