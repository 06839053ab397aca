"""Names of files as text: their bytes need not be UTF-8, and then have characters that cannot be stored or printed."""

import os
from pathlib import Path


def shown_path(name: Path | str) -> str:
    """Give a path, or part of one, as text that can be stored and printed; a byte that is not UTF-8 as `\\xe9`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def is_utf8(name: Path | str) -> bool:
    """Say whether the bytes of a name are UTF-8, in which DuckDB and the atlas hold text."""
    try:
        str(name).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
