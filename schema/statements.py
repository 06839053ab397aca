"""SQL in files beside the modules that run it, and scripts of many statements."""

from collections.abc import Iterator
from importlib.resources import files


def sql_file(package: str, name: str) -> str:
    """The text of NAME.sql in the folder of a package."""
    return files(package).joinpath(f"{name}.sql").read_text(encoding="utf-8")


def split_statements(script: str) -> Iterator[str]:
    """The statements of a script in order; each but the last ends in a semicolon at the end of a line."""
    return filter(str.strip, script.split(";\n"))


def unoptimized(script: str) -> str:
    """The script without DuckDB's optimizer, for a thousand statements that only declare: a third of their time is its.

    Where one fails the connection stays without it, and is to be closed.
    """
    return f"PRAGMA disable_optimizer;\n{script.rstrip().rstrip(';')};\nPRAGMA enable_optimizer"
