"""Kinds of sources: how each is recognised, which inputs it stands for, and what its corpus is called.

A new kind of source is one more entry of `KINDS`.
"""

import difflib
import glob
import os
import re
from collections.abc import Iterator
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

from ingest.sources.document import Fault
from ingest.sources.drop_folder import DROP_FOLDER
from ingest.sources.file_formats import Input, Kind, file_fault, file_input, file_rows, split_source_name
from ingest.sources.folders import glob_matches
from ingest.sources.hugging_face import DATA_SET
from ingest.sources.notebook import NOTEBOOK
from schema.errors import SourceError
from schema.file_names import shown_path


def kind_of(source: str) -> Kind:
    """Give the kind that a source is of."""
    return next(kind for kind in KINDS if kind.matches(source))


def _stdin_inputs(_: str) -> Iterator[Input]:
    yield Input("stdin", "stdin", partial(file_rows, None))


def _is_bundled(source: str) -> bool:
    return source.startswith("bundled:")


def _bundled_stem(source: str) -> str:
    name = source.removeprefix("bundled:")
    names = sorted(entry.name.removesuffix(".jsonl") for entry in files("ingest").joinpath("corpora").iterdir())
    if name not in names:
        near = difflib.get_close_matches(name, names, cutoff=0.4) or names
        there = f"there is bundled:{' and bundled:'.join(near)}"
        raise SourceError(f"{shown_path(source)}: there is no such bundled corpus; {there}")
    return name


def _bundled_inputs(source: str) -> Iterator[Input]:
    resource = files("ingest").joinpath("corpora", f"{_bundled_stem(source)}.jsonl")
    with as_file(resource) as path:
        yield Input(source, path.name, partial(file_rows, path))


def _is_pattern(source: str) -> bool:
    return glob.has_magic(source) and not os.path.lexists(source)


def _split_pattern(pattern: str) -> tuple[Path, str]:
    """Split into the folder before the first wildcard and the part with the wildcard."""
    parts = Path(pattern).expanduser().parts
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first]), parts[first]


def _pattern_stem(source: str) -> str:
    folder, part = _split_pattern(source)
    prefix = re.split(r"[*?\[]", split_source_name(part).stem)[0].strip("-_. ")
    return shown_path(prefix or folder.resolve().name) or "files"


def _pattern_inputs(source: str) -> Iterator[Input]:
    folder, _ = _split_pattern(source)
    pattern = os.path.expanduser(source)  # noqa: PTH111 (a Path would drop the ending slash that asks for folders)
    found = glob_matches(pattern)
    closed = list(_closed(pattern))
    if not found and not closed:
        raise SourceError(
            f"{shown_path(source)}: the pattern matches no file; "
            "check it, and quote it so that the shell leaves it alone"
        )
    for name, fault in closed:
        yield Input(name, name, partial(iter, [fault]), alone=False)
    for path in map(Path, found):
        yield file_input(path, path.relative_to(folder), alone=False)


def _closed(pattern: str) -> Iterator[tuple[str, Fault]]:
    """Find the folders that a pattern cannot look into, of which `glob` says nothing: files in them are no match."""
    parts = Path(pattern).parts
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    closed: dict[str, str] = {}
    for index, part in enumerate(parts[first:], start=first):
        for place in glob_matches(str(Path(*parts[:index]))):
            reason = _why_closed(place, part)
            if reason:
                closed[place] = reason
    for place, reason in sorted(closed.items()):
        yield shown_path(Path(place)), Fault(None, f"cannot be listed ({reason})", "check its permissions")


def _why_closed(place: str, part: str) -> str | None:
    """Say why a folder does not tell what in it matches a part of a pattern; None where it does, or is no folder."""
    try:
        if glob.has_magic(part):
            os.scandir(place).close()
            part = "."  # a folder may be listed whose files cannot be reached
        os.stat(os.path.join(place, part))  # noqa: PTH116, PTH118 (a Path would drop the dot)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return error.strerror
    return None


def _file_stem(source: str) -> str:
    path = Path(source)
    fault = file_fault(path, special=True)
    if fault:
        raise SourceError(f"{shown_path(path)}: {fault.reason}; {fault.advice}")
    return shown_path(split_source_name(path.name).stem)


def _file_inputs(source: str) -> Iterator[Input]:
    _file_stem(source)
    path = Path(source)
    yield file_input(path, Path(path.name))


KINDS = (
    Kind(lambda source: source == "-", lambda _: "stdin", _stdin_inputs, str),
    Kind(_is_bundled, _bundled_stem, _bundled_inputs, str),
    DATA_SET,
    NOTEBOOK,
    DROP_FOLDER,
    Kind(_is_pattern, _pattern_stem, _pattern_inputs, lambda source: _split_pattern(source)[0]),
    Kind(lambda _: True, _file_stem, _file_inputs, lambda source: Path(source).parent),
)
