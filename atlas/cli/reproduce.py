"""`atlas reproduce`: the study run again, as it was printed beside what it printed, and as corrected."""

import json
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pyarrow as pa

from atlas.cli.logs import progress_line
from atlas.cli.options import atlas_file, name_callback, reader_options, shuffles_option
from atlas.cli.printed_rows import FORMATS, align_columns, check_output, format_of_output, write_rows
from atlas.publish.snapshot_facts import EMBEDDED_NOTE
from ingest.models.names import POCKET
from ingest.reproduction.lists import CONTROL, POSITIVE, PROMPTS, Notebook
from ingest.reproduction.printed import LOADED, MEASURED
from queries import run_query
from queries.formats import TEXTS
from schema import open_atlas

if TYPE_CHECKING:
    from ingest.jobs.reader import Reader
    from schema.store import Atlas

PARTS = {
    "summary": "reproductions",
    "list": "reproduced_list",
    "number": "reproduced_number",
    "faults": "reproduced_faults",
}
"""What is printed, and the saved query that gives it."""
LISTED = {
    "place": "place",
    "printed_number": "printed",
    "printed_difference": "difference",
    "printed_here": "computed",
    "number": "number",
    "study_difference": "difference here",
    "auroc": "AUROC",
    "q": "q",
    "corrected_feature": "feature",
    "corrected_auroc": "AUROC corrected",
    "corrected_q": "q corrected",
    "corrected_p_length": "p of like length",
    "matched_share": "share of pairs",
    "matched_q": "q of pairs",
}
"""The columns of the list that people are shown, and their heads."""
COMPARED = ("reading", "sae", "feature", "study_positive", "study_control", "place", "auroc", "q")
SAID = {1: "the data show it", 0: "the data do not show it", None: "not told"}
WIDTH, INDENT = 112, " " * 4


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@atlas_file
@reader_options(
    "The SAE that the study measured, then the one that it loaded in its place.", several=True, saes=(MEASURED, LOADED)
)
@click.option(
    "--name", default="study", show_default=True, callback=name_callback, help="Name of the contrast and its corpora."
)
@click.option("--positive", default=POSITIVE, show_default=True, help="The list of prompts that name the concept.")
@click.option("--control", default=CONTROL, show_default=True, help="The list of prompts to compare with.")
@click.option("--prompts", help=f"The list that the study's filter was given.  [default: {PROMPTS}, if there is one]")
@click.option(
    "--printed",
    type=click.Path(path_type=Path),
    help=f"Printed figures to hold against, a CSV as the study's table.  [default: the study's, for {MEASURED}]",
)
@click.option(
    "--number", type=click.IntRange(min=1), help="Printed number whose four features are shown.  [default: the study's]"
)
@click.option("--matched/--no-matched", default=True, help="Compare the bundled sentences, half of them in pairs, too.")
@click.option("--filter/--no-filter", "filtered", default=True, help="Run the study's filter of prompts too (slow).")
@shuffles_option("Compute the contrasts under N shuffles of the labels too, for the family-wise p.")
@click.option("--part", type=click.Choice(list(PARTS)), help="Print this part alone.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="How it is written; default: what the name of -o FILE ends in, or text on stdout. A CSV is of one part.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write; default: stdout.")
def command(
    notebook: Path,
    atlas: Path,
    reader: "Reader",
    name: str,
    positive: str,
    control: str,
    prompts: str | None,
    printed: Path | None,
    number: int | None,
    matched: bool,
    filtered: bool,
    shuffles: int,
    part: str | None,
    format_: str | None,
    output: Path | None,
) -> None:
    """Run the study of NOTEBOOK again in ATLAS: as it was printed, and as corrected.

    Reads its lists of prompts as literals and executes nothing. The method as
    printed (numbers from one, BOS counted, means of means, the forty largest
    differences within two standard deviations) stands beside the printed figures,
    and beside what replaces it. Then the features that share the printed number,
    and what the data say of each fault. Run again, it prints what is stored.
    """
    check_output(output, {"atlas": atlas, "notebook": notebook, "printed figures": printed})
    format_ = format_ or format_of_output(output)
    if format_ not in ("table", "json") and part is None:
        part = "list"
    with progress_line() as report:
        from ingest.jobs.reproduce import ReproduceRequest, reproduce

        lists = Notebook(notebook, positive, control, prompts)
        request = ReproduceRequest(atlas, lists, name, reader, printed, number, matched, filtered, shuffles)
        found = reproduce(request, report)
    if found.known:
        click.echo(f"{atlas}: nothing new; the reproduction {name} stands as it was", err=True)
    with open_atlas(atlas, read_only=True) as opened:
        asked = {"contrast": found.contrast, "sae": found.sae}
        print_reproduction(opened, asked, [part] if part else list(PARTS), format_, output)


def print_reproduction(
    atlas: "Atlas", asked: Mapping[str, str], parts: list[str], format_: str, output: Path | None
) -> None:
    """Write parts of what is stored: as text for people, in JSON an object of them, elsewhere the rows of the one.

    `asked`: the contrast and the SAE, as saved queries take them.
    """
    rows = {part: run_query(atlas, PARTS[part], asked) for part in parts}
    if format_ == "table":
        text = "\n".join(_TOLD[part](table) for part, table in rows.items())
        write_rows(pa.table({}), "table", output, text)
    elif len(parts) == 1:
        write_rows(rows[parts[0]], format_, output)
    else:
        every = {part: json.loads(TEXTS["json"](table)) for part, table in rows.items()}
        write_rows(pa.table({}), "table", output, json.dumps(every, indent=1, ensure_ascii=False) + "\n")


def _summary(rows: pa.Table) -> str:
    """What was run, and how far the printed figures are met."""
    row = rows.to_pylist()[0]
    told = [
        f"{row['notebook']}: {row['prompts_positive']:,} prompts against {row['prompts_control']:,}",
        f"measured: {row['sae']}; loaded in its place: {row['loaded_sae']}",
        f"the study's processing of the model moves a mean by {row['processing_difference']:.2g} at most",
    ]
    if row["printed_rows"] is None:
        told.append(f"nothing printed is of {row['sae']}: see --printed")
    else:
        rho = row["rank_correlation"]
        places = "" if rho is None else f", rank correlation of places {rho:.3f}"
        deviation = row["largest_deviation"]
        told.append(
            f"of {row['printed_rows']:,} printed features {row['printed_shared']:,} are listed here, "
            f"{row['printed_in_place']:,} at the same place{places}"
            + ("" if deviation is None else f"; the largest deviation of a printed figure is {deviation:.2g}")
        )
    if row["sae"].startswith(f"{POCKET}/"):
        told.append(EMBEDDED_NOTE)
    return "".join(f"{line}\n" for line in told)


def _list(rows: pa.Table) -> str:
    """The list as printed, as it comes out here, and as corrected."""
    chosen = [column for column in LISTED if rows[column].null_count < len(rows)]
    return "As printed and as corrected\n\n" + align_columns(
        rows.select(chosen).rename_columns([LISTED[c] for c in chosen])
    )


def _number(rows: pa.Table) -> str:
    """The features that share a printed number."""
    return "The features that share the number\n\n" + align_columns(rows.select(COMPARED))


def _faults(rows: pa.Table) -> str:
    """Each fault, and what the data say of it."""
    lines = []
    for row in rows.to_pylist():
        lines.append(f"{row['fault']:>2}. {row['name']}: {SAID[row['shown']]}")
        lines += textwrap.wrap(row["finding"], WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
    return "What the data say of the study's faults\n\n" + "\n".join(lines) + "\n"


_TOLD: dict[str, Callable[[pa.Table], str]] = {
    "summary": _summary,
    "list": _list,
    "number": _number,
    "faults": _faults,
}
