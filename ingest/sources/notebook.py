"""A list of a Jupyter notebook, `notebook.ipynb:NAME`: read as a literal, never executed.

The last assignment to the name counts, as it would where the cells ran from top to bottom; a name that
is changed after it, or computed, has no value that could be read off. A change that the cell does not spell,
such as by a function that the list is given to, is not seen.
"""

import ast
import difflib
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ingest.sources.document import Fault, Row
from ingest.sources.file_formats import Input, Kind
from schema.errors import SourceError
from schema.file_names import shown_path

_SPELLING = re.compile(r"(?P<path>.+\.ipynb)(?::(?P<name>.*))?", re.DOTALL | re.IGNORECASE)
_MAGIC = re.compile(r"(?P<indent>\s*)(?:(?P<names>[\w., ]+=\s*)[%!].*|[%!?].*|.*\?\s*)")
_CELL_MAGIC = re.compile(r"\s*%%(?!(time|timeit|capture|prun)\b)")
_LINE_END = re.compile(r"\r\n|\r|\n")
_CHANGES = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"}
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What Python's parser raises at text that is no Python, or too deep to be read."""


@dataclass(frozen=True)
class Change:
    """A statement that gives a name a value, or changes it: the cell, from 1, and the value if it is a plain one."""

    cell: int
    line: int
    value: ast.expr | None


def matches(source: str) -> bool:
    """Say whether a source is spelled as a notebook."""
    return _SPELLING.fullmatch(source) is not None


def stem(source: str) -> str:
    """Give the name of the list.

    Raises: SourceError where there is no such notebook, or no list is named.
    """
    return _parts(source)[1]


def place(source: str) -> Path:
    """Give the folder of the notebook."""
    return _parts(source)[0].parent


def inputs(source: str) -> Iterator[Input]:
    """Give the one list."""
    path, name = _parts(source)
    label = f"{shown_path(path)}:{name}"
    yield Input(label, f"{shown_path(Path(path.name))}:{name}", partial(_rows, _texts(path, name, label)))


NOTEBOOK = Kind(matches, stem, inputs, place)


def _parts(source: str) -> tuple[Path, str]:
    spelled = _SPELLING.fullmatch(source)
    assert spelled
    path, name = Path(spelled["path"]).expanduser(), shown_path(spelled["name"] or "")
    if not path.is_file():
        raise SourceError(f"{shown_path(path)}: there is no such notebook; check the path")
    if not name:
        lists = [known for known in _changes(_cells(path)) if _is_list(path, known)]
        found = f"it has {', '.join(lists[:8])}" if lists else "it has none that can be read"
        raise SourceError(f"{shown_path(path)}: name a list of strings in it, as {shown_path(path)}:NAME; {found}")
    return path, name


def _is_list(path: Path, name: str) -> bool:
    try:
        return bool(_texts(path, name, ""))
    except SourceError:
        return False


def _rows(texts: list[str]) -> Iterator[Row | Fault]:
    return (Row(number, {"text": text}) for number, text in enumerate(texts, start=1))


def _texts(path: Path, name: str, label: str) -> list[str]:
    """Read a list's texts off the notebook.

    Raises: SourceError where the name is not assigned, or not to a plain list of strings.
    """
    changes = _changes(_cells(path))
    if name not in changes:
        near = difflib.get_close_matches(name, changes) or sorted(changes)[:8]
        known = f"; it assigns {', '.join(near)}" if near else ""
        raise SourceError(f"{label}: no code cell assigns {name}{known}")
    last = changes[name][-1]
    where = f"{label}: cell {last.cell}, line {last.line}"
    if last.value is None:
        raise SourceError(f"{where} changes {name}, and notebooks are not run; assign the whole list in one statement")
    try:
        value = ast.literal_eval(last.value)
    except _UNREADABLE as error:
        raise SourceError(
            f"{where} computes {name}, and notebooks are not run; write the list out, or export it to .jsonl"
        ) from error
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise SourceError(f"{where} makes {name} {_kind(value)}, not a list of strings; choose another name")
    return list(value)


def _kind(value: object) -> str:
    if not isinstance(value, list | tuple):
        return f"of type {type(value).__name__}"
    other = next(place for place, item in enumerate(value) if not isinstance(item, str))
    return f"a list whose item {other + 1} is of type {type(value[other]).__name__}"


def _cells(path: Path) -> list[str]:
    """Read the source of each cell; of one that is no Python, nothing.

    Raises: SourceError where the file is no notebook.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
        sheets = notebook.get("worksheets") or [notebook]
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
        sources = (cell.get("source", cell.get("input", "")) for cell in cells)
        kinds = (cell["cell_type"] for cell in cells)
        return [_source(lines) if kind == "code" else "" for lines, kind in zip(sources, kinds, strict=True)]
    except OSError as error:
        raise SourceError(f"{shown_path(path)}: cannot be read ({error.strerror}); check its permissions") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(
            f"{shown_path(path)}: not a Jupyter notebook; give an .ipynb file that Jupyter opens"
        ) from error


def _source(lines: str | list[str]) -> str:
    """Join a cell's lines: `source`, which was `input` in notebooks of version 3, is a text or a list of lines."""
    return lines if isinstance(lines, str) else "".join(lines)


def _changes(cells: list[str]) -> dict[str, list[Change]]:
    """Find what is done to each name, in order; names inside functions and classes are others."""
    found: dict[str, list[Change]] = {}
    for number, source in enumerate(cells, start=1):
        for statement in _statements(source):
            for name, value in _targets(statement):
                found.setdefault(name, []).append(Change(number, getattr(statement, "lineno", 1), value))
    return {name: changes for name, changes in found.items() if any(change.value for change in changes)}


def _statements(source: str) -> Iterator[ast.AST]:
    """Give every node of a cell in the order of its lines, without looking into functions and classes."""
    waiting: list[ast.AST] = list(reversed(_parsed(source).body))
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(_parts_of(node))))


def _parts_of(node: ast.AST) -> Iterator[ast.AST]:
    """Give the nodes in a node, but for the names that are others inside, and those that it assigns one value."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return
    apart: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        apart = [target for target in node.targets if isinstance(target, ast.Name)]
    elif isinstance(node, ast.comprehension) or (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
        apart = [node.target]
    yield from (part for part in ast.iter_child_nodes(node) if part not in apart)


def _parsed(source: str) -> ast.Module:
    """Parse a cell, without the magic lines that keep it from being Python; what is no Python at all is empty."""
    if _CELL_MAGIC.match(source):
        return ast.Module([], [])
    lines = _LINE_END.split(source)
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse("\n".join(lines))
        except SyntaxError as error:
            if not _without_magic(lines, error.lineno or 0):
                return ast.Module([], [])
        except _UNREADABLE:
            return ast.Module([], [])


def _without_magic(lines: list[str], number: int) -> bool:
    """Put Python in place of the magic line of that number; false where it is none, or there is none."""
    magic = _MAGIC.fullmatch(lines[number - 1]) if 0 < number <= len(lines) else None
    if magic is None:
        return False
    lines[number - 1] = magic["indent"] + (f"{magic['names']} computed()" if magic["names"] else "pass")
    return True


def _targets(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Name what a node assigns, with the value where it can be read off, and what it changes otherwise."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
        yield node.target.id, node.value
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        yield node.id, None
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, None
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0], None
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
        yield from ((changed.id, None) for changed in (node.func.value,) if isinstance(changed, ast.Name))
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        yield from ((changed.id, None) for changed in (node.value,) if isinstance(changed, ast.Name))
