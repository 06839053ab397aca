"""`atlas contrast`: compare two sets of documents, feature by feature, and say how many features pass each test."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from atlas.cli.logs import progress_line
from atlas.cli.options import atlas_file, shuffles_option
from queries import find_query, run_query
from queries.parameters import Value
from schema import Atlas, open_atlas

if TYPE_CHECKING:
    from ingest.jobs.association import AssociationRequest
    from ingest.jobs.contrast import ContrastRequest

FUNNEL = "funnel"
LISTS = "monosemantic"
"""The saved query whose tests the funnel counts."""

SHORT = {
    "fire": "fire",
    "tested": "tested",
    "at_q": "at q",
    "found": "found on one half",
    "confirmed": "confirmed on the other",
    "against_each": "against every control domain",
    "rare": "rare elsewhere",
    "own_words": "on words of the positive side",
    "words": "not one token",
    "terms": "on enough marked terms",
}


@click.command()
@atlas_file
@click.argument("name")
@click.option(
    "--positive",
    multiple=True,
    metavar="SET",
    help="Documents of the concept: a corpus, domain=D or term=T; repeatable.",
)
@click.option("--control", multiple=True, metavar="SET", help="Documents to compare with; repeatable.")
@click.option(
    "--target", metavar="FIELD", help="Instead of two sides: a number of each document, kept by ingest --field."
)
@click.option("--corpus", "corpora", multiple=True, metavar="SET", help="Whose documents --target asks of; repeatable.")
@click.option(
    "--class",
    "classes",
    multiple=True,
    metavar="SET",
    help="Instead of two sides: a class of documents, such as domain=law; two or more of them.",
)
@click.option(
    "--unit",
    type=click.Choice(["document", "window"]),
    help="Maximum over a document, or over one window of it.  [default: document if each is one window]",
)
@shuffles_option(
    "Compute it under N shuffles of the labels too: what is found by chance, and the family-wise p. Never fewer than "
    "are stored."
)
def command(
    atlas: Path,
    name: str,
    positive: tuple[str, ...],
    control: tuple[str, ...],
    target: str | None,
    corpora: tuple[str, ...],
    classes: tuple[str, ...],
    unit: str | None,
    shuffles: int,
) -> None:
    """Compute contrast NAME in ATLAS for every SAE that has encoded its documents.

    It asks one thing: which features tell --positive from --control, which go
    with a number of the documents (--target), or which differ between classes
    (--class). A SET is a corpus (medical/medical), every corpus of a source
    (control), domain=law or term=diabetes. The same documents again change
    nothing, unless more shuffles are asked for.
    """
    if not name.strip():
        raise click.UsageError("a contrast needs a name, such as medical")
    _check_asked(bool(positive), bool(control), target is not None, bool(corpora), len(classes))
    from ingest.contrasts.scores import Unit
    from ingest.contrasts.words import concept_found_in_words, contrast_comparison_in_words
    from ingest.jobs.association import AssociationRequest
    from ingest.jobs.contrast import ContrastRequest, contrast_into

    if target is not None or classes:
        _associate(AssociationRequest(atlas, name, target, corpora or classes, cast(Unit | None, unit), shuffles))
        return

    with progress_line() as report, open_atlas(atlas) as opened:
        request = ContrastRequest(atlas, name, positive, control, cast(Unit | None, unit), shuffles)
        computed = contrast_into(opened, request, report)
        compared = contrast_comparison_in_words(opened, name)
        told = [*funnel_lines(opened, {"contrast": name}), *concept_found_in_words(opened, name)]
    _tell(request, computed, [*compared, *told])


def funnel_lines(atlas: Atlas, values: Mapping[str, Value]) -> list[str]:
    """A line for each SAE, from the values of `monosemantic`.

    Raises:
        QueryError, SelectionError: see `run_query`.
    """
    known = {parameter.name for parameter in find_query(FUNNEL).parameters}
    rows = run_query(atlas, FUNNEL, {name: value for name, value in values.items() if name in known}).to_pylist()
    told = ((str(row["sae"]), f"{row['features']:,} {SHORT[row['test']]}") for row in rows)
    return [f"{sae}: {', '.join(step for _, step in steps)}" for sae, steps in groupby(told, key=lambda step: step[0])]


def _check_asked(positive: bool, control: bool, target: bool, corpora: bool, classes: int) -> None:
    """Refuse options that ask two things, or half of one."""
    if target or classes or corpora:
        if positive or control or (target and classes) or (corpora and not target):
            raise click.UsageError(
                "ask one thing: --positive with --control, --target with or without --corpus, or --class twice or more"
            )
        if not target and classes < 2:
            raise click.UsageError("one class has nothing to differ from; repeat --class")
    for given, option in ((positive, "--positive"), (control, "--control")):
        if not given and not target and not classes:
            raise click.MissingParameter(param_hint=f"'{option}'", param_type="option")


def _associate(request: "AssociationRequest") -> None:
    """Compute what goes with a number, or differs between classes, and say what was compared."""
    from ingest.contrasts.words import association_lines
    from ingest.jobs.association import association_into

    with progress_line() as report, open_atlas(request.atlas) as opened:
        computed = association_into(opened, request, report)
        lines = association_lines(opened, request.name)
    _tell(request, computed, lines)


def _tell(request: "AssociationRequest | ContrastRequest", computed: Sequence[str], lines: Sequence[str]) -> None:
    if computed:
        click.echo(f"{request.atlas}: contrast {request.name} computed for {', '.join(computed)}")
    else:
        click.echo(f"{request.atlas}: nothing new; contrast {request.name} stands as it was", err=True)
    for line in lines:
        click.echo(line, err=True)
