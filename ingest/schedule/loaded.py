"""The model and its SAEs, loaded once a process and again where their files have changed."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ingest.models.device import choose_device
from ingest.models.language_model import LanguageModel
from ingest.models.matching import load_together
from ingest.models.names import POCKET, local_folder, parse_sae_name, pocket_folder
from ingest.models.sae import LoadedSAE
from ingest.schedule.config import Reader

log = logging.getLogger(__name__)

Loaded = tuple[LanguageModel, Sequence[LoadedSAE]]
State = tuple[tuple[str, int, int, int], ...]


class LoadedReader:
    """Keeps what a reader loads; a folder whose files differ from when they were loaded is loaded again.

    What the hub gave is kept until the process ends.
    """

    def __init__(self, reader: Reader, load: Callable[..., Loaded] = load_together) -> None:
        self.reader = reader
        self.device = choose_device(reader.device)
        self._load = load
        self._loaded: tuple[State, Loaded] | None = None

    def get(self) -> Loaded:
        """The model and the SAEs.

        Raises:
            ModelError: they cannot be had, or do not fit each other.
        """
        if self._loaded is not None and self._loaded[0] == self._state(self._loaded[1][0].name):
            return self._loaded[1]
        if self._loaded is not None:
            log.info("the files of the model or an SAE have changed: loading them again")
        self._loaded = None
        before = self._state(self.reader.model or "")
        loaded = self._load(self.reader.saes, self.reader.model, self.device)
        after = self._state(loaded[0].name)
        # Files that changed while they were read: what was taken for their state is none, so the next job loads again.
        self._loaded = (after if set(before) <= set(after) else before), loaded
        return loaded

    def _state(self, model: str) -> State:
        """Name, size and times of every local file of the SAEs and the model."""
        names = [parse_sae_name(name).folder for name in self.reader.saes]
        folders = [*names, pocket_folder() / "gpt2" if model == POCKET else local_folder(model)]
        return tuple(sorted(_files(folder for folder in folders if folder is not None)))


def _files(folders: Iterator[Path]) -> Iterator[tuple[str, int, int, int]]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                found = path.stat()
                yield str(path), found.st_size, found.st_mtime_ns, found.st_ctime_ns
