"""Kinds of sources: how each is recognised, which files it stands for, and what its corpus is called.

A new kind of source is one more entry of `KINDS`.
"""

import difflib
import glob
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from ingest.sources.formats import file_fault, split_name
from schema.errors import SourceError


@dataclass(frozen=True)
class Input:
    """One file to read (None: stdin).

    `label` names it in messages, `name` in the ids of documents that have none;
    `alone` is False for a file that a pattern matched.
    """

    label: str
    name: str
    path: Path | None
    alone: bool = True


@dataclass(frozen=True)
class Kind:
    """A kind of source; kinds are tried in order, and the first that matches takes the source."""

    matches: Callable[[str], bool]
    stem: Callable[[str], str]
    inputs: Callable[[str], Iterator[Input]]


def kind_of(source: str) -> Kind:
    """Give the kind that a source is of."""
    return next(kind for kind in KINDS if kind.matches(source))


def _stdin_inputs(_: str) -> Iterator[Input]:
    yield Input("stdin", "stdin", None)


def _is_bundled(source: str) -> bool:
    return source.startswith("bundled:")


def _bundled_stem(source: str) -> str:
    name = source.removeprefix("bundled:")
    names = sorted(entry.name.removesuffix(".jsonl") for entry in files("ingest").joinpath("corpora").iterdir())
    if name not in names:
        near = difflib.get_close_matches(name, names, cutoff=0.4) or names
        raise SourceError(f"{source}: there is no such bundled corpus; there is bundled:{' and bundled:'.join(near)}")
    return name


def _bundled_inputs(source: str) -> Iterator[Input]:
    resource = files("ingest").joinpath("corpora", f"{_bundled_stem(source)}.jsonl")
    with as_file(resource) as path:
        yield Input(source, path.name, path)


def _is_later(source: str) -> bool:
    return source.startswith("hf:") or re.search(r"\.ipynb(:|$)", source) is not None


def _later_stem(source: str) -> str:
    what = "Hugging Face datasets" if source.startswith("hf:") else "notebooks"
    raise SourceError(
        f"{source}: {what} are not supported in this version; export the texts to .jsonl and give that file"
    )


def _later_inputs(source: str) -> Iterator[Input]:
    raise SourceError(_later_stem(source))


def _is_pattern(source: str) -> bool:
    return glob.has_magic(source) and not os.path.lexists(source)


def _split_pattern(pattern: str) -> tuple[Path, str]:
    """Split into the folder before the first wildcard and the part with the wildcard."""
    parts = Path(pattern).expanduser().parts
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first]), parts[first]


def _pattern_stem(source: str) -> str:
    folder, part = _split_pattern(source)
    prefix = re.split(r"[*?\[]", split_name(part).stem)[0].strip("-_. ")
    return prefix or folder.resolve().name or "files"


def _pattern_inputs(source: str) -> Iterator[Input]:
    folder, _ = _split_pattern(source)
    pattern = os.path.expanduser(source)  # noqa: PTH111 (a Path would drop the ending slash that asks for folders)
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (as the shell: no hidden files)
    if not found:
        raise SourceError(
            f"{source}: the pattern matches no file; check it, and quote it so that the shell leaves it alone"
        )
    for path in map(Path, found):
        yield Input(_shown(path), _id_name(path.relative_to(folder)), path, alone=False)


def _file_stem(source: str) -> str:
    path = Path(source)
    fault = file_fault(path)
    if fault:
        raise SourceError(f"{_shown(path)}: {fault.reason}; {fault.advice}")
    return split_name(path.name).stem


def _file_inputs(source: str) -> Iterator[Input]:
    _file_stem(source)
    path = Path(source)
    yield Input(_shown(path), _id_name(Path(path.name)), path)


def _id_name(path: Path) -> str:
    """Leave the compression out: packing a file does not rename its documents."""
    return _shown(path).removesuffix(split_name(path.name).compression)


def _shown(path: Path) -> str:
    """Give a path as text; a name that is not UTF-8 would otherwise not even be printed."""
    return os.fsencode(path).decode("utf-8", "replace")


KINDS = (
    Kind(lambda source: source == "-", lambda _: "stdin", _stdin_inputs),
    Kind(_is_bundled, _bundled_stem, _bundled_inputs),
    Kind(_is_later, _later_stem, _later_inputs),
    Kind(_is_pattern, _pattern_stem, _pattern_inputs),
    Kind(lambda _: True, _file_stem, _file_inputs),
)
