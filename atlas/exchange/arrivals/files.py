"""The exports in a folder: SAEDashboard's batch-N.json, folders of Neuronpedia's bulk export, caches of delphi's.

FOLDER[/HOOK_NAME]/START_END.safetensors
FOLDER[/MODEL[/SOURCE]]/batch-N.json
FOLDER[/MODEL[/SOURCE]]/source.jsonl, {features,activations,explanations}/batch-N.jsonl.gz

Files are read in the order of their numbers, which say nothing of the features in them.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from atlas.exchange.arrivals import bulk, caches, dashboards
from atlas.exchange.arrivals.said import SaidFeature, SaidSource, SaidWindow
from schema.errors import SourceError

NUMBER = re.compile(r"batch-(\d{1,9})\.")
DEPTHS = ("*", "*/*", "*/*/*")
"""Where exports lie in a folder that holds several: by model and source, and below a version."""


@dataclass(frozen=True)
class Export:
    """The export of one SAE: its files in the order in which they are read, those of labels apart."""

    format: str
    folder: Path
    files: Sequence[Path]
    labels: Sequence[Path]
    said: SaidSource

    def read(self) -> Iterator[SaidFeature | SaidWindow]:
        """Every feature and window; a feature stands before its windows in dashboards, before all of them in bulk."""
        for file in self.files:
            yield from _READERS[self.format](file, self.said)

    def sha256(self) -> str:
        """A hash of what is read, its names included."""
        found = hashlib.sha256(f"{self.format} {self.said.model}/{self.said.source}".encode())
        for file in self.files:
            with file.open("rb") as stream:
                found.update(file.name.encode() + hashlib.file_digest(stream, "sha256").digest())
        return found.hexdigest()


_READERS: dict[str, Callable[[Path, SaidSource], Iterator[SaidFeature] | Iterator[SaidFeature | SaidWindow]]] = {
    "saedashboard": dashboards.read,
    "neuronpedia": bulk.read,
    "delphi": caches.features,
}


def exports_in(folder: Path) -> list[Export]:
    """The exports that lie in a folder.

    Raises:
        SourceError: it holds none, or one does not say what it is of.
    """
    if not folder.is_dir():
        raise SourceError(
            f"{folder} is no folder; name the one that holds an export of Neuronpedia's, SAEDashboard's or delphi's"
        )
    found = [export for place in _places(folder) for export in _in(place)]
    if not found:
        raise SourceError(
            f"{folder} holds no export: no batch-N.json of SAEDashboard's, no START_END.safetensors of delphi's, "
            "and no features/batch-N.jsonl.gz of Neuronpedia's"
        )
    return found


def _places(folder: Path) -> Iterator[Path]:
    yield folder
    for depth in DEPTHS:
        yield from sorted(place for place in folder.glob(depth) if place.is_dir())


def _in(place: Path) -> Iterator[Export]:
    if batches := _numbered(place, "batch-*.json"):
        yield Export("saedashboard", place, batches, (), dashboards.source(place, batches))
    if files := caches.cache_files(place):
        yield Export("delphi", place, files, (), caches.source(place, files))
    parts = {part: _numbered(place / part, "batch-*.jsonl*") for part in ("features", "activations", "explanations")}
    if parts["features"]:
        files = [*parts["features"], *parts["activations"]]
        yield Export("neuronpedia", place, files, parts["explanations"], bulk.source(place, files))


def _numbered(folder: Path, pattern: str) -> list[Path]:
    found = [(int(match[1]), path) for path in folder.glob(pattern) if (match := NUMBER.match(path.name))]
    return [path for _, path in sorted(found)]
