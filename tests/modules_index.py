"""What the README of each package shows of its rooms: every module in a line, as the docstrings begin."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def index(package: str) -> str:
    """The rooms of a package in their order on disk, each with a list of its modules."""
    return "\n".join(_room(ROOT / package))


def _room(folder: Path) -> Iterator[str]:
    modules = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    yield f"**`{folder.relative_to(ROOT)}`** {_first_line(folder / '__init__.py')}\n"
    yield from (f"- `{path.stem}`: {_first_line(path)}" for path in modules)
    if modules:
        yield ""
    for inner in sorted(path.parent for path in folder.glob("*/__init__.py")):
        yield from _room(inner)


def _first_line(module: Path) -> str:
    """The first paragraph of a module's docstring, on one line."""
    told = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return " ".join(told.split("\n\n", 1)[0].split())
