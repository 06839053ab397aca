"""SQL in files beside the modules that run it."""

from collections.abc import Iterator
from importlib.resources import files


def sql_file(package: str, name: str) -> str:
    """The text of NAME.sql in the folder of a package."""
    return files(package).joinpath(f"{name}.sql").read_text(encoding="utf-8")


def split_statements(script: str) -> Iterator[str]:
    """The statements of a script in order; each but the last ends in a semicolon at the end of a line."""
    return filter(str.strip, script.split(";\n"))
