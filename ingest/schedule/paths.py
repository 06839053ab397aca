"""Paths in the file of a schedule: relative ones begin at the folder it lies in."""

import glob
import os
from dataclasses import dataclass
from pathlib import Path

NAMED = ("bundled:", "hf:")
"""Beginnings of sources that are no path."""


@dataclass(frozen=True)
class Places:
    """Makes the paths of a schedule in `folder` absolute."""

    folder: Path

    def file(self, name: str) -> Path:
        """A file or folder."""
        return Path(self._joined(name))

    def source(self, name: str) -> str:
        """A source: a path or pattern is made absolute, all else stays; a data set folder is a path after `hf:`."""
        if name.startswith("hf:"):
            return self._data_set(name)
        if name == "-" or name.startswith(NAMED):
            return name
        joined = self._joined(name)
        if glob.has_magic(name) and not os.path.lexists(joined) and not os.path.isabs(os.path.expanduser(name)):  # noqa: PTH111, PTH117
            return os.path.join(glob.escape(str(self.folder)), name)  # noqa: PTH118 (keeps an ending slash)
        return joined

    def folder_or_name(self, name: str) -> str:
        """An SAE or a model: a folder if there is one of that name, else a name that is known elsewhere."""
        joined = self._joined(name)
        return joined if Path(joined).is_dir() else name

    def command(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """A command: a program that is named with a slash is a path."""
        return (self._joined(words[0]), *words[1:]) if words and "/" in words[0] else words

    def _joined(self, name: str) -> str:
        expanded = os.path.expanduser(name)  # noqa: PTH111 (a Path would raise where there is no such user)
        return os.path.join(self.folder, expanded)  # noqa: PTH118 (a Path would drop an ending slash)

    def _data_set(self, name: str) -> str:
        """A folder that is there, or is spelled as one, or a name of the hub; with the configuration and split."""
        folder, colon, rest = name.removeprefix("hf:").partition(":")
        joined = self._joined(folder)
        local = folder.startswith((".", "/", "~")) or (folder and Path(joined).is_dir())
        return f"hf:{joined}{colon}{rest}" if local else name
