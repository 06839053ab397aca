"""What reads the documents of a job: SAEs and their model, named, loaded, and kept while their files stay the same."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.models.names import POCKET, Precision, local_folder, parse_sae_name, pocket_folder
from schema.store import open_atlas

if TYPE_CHECKING:
    from ingest.models.language_model import LanguageModel
    from ingest.models.sae import SAE

log = logging.getLogger(__name__)

Loaded = tuple["LanguageModel", Sequence["SAE"]]
State = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True)
class Reader:
    """The SAEs that read documents, their model if they do not name it, where it runs, and in which precision.

    A device of None is CUDA if there is one, else the CPU.
    """

    saes: tuple[str, ...] = (POCKET,)
    model: str | None = None
    device: str | None = "cpu"
    precision: Precision = "float32"

    def load(self) -> Loaded:
        """The model and the SAEs.

        Raises:
            ModelError: they cannot be had, or do not fit each other.
        """
        from ingest.models.matching import load_together

        return load_together(self.saes, self.model, self.runs_on, self.precision)

    @property
    def runs_on(self) -> str:
        """The device, chosen.

        Raises:
            ModelError: there is no such device.
        """
        from ingest.models.weights import choose_device

        return choose_device(self.device)

    @property
    def in_memory(self) -> bool:
        """It has its model in memory, and loads nothing from files."""
        return False

    @classmethod
    def of(cls, model: "LanguageModel", saes: Sequence[Any]) -> "Reader":
        """A reader that has its model and SAEs in memory; an SAE may be SAELens' own object.

        Raises:
            ModelError: an SAE cannot be used, or does not fit the model.
        """
        from ingest.models.matching import fit_saes_to_model
        from ingest.models.sae import SAE
        from ingest.models.sae_files import sae_in_memory

        found = fit_saes_to_model(model, [sae if isinstance(sae, SAE) else sae_in_memory(sae) for sae in saes])
        device = str(model.W_U.device)
        return InMemory(tuple(str(sae.name) for sae in found), model.name, device, model.precision, (model, found))


@dataclass(frozen=True)
class InMemory(Reader):
    """A reader whose model and SAEs are in memory already; what `Reader.of` gives."""

    held: "Loaded | None" = field(default=None, compare=False, repr=False)

    @property
    def in_memory(self) -> bool:
        """It has its model in memory, and loads nothing from files."""
        return True

    def load(self) -> Loaded:
        """The model and the SAEs."""
        assert self.held is not None
        return self.held


POCKET_READER = Reader()
"""What reads where nothing else is said: the default SAE of the embedded model."""


def name_with_hash(path: Path, reader: Reader) -> str:
    """The first SAE of a reader by the name and hash of the row that it means; the name where the atlas holds none.

    The SAE and its model are loaded only where the atlas holds several of that name and precision.

    Raises:
        SelectionError: of several, none is the SAE over its model, as they are now.
        ModelError: the spelling means nothing, or they cannot be had.
        AtlasFileError: the atlas cannot be opened.
    """
    name = parse_sae_name(reader.saes[0])
    if name.pin:
        return f"{name}@{name.pin}"
    with open_atlas(path, read_only=True) as atlas:
        held = atlas.rows(
            """
            SELECT pinned
            FROM sae
            JOIN model USING (model)
            WHERE release = ?
              AND sae_id = ?
              AND COALESCE(json_extract_string(model.config, '$.precision'), 'float32') = ?
              AND sae NOT IN (SELECT sae FROM sae_import)
            ORDER BY ordinal
            """,
            [name.release, name.sae_id, reader.precision],
        )
    if len(held) < 2:
        return str(held[0][0] if held else name)
    from ingest.rows.sae_keys import required_sae_keys

    model, saes = reader.load()
    with open_atlas(path) as atlas:
        return required_sae_keys(atlas, model, saes[0]).pinned


class KeptReader:
    """Keeps what a reader loads; a folder whose files differ from when they were loaded is loaded again.

    What the hub gave is kept until the process ends.
    """

    def __init__(self, reader: Reader, load: Callable[[Reader], Loaded] = Reader.load) -> None:
        self.reader = reader
        self._load = load
        self._loaded: tuple[State, Loaded] | None = None

    def load(self) -> Loaded:
        """The model and the SAEs, from memory if nothing has changed.

        Raises:
            ModelError: they cannot be had, or do not fit each other.
        """
        if self._loaded is not None and self._loaded[0] == self._state(self._loaded[1][0].name):
            return self._loaded[1]
        if self._loaded is not None:
            log.info("the files of the model or an SAE have changed: loading them again")
        self._loaded = None
        before = self._state(self.reader.model or "")
        loaded = self._load(self.reader)
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
