"""Folders below a folder: links are followed, and each folder is entered once, however many links lead to it."""

import glob
import os
from collections.abc import Callable, Iterator
from pathlib import Path

Identity = tuple[int, int]
"""Device and inode: what is the same folder under any name."""


def walk_folders(
    top: Path, passed_over: Callable[[str], object], onerror: Callable[[OSError], None] | None = None
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Give each folder with the names of the folders and files in it, as `os.walk`, the folders sorted.

    A linked folder is entered where its link stands, but for one that is entered in its own place, or was already:
    a link that leads back up ends there. The names for which `passed_over` says so are not entered.
    """
    own = {parent for parent, _ in _own(top, passed_over)}
    entered = {_identity(Path(parent)) for parent in own}
    for parent, folders, names in os.walk(top, onerror=onerror, followlinks=True):
        kept = []
        for name in sorted(folders):
            path = Path(parent, name)
            leads_away = parent not in own or path.is_symlink()
            if not passed_over(name) and not (leads_away and _identity(path) in entered):
                entered.add(_identity(path))
                kept.append(name)
        folders[:] = kept
        yield Path(parent), folders, names


def glob_matches(pattern: str) -> list[str]:
    """Give what matches a pattern as the shell reads it: hidden names are no match, `**` is any folder below."""
    before, stars, after = _at_stars(pattern)
    if not stars:
        return sorted(glob.glob(pattern))  # noqa: PTH207 (a Path would drop an ending slash, and take hidden names)
    found: set[str] = set()
    for top in glob_matches(before or "."):
        for folder, folders, names in walk_folders(Path(top), lambda name: name.startswith(".")):
            if after:
                found.update(glob_matches(os.path.join(glob.escape(str(folder)), after)))  # noqa: PTH118
            else:
                found.update(str(folder / name) for name in folders + names if not name.startswith("."))
    return sorted(found)


def _at_stars(pattern: str) -> tuple[str, str, str]:
    """Split a pattern at its first `**` that is a part of its own."""
    parts = pattern.split("/")
    if "**" not in parts:
        return pattern, "", ""
    place = parts.index("**")
    return "/".join(parts[:place]) or "/" * (place > 0), "**", "/".join(parts[place + 1 :])


def linked_folders(top: Path) -> list[Path]:
    """Give the links to folders below a folder that lead out of it, hidden ones left out."""
    inside = list(_own(top, lambda name: name.startswith(".")))
    entered = {_identity(Path(parent)) for parent, _ in inside}
    links = [Path(parent, name) for parent, folders in inside for name in folders if Path(parent, name).is_symlink()]
    return sorted(link for link in links if _identity(link) not in entered)


def _own(top: Path, passed_over: Callable[[str], object]) -> Iterator[tuple[str, list[str]]]:
    """Give the folders below a folder that no link leads to, and the names of those in them, links among them."""
    for parent, folders, _ in os.walk(top):
        folders[:] = [name for name in folders if not passed_over(name)]
        yield parent, folders


def _identity(path: Path) -> Identity | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
