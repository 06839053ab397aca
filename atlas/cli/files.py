"""`atlas backup`, `atlas compact`, `atlas verify`, `atlas remove`: an atlas copied, made smaller, checked, cut down."""

from datetime import timedelta
from pathlib import Path

import click

from atlas.cli.options import atlas_file


@click.command(short_help="Copy an atlas, also while it is being written")
@atlas_file
@click.argument("copy", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Put the new copy in place of an older one.")
def backup(atlas: Path, copy: Path, force: bool) -> None:
    """Copy ATLAS to the new file COPY, also while another process ingests into it.

    The copy holds what was committed last; an ingest waits for the moment that the files are read, and goes
    on. Every row of the copy is read and every invariant checked before it gets its name. To restore, use
    the copy as the atlas.
    """
    from schema.backup import backup as copy_file

    done = copy_file(atlas, copy, force=force)
    click.echo(f"{copy}: {done.rows:,} rows, {done.size / 1e6:,.1f} MB, read back and checked")


@click.command(short_help="Give back the room that removed rows have left")
@atlas_file
def compact(atlas: Path) -> None:
    """Write ATLAS anew, without the room that removed and replaced rows have left.

    It needs room for a second copy beside it. Every row is compared before the new file takes the place of
    the old one; killed at any moment, ATLAS is one of them, whole.
    """
    from schema.compaction import compact as write_anew

    done = write_anew(atlas)
    if done.after < done.before:
        click.echo(f"{atlas}: {done.before / 1e6:,.1f} MB before, {done.after / 1e6:,.1f} MB after")
    else:
        click.echo(f"{atlas}: {done.before / 1e6:,.1f} MB, of which none can be given back")


def _age(ctx: click.Context, parameter: click.Parameter, value: str | None) -> timedelta | None:
    from schema.freshness import parse_age

    try:
        return parse_age(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error


@click.command("verify")
@atlas_file
@click.option("--migrate", is_flag=True, help="Bring an older file to this version's schema first.")
@click.option(
    "--freshness",
    metavar="AGE",
    callback=_age,
    help="Only check that an ingest has succeeded within AGE, such as 90m, 24h or 7d.",
)
@click.option("--job", metavar="NAME", help="With --freshness: that this job of the schedule has.")
def verify(atlas: Path, migrate: bool, freshness: timedelta | None, job: str | None) -> None:
    """Check that ATLAS holds: no orphan, no duplicate, sums equal to what the rows give, versions.

    With --freshness only the time of the last successful ingest is looked at,
    which takes no longer in a large atlas: a check for monitoring. An atlas
    that is being written to at the moment is fresh.

    Exit code 0 if every invariant holds, 1 otherwise.
    """
    if freshness is not None:
        from schema.freshness import check_fresh

        click.echo(check_fresh(atlas, freshness, job))
        return
    if job is not None:
        raise click.UsageError("--job goes with --freshness AGE")
    _check_invariants(atlas, migrate)


def _check_invariants(atlas: Path, migrate: bool) -> None:
    from schema import AtlasDamagedError, open_atlas
    from schema.finite_numbers import finite_advice
    from schema.verify import verify as findings

    broken = 0
    with open_atlas(atlas, read_only=not migrate) as opened:
        for finding in findings(opened):
            click.echo(
                f"{'ok    ' if not finding.violations else 'BROKEN'}  {finding.invariant}{_count(finding.violations)}"
            )
            broken += bool(finding.violations)
        mended_by = finite_advice(opened.rows, opened.path) if broken else None
    if mended_by:
        raise AtlasDamagedError(mended_by)
    if broken:
        raise AtlasDamagedError(
            f"{atlas}: {broken} invariants do not hold; restore a backup, or ingest into a new file"
        )
    click.echo(f"{atlas} holds")


def _count(violations: int) -> str:
    return f" ({violations:,} violations)" if violations else ""


@click.command("remove")
@atlas_file
@click.option(
    "--corpus",
    help="What to remove: medical/medical, control for all of a source, domain=law, term=asthma.",
)
@click.option("--sae", help="SAE to remove, spelled as queries do: RELEASE/SAE_ID, or with @HASH for an older one.")
def remove(atlas: Path, corpus: str | None, sae: str | None) -> None:
    """Remove a corpus or an SAE from ATLAS with its activations and statistics.

    What remains is what an ingest without it gives; with an SAE the texts
    stay. Contrasts are computed again; one that is left without documents on a
    side, or without an SAE, is dropped. Killed, the same command finishes it.
    """
    if (corpus is None) == (sae is None):
        raise click.UsageError("name what to remove: --corpus CORPUS or --sae SAE")
    from ingest.jobs.remove import RemoveRequest
    from ingest.jobs.remove import remove as take_out

    removed = take_out(RemoveRequest(atlas, corpus, sae))
    if removed.finished:
        what = f"what an earlier command had left undone is done; there is no corpus {corpus}"
    elif removed.sae is not None:
        what = f"{removed.sae} removed"
    else:
        again = f"; computed again, or dropped: {', '.join(removed.recomputed)}" if removed.recomputed else ""
        what = f"{removed.documents:,} documents of {corpus} removed{again}"
    click.echo(f"{atlas}: {what}")
