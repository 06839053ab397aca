"""`atlas verify`: check the invariants of an atlas file, or how fresh it is."""

from datetime import timedelta
from pathlib import Path

import click


def _age(ctx: click.Context, parameter: click.Parameter, value: str | None) -> timedelta | None:
    from schema.freshness import parse_age

    try:
        return parse_age(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error


@click.command()
@click.argument("atlas", type=click.Path(path_type=Path))
@click.option("--migrate", is_flag=True, help="Bring an older file to this version's schema first.")
@click.option(
    "--freshness",
    metavar="AGE",
    callback=_age,
    help="Only check that an ingest has succeeded within AGE, such as 90m, 24h or 7d.",
)
@click.option("--job", metavar="NAME", help="With --freshness: that this job of the schedule has.")
def command(atlas: Path, migrate: bool, freshness: timedelta | None, job: str | None) -> None:
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
    from schema.finite import advice
    from schema.verify import verify

    broken = 0
    with open_atlas(atlas, read_only=not migrate) as opened:
        for finding in verify(opened):
            click.echo(
                f"{'ok    ' if not finding.violations else 'BROKEN'}  {finding.invariant}{_count(finding.violations)}"
            )
            broken += bool(finding.violations)
        mended_by = advice(opened) if broken else None
    if mended_by:
        raise AtlasDamagedError(mended_by)
    if broken:
        raise AtlasDamagedError(
            f"{atlas}: {broken} invariants do not hold; restore a backup, or ingest into a new file"
        )
    click.echo(f"{atlas} holds")


def _count(violations: int) -> str:
    return f" ({violations:,} violations)" if violations else ""
