"""An atlas file without a row, made once a process: its thousand comments take longer to write than most tests do."""

import tempfile
from functools import cache
from pathlib import Path

from schema import open_atlas
from tests.temporary_files import small_blocks


@cache
def _made() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = small_blocks(Path(folder) / "atlas.duckdb")
        open_atlas(path, create=True).close()
        return path.read_bytes()


def write_empty_atlas(path: Path) -> Path:
    """Write what `open_atlas` makes of a new path; the path."""
    path.write_bytes(_made())
    return path
