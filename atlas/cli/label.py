"""`atlas label`: what features are said to mean, made here or by others, and how far that is borne out."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atlas.cli.logs import progress_line
from atlas.cli.options import atlas_file
from schema import ModelError

if TYPE_CHECKING:
    from ingest.labels.asked.endpoint import Endpoint

CONTEXT = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=CONTEXT, short_help="Say what features mean, and how far that is borne out")
def command() -> None:
    """Label features, take labels that others made, and score all of them alike.

    Documents fall into two halves by group, for ever: labels are made from the one and scored on the other.
    """


sae_option = click.option(
    "--sae", "saes", multiple=True, help="SAE: as named when ingesting; repeatable.  [default: every one]"
)


@command.command("make")
@atlas_file
@sae_option
def make(atlas: Path, saes: tuple[str, ...]) -> None:
    """Label each feature that fires: what it fires on, what it comes before or after, what it is about, or says.

    Whichever tells its sentences apart best. The same documents again change nothing.
    """
    from ingest.jobs.label import LabelRequest, label

    with progress_line() as report:
        found = label(LabelRequest(atlas, saes), report)
    for each in found:
        done = (
            f"{each.labels:,} features labelled" if each.new else f"nothing new; {each.labels:,} features have labels"
        )
        click.echo(f"{atlas}: {each.sae}: {done}, {each.silent:,} never fire")


@command.command("ask")
@atlas_file
@click.option("--url", required=True, help="Base of the address of a language model: http://localhost:8080/v1")
@click.option("--model", required=True, help="The model's name there.")
@click.option("--sae", required=True, help="SAE: as named when ingesting.")
@click.option("--feature", "features", multiple=True, required=True, type=int, help="Feature to label; repeatable.")
@click.option("--key-variable", help="Environment variable that holds the key which the model asks for.")
def ask(atlas: Path, url: str, model: str, sae: str, features: tuple[int, ...], key_variable: str | None) -> None:
    """Have a language model of your choice word labels, from sentences that the features fire in.

    Sentences of ATLAS are sent to that address, which speaks OpenAI's chat
    completions, and to no other: past any proxy, and after no redirection. What it
    was asked and what it answered is stored.
    """
    from ingest.jobs.word_labels import WordLabelsRequest, word_labels

    endpoint = _endpoint(url, model, key_variable)
    with progress_line() as report:
        found = word_labels(WordLabelsRequest(atlas, sae, features, endpoint), report)
    for worded in found:
        click.echo(f"{worded.feature}: {worded.label}")


@command.command("judge")
@atlas_file
@click.option("--url", required=True, help="Base of the address of a language model: http://localhost:8080/v1")
@click.option("--model", required=True, help="The model's name there.")
@click.option("--sae", required=True, help="SAE: as named when ingesting.")
@click.option("--feature", "features", multiple=True, required=True, type=int, help="Feature to judge; repeatable.")
@click.option(
    "--wrong", type=click.IntRange(0, 20), default=0, show_default=True, help="Ask of so many wrong labels too."
)
@click.option("--key-variable", help="Environment variable that holds the key which the model asks for.")
def judge(
    atlas: Path, url: str, model: str, sae: str, features: tuple[int, ...], wrong: int, key_variable: str | None
) -> None:
    """Have a language model of your choice tell firing from silent contexts by the labels of features.

    Sentences of ATLAS are sent to that address and to no other, past any proxy and
    after no redirection: three questions a label, and three more for each wrong
    label. Its scores stand beside those by words.
    """
    from ingest.jobs.judge_labels import JudgeLabelsRequest, judge_labels

    endpoint = _endpoint(url, model, key_variable)
    with progress_line() as report:
        judged = judge_labels(JudgeLabelsRequest(atlas, sae, features, endpoint, wrong), report)
    click.echo(f"{atlas}: {judged:,} labels judged by {model}")


def _endpoint(url: str, model: str, key_variable: str | None) -> "Endpoint":
    """The model at an address, with the key that the environment holds for it."""
    from ingest.labels.asked.endpoint import Endpoint

    key = os.environ.get(key_variable) if key_variable else None
    if key_variable and not key:
        raise ModelError(f"no key: {key_variable} is not set; export it, or leave --key-variable out")
    return Endpoint(url, model, key)


@command.command("score")
@atlas_file
@sae_option
def score(atlas: Path, saes: tuple[str, ...]) -> None:
    """Score every label on documents that had no part in making labels, and wrong labels on the same contexts.

    What is scored on the same documents is not scored again. atlas query ATLAS label_quality sums it up.
    """
    from ingest.jobs.score import ScoreRequest
    from ingest.jobs.score import score as job

    with progress_line() as report:
        found = job(ScoreRequest(atlas, saes), report)
    for each in found:
        click.echo(f"{atlas}: {each.sae}: {each.scored:,} of {each.labels:,} labels scored now")


@command.command("import")
@atlas_file
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--sae", help="SAE that the labels are of, where the files do not say it: as named when ingesting.")
@click.option(
    "--neuronpedia-id",
    metavar="MODEL/SOURCE",
    help="What Neuronpedia calls that SAE, where its configuration does not say it: gpt2-small/8-res-jb.",
)
def import_(atlas: Path, files: tuple[Path, ...], sae: str | None, neuronpedia_id: str | None) -> None:
    """Store labels that others made: all of FILES, or none.

    FILES are explanations/batch-N.jsonl.gz of Neuronpedia's bulk export, in any
    order, explanations of delphi's (or their folder), or CSV with columns feature
    and label. Labels of another dictionary are refused.
    """
    from ingest.jobs.import_labels import ImportLabelsRequest, import_labels

    with progress_line() as report:
        found = import_labels(ImportLabelsRequest(atlas, files, sae, neuronpedia_id), report)
    for name, new in found.new.items():
        click.echo(f"{atlas}: {new:,} labels of {name} imported")
    if not found.new:
        click.echo(f"{atlas}: nothing new", err=True)
    if found.known:
        click.echo(f"{found.known:,} labels were in it already", err=True)
    if found.repeated:
        click.echo(f"{found.repeated:,} labels are said twice and stored once; first: {found.first_repeat}", err=True)
