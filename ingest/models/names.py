"""How models and SAEs are spelled, and what a spelling means.

pocket, pocket/HOOK_NAME     the embedded model and its SAEs
RELEASE/SAE_ID               an entry of SAELens' registry
FOLDER                       a local SAELens folder; its release is the parent folder's name
ANY_OF_THEM@HASH             the same, where it must be the one that an atlas knows by that hash
"""

import difflib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Literal

from ingest.models.hook_points import HOOK_NAME, RESID_POST, hook_kind, hook_layer
from schema.errors import ModelError

Precision = Literal["float32", "bfloat16"]
"""What the linear maps of a model's blocks multiply; sums, norms, attention and the residual stream are float32."""

POCKET = "pocket"
POCKET_DEFAULT_LAYER = 3
BLOCK = re.compile(r"/(?P<published>\d+)-[^/]+$|^blocks\.(?P<hooked>\d+)\.")
PINNED = re.compile(r"(?P<name>.+)@(?P<pin>[0-9a-f]{6,64})")


@dataclass(frozen=True)
class SAEName:
    """An SAE that exists: its identity, its folder if it is local, and the hash by which it was asked for, if any."""

    release: str
    sae_id: str
    folder: Path | None = None
    pin: str = ""

    def __str__(self) -> str:
        return f"{self.release}/{self.sae_id}"


def pocket_folder() -> Path:
    """Where the embedded model and its SAEs lie in the installed package."""
    return Path(str(files("ingest").joinpath("pocket")))


def pocket_sae_ids() -> list[str]:
    """The embedded SAEs, named by their hooks, in order of depth."""
    return sorted(folder.name for folder in (pocket_folder() / "sae").iterdir() if (folder / "cfg.json").is_file())


def parse_sae_name(name: str) -> SAEName:
    """What a spelling of an SAE means.

    Raises:
        ModelError: it means nothing; names what is near.
    """
    pinned = None if local_folder(name) else PINNED.fullmatch(name)
    if pinned:
        return replace(parse_sae_name(pinned["name"]), pin=pinned["pin"])
    release, _, sae_id = name.partition("/")
    if release == POCKET:
        return _pocket_sae(sae_id)
    folder = local_folder(name)
    return _folder_sae(folder.resolve()) if folder else _registered_sae(release, sae_id)


def local_folder(name: str) -> Path | None:
    """The folder of that name, if there is one; ~ is the home folder."""
    folder = Path(os.path.expanduser(name))  # noqa: PTH111 (a Path would raise where there is no such user)
    return folder if name and folder.is_dir() else None


def is_of_another_block(name: str, hook_name: str, layer: int | None = None) -> bool:
    """Whether a name at Neuronpedia, gpt2-small/8-res-jb, or an id, blocks.8.hook_resid_pre, is of another block.

    What a block leaves behind is what the next one reads, and may bear its number. `layer` is the block of a hook whose
    name, such as "layer 8", does not say which side of it is read.

    Raises:
        ModelError: the name is of a block, the hook is in none, and no `layer` is given.
    """
    named = BLOCK.search(name)
    if named is None:
        return False
    if layer is None or HOOK_NAME.fullmatch(hook_name):
        layer, either = hook_layer(hook_name), hook_kind(hook_name) == RESID_POST
    else:
        either = True
    return int(named["published"] or named["hooked"]) not in ({layer, layer + 1} if either else {layer})


def _pocket_sae(sae_id: str) -> SAEName:
    ids = pocket_sae_ids()
    sae_id = sae_id or f"blocks.{POCKET_DEFAULT_LAYER}.hook_resid_pre"
    if sae_id not in ids:
        raise ModelError(f"the embedded model has no SAE '{sae_id}'; it has: " + ", ".join(f"pocket/{i}" for i in ids))
    return SAEName(POCKET, sae_id, pocket_folder() / "sae" / sae_id)


def _folder_sae(folder: Path) -> SAEName:
    if not (folder / "cfg.json").is_file():
        raise ModelError(f"{folder} is no SAELens folder: it holds no cfg.json beside sae_weights.safetensors")
    return SAEName(folder.parent.name or "local", folder.name, folder)


def _registered_sae(release: str, sae_id: str) -> SAEName:
    from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

    registry = get_pretrained_saes_directory()
    if release not in registry:
        near = _near(release, [POCKET, *registry])
        name = f"{release}/{sae_id}" if sae_id else release
        raise ModelError(f"'{name}' is no folder and no release of SAELens{near}; see: atlas sae list")
    ids = list(registry[release].saes_map)
    if sae_id not in ids:
        wanted = f"'{sae_id}'" if sae_id else "that name (say RELEASE/SAE_ID)"
        hint = _near(sae_id, ids) or f"; it has {len(ids)}, such as {', '.join(ids[:3])}"
        raise ModelError(f"release {release} has no SAE {wanted}{hint}")
    return SAEName(release, sae_id)


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=3)
    return f"; near it: {', '.join(near)}" if near else ""
