"""An atlas in the formats of other tools, out and in.

A format is a line of FORMATS. Its writer gets the open atlas, an empty folder, what is wanted and whom to report to; it
returns a line for each thing it has written:

    def write(atlas: Atlas, folder: Path, wanted: Wanted, report: Report) -> list[str]

The folder takes its name only when the writer has returned: killed at any moment, an export is there whole or not.
"""

import reprlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ingest.jobs.progress import Report, silent_report
from schema.copying import draft_file, make_durable
from schema.errors import AtlasError, SelectionError
from schema.naming import sae_named
from schema.store import Atlas, open_atlas


@dataclass(frozen=True)
class Wanted:
    """Which SAEs are wanted, by name; none: every one. Where files hold a range of features, how many that is."""

    saes: tuple[str, ...] = ()
    features_per_file: int = 1024

    def keys(self, atlas: Atlas) -> list[int]:
        """The SAEs' keys, in the order of lists.

        Raises:
            SelectionError: the atlas holds no such SAE, or none at all.
        """
        every = [int(key) for (key,) in atlas.rows("SELECT sae FROM sae ORDER BY ordinal")]
        if not every:
            raise SelectionError(f"{atlas.path} holds no SAE; ingest something first")
        named = {sae_named(atlas, name)[0] for name in self.saes}
        return [key for key in every if key in named or not named]


def check_apart_from_export(atlas: Atlas, places: Iterable[tuple[int, str]], what: str) -> None:
    """Files of an export lie at a place of their own; `places` are of SAEs, by key, `what` says what a place is.

    Raises:
        SelectionError: two SAEs have one, which folders that know no capitals cannot tell apart either.
    """
    labels: dict[int, str] = dict(atlas.rows("SELECT sae, label FROM sae"))
    found: dict[str, list[str]] = {}
    for sae, place in places:
        found.setdefault(place.casefold(), [place]).append(labels[sae])
    for place, *named in found.values():
        if len(named) > 1:
            raise SelectionError(
                f"{' and '.join(named)} have one {what}, {place}: choose one, --sae '{named[0]}', "
                "and export the others to folders of their own"
            )


def is_folder_name(name: str) -> bool:
    """Whether a name, joined to a folder, is a folder or a file right in it, wherever that lies."""
    return name not in {"", ".", ".."} and not set(name) & set("/\\\0")


def place_in_export(folder: Path, label: str, *names: str) -> Path:
    """The folder of an SAE in an export, of names that stand in the atlas.

    Raises:
        SelectionError: a name would lead elsewhere.
    """
    for name in names:
        if not is_folder_name(name):
            raise SelectionError(
                f"{label} would be written to {reprlib.repr(name)}, which is no folder of the export: "
                "leave it out; --sae names those to be written"
            )
    return folder.joinpath(*names)


@dataclass(frozen=True)
class Format:
    """Files of another tool: what they are, and where their writer is (`module:function`)."""

    summary: str
    writer: str


FORMATS = {
    "delphi": Format("delphi's cache, HOOK_NAME/START_END.safetensors", "atlas.exchange.delphi:write"),
    "neuronpedia": Format("Neuronpedia's bulk export, MODEL/SOURCE/*.jsonl.gz", "atlas.exchange.neuronpedia:write"),
    "parquet": Format("Parquet files, the activations by SAE and range of features", "atlas.exchange.parquet:write"),
    "graphs": Format(
        "Attribution graphs for Neuronpedia and circuit-tracer, graph-N.json", "atlas.exchange.graph_json:write"
    ),
    "saedashboard": Format("SAEDashboard's output, MODEL/SOURCE/batch-N.json", "atlas.exchange.saedashboard:write"),
}
"""Each format by the option of `atlas export` that asks for it."""


def export(path: Path, name: str, folder: Path, wanted: Wanted, report: Report = silent_report) -> list[str]:
    """Write an atlas to a new folder; a line for each thing written.

    Raises:
        SelectionError: the atlas holds no such SAE.
        AtlasError: the folder is there already, or cannot be written.
        AtlasFileError: the atlas cannot be opened.
    """
    folder = folder.absolute()
    module, _, function = FORMATS[name].writer.partition(":")
    write: Callable[[Atlas, Path, Wanted, Report], list[str]] = getattr(import_module(module), function)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AtlasError(f"{folder} is there already; name another folder, or remove it")
    with open_atlas(path, read_only=True) as atlas:
        try:
            with draft_file(folder) as draft:
                draft.mkdir()
                lines = write(atlas, draft, wanted, report)
                for part in [*draft.rglob("*"), draft]:
                    make_durable(part)
                draft.rename(folder)
            make_durable(folder.parent)
        except OSError as error:
            raise AtlasError(f"{folder} cannot be written: {error.strerror}; nothing of it is left") from error
    return lines
