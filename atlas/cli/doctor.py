"""`atlas doctor`: what this machine can run, and whether a release is what was published."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas.cli.logs import progress_line
from atlas.cli.printed_rows import write_rows
from schema.errors import AtlasError, ModelError

if TYPE_CHECKING:
    from ingest.doctor.examination import Line

UNITS = 10
"""Of progress: there is no telling how many values are to come."""


@click.command("doctor")
@click.argument("release", required=False)
@click.option("--model", help="Model that the SAEs read, if not the one they name: a Hugging Face folder or name.")
@click.option("--device", help="Where the model runs.  [default: cuda if there is one, else cpu]")
@click.option(
    "--expected",
    type=click.Path(path_type=Path),
    help="Hold it against the values of this JSON file, not those of the package.",
)
@click.option(
    "--notebook",
    type=click.Path(path_type=Path),
    help="The study's notebook: what it printed of its prompts is held too. Its lists are read, nothing is run.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="Format.",
)
def doctor(
    release: str | None,
    model: str | None,
    device: str | None,
    expected: Path | None,
    notebook: Path | None,
    format_: str,
) -> None:
    """Say what can run here; with RELEASE, hold its model and SAEs against published values.

    RELEASE is a release of SAELens' registry such as gpt2-small-res-jb, pocket, a folder of SAELens folders, or one
    SAE of either. Every value that others have published of it stands beside what is found here; a miss is told by
    the other way to read the same files that would give it: numbers one off, BOS doubled, weights folded, another
    SAE. Exit code 0 if all values are found, 1 otherwise.
    """
    if release is None:
        if model or device or expected or notebook:
            raise click.UsageError("--model, --device, --expected and --notebook go with a RELEASE")
        from atlas.cli.machine import examine_machine

        found = examine_machine()
        click.echo(found.text)
        if found.broken:
            raise AtlasError(f"{found.broken} packages are not as required; see 'to do' above")
        return
    lines = _examined(format_, device, name=release, model=model, expected=expected, notebook=notebook)
    missed = sum(line.missed for line in lines)
    if missed:
        raise ModelError(
            f"{release}: {missed} of {len(lines)} values are not as published; what that means stands above"
        )


def _examined(format_: str, device: str | None, **asked: Any) -> list["Line"]:
    """Examine, and print the lines, what their misses mean, and what was not held."""
    import pyarrow as pa

    with progress_line() as tell:
        from ingest.doctor.examination import Line, examine_release
        from ingest.doctor.release import Asked
        from ingest.jobs.progress import Progress
        from ingest.models.weights import choose_device

        tell(Progress("loading the model"))
        found = []
        for each in examine_release(Asked(**asked, device=choose_device(device))):
            found.append(each)
            tell(Progress("examining", len(found), None, "values"))
    lines = [each for each in found if isinstance(each, Line)]
    columns = ("of", "what", "expected", "found", "apart", "verdict", "source")
    write_rows(pa.Table.from_pylist([{name: getattr(line, name) for name in columns} for line in lines]), format_, None)
    for each in found:
        if not isinstance(each, Line):
            click.echo(f"{each.of}: {each.meaning}", err=format_ != "table")
    return lines
