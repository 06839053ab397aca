"""`atlas verify`: check the invariants of an atlas file."""

from pathlib import Path

import click


@click.command()
@click.argument("atlas", type=click.Path(path_type=Path))
@click.option("--migrate", is_flag=True, help="Bring an older file to this version's schema first.")
def command(atlas: Path, migrate: bool) -> None:
    """Check that ATLAS holds: no orphan, no duplicate, sums equal to what the rows give, versions.

    Exit code 0 if every invariant holds, 1 otherwise.
    """
    from schema import AtlasDamagedError, open_atlas
    from schema.verify import verify

    broken = 0
    with open_atlas(atlas, read_only=not migrate) as opened:
        for finding in verify(opened):
            click.echo(
                f"{'ok    ' if not finding.violations else 'BROKEN'}  {finding.invariant}{_count(finding.violations)}"
            )
            broken += bool(finding.violations)
    if broken:
        raise AtlasDamagedError(
            f"{atlas}: {broken} invariants do not hold; restore a backup, or ingest into a new file"
        )
    click.echo(f"{atlas} holds")


def _count(violations: int) -> str:
    return f" ({violations:,} violations)" if violations else ""
