"""What is to be examined: which SAEs a name means, and what was published of them that can be held here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.doctor.expected import PROMPTED, Expected, Published, published_values, read_expected
from ingest.doctor.study import expected_with_notebook, expected_with_printed_study
from ingest.models.names import POCKET, local_folder, parse_sae_name, pocket_sae_ids
from ingest.reproduction.lists import Notebook
from schema.errors import ModelError


@dataclass(frozen=True)
class Asked:
    """What to examine: a release, a folder of SAELens folders, or one SAE of either; against what the package knows of
    it, or a file of one's own; what needs prompts, on those of a notebook."""

    name: str
    model: str | None = None
    device: str = "cpu"
    expected: Path | None = None
    notebook: Path | None = None


@dataclass(frozen=True)
class Release:
    """A release, its SAEs that are examined and how each is spelled, what is held, and what needs a notebook to be."""

    name: str
    spelled: dict[str, str]
    known: Published
    unheld: Sequence[Expected] = ()


def release_of(asked: Asked) -> Release:
    """What a name means.

    Raises:
        ModelError: nothing of that name is known, or nothing that is known of it needs the notebook that is named.
        SourceError: the notebook cannot be read.
    """
    lists = Notebook(asked.notebook).read() if asked.notebook else None
    release, spelled, several = _named(asked.name.rstrip("/"))
    every = read_expected(asked.expected) if asked.expected else expected_with_printed_study(published_values(release))
    known = expected_with_notebook(every, lists)
    if several:
        chosen = [sae_id for sae_id in spelled if sae_id in known.sae_ids] or list(spelled)[:1]
        spelled = {sae_id: spelled[sae_id] for sae_id in chosen}
    prompted = [entry for entry in every.entries if entry.kind in PROMPTED]
    if lists is not None:
        if not any(entry.sae_id in (None, *spelled) for entry in prompted):
            raise ModelError(f"nothing that is known of {asked.name} needs a notebook; leave --notebook out")
        prompted = []
    unheld = prompted if several else [entry for entry in prompted if entry.sae_id in (None, *spelled)]
    return Release(release, spelled, known, unheld)


def _named(name: str) -> tuple[str, dict[str, str], bool]:
    """The release, its SAEs or the one that is named, each spelled, and whether all are meant."""
    folder = local_folder(name)
    if folder and not (folder / "cfg.json").is_file():
        release, held = folder.resolve().name, sorted(path.parent.name for path in folder.glob("*/cfg.json"))
    elif name == POCKET:
        release, held = name, pocket_sae_ids()
    else:
        release, held = name, _registered_ids(name)
    if held:
        return release, {sae_id: f"{name}/{sae_id}" for sae_id in held}, True
    one = parse_sae_name(name)
    return one.release, {one.sae_id: name}, False


def _registered_ids(release: str) -> list[str]:
    from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

    found = get_pretrained_saes_directory().get(release)
    return list(found.saes_map) if found else []
