"""An older atlas of many rows, opened by this version: seconds of processors, memory, and the room of the copy kept.

    python -m tests.bench.bench_migration [--rows N] [--version N]

`atlas verify --migrate` brings the file up, then holds every invariant; `atlas verify` again shows what that takes.
"""

import argparse
import tempfile
from pathlib import Path

from schema.migrations import MIGRATIONS
from tests.bench.bench_contrast import fill
from tests.bench.bench_memory import used_by
from tests.bench.served_atlas import ROWS_A_DOCUMENT
from tests.made.older_atlas import build_older_atlas

ROWS, D_SAE = 40_000_000, 24_576
VERSION = 2
"""The last version before documents had groups and sums were centred."""


def main() -> None:
    """Build, migrate, verify again; a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="about so many activations")
    parser.add_argument("--version", type=int, default=VERSION, help="the version of the file that is migrated")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "today.duckdb", -(-asked.rows // ROWS_A_DOCUMENT), D_SAE)
        sides = ["--positive", "domain=topic", "--control", "domain=domain0"]
        used_by(["contrast", str(folder / "today.duckdb"), "sides", *sides])
        older = folder / "older.duckdb"
        build_older_atlas(folder / "today.duckdb", older, asked.version)
        print(
            f"an atlas of version {asked.version} with {asked.rows:,} activations: {older.stat().st_size / 1e6:,.0f} MB"
        )
        for arguments in (["verify", "--migrate", str(older)], ["verify", str(older)]):
            print(f"atlas {' '.join(arguments[:-1])}: {used_by(arguments)}")
        kept = sum(path.stat().st_size for path in folder.glob("older.v*"))
        print(
            f"now version {len(MIGRATIONS)}: {older.stat().st_size / 1e6:,.0f} MB; the copy kept: {kept / 1e6:,.0f} MB"
        )


if __name__ == "__main__":
    main()
