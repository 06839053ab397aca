"""What an SAE is called at Neuronpedia: a model, a layer and a set, as in gpt2-small/8-res-jb."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from atlas.exchange import Wanted, check_apart_from_export
from queries import run_query
from schema.errors import SelectionError
from schema.store import Atlas

PLACE = "https://www.neuronpedia.org"
MOST_LISTED = 150
"""Features of a quick list; one with more is answered with 404."""

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
"""Of a model or a set: it may be a folder, and a part of an address."""

SOURCE = re.compile(r"(?P<layer>\d+)-(?P<set>.+)")
HOOKS = {
    "hook_resid_pre": "res",
    "hook_resid_mid": "res-mid",
    "hook_resid_post": "res-post",
    "hook_attn_out": "att",
    "attn.hook_z": "att",
    "hook_mlp_out": "mlp",
    "mlp.hook_post": "mlp-post",
}
"""The part of a set's name that says where its SAEs read, as sets there are mostly called."""


@dataclass(frozen=True)
class Published:
    """An SAE of an atlas, and what Neuronpedia calls it, or would call it."""

    sae: int
    label: str
    release: str
    sae_id: str
    hook_name: str
    model: str
    layer: int
    set_name: str
    is_there: bool
    """Whether it is published under that name."""

    @property
    def source(self) -> str:
        """Such as 8-res-jb."""
        return f"{self.layer}-{self.set_name}"


NAMES = """
    SELECT s.sae, s.label, s.release, s.sae_id, s.hook_name, s.hook_layer, s.neuronpedia_id, m.name AS model, s.pinned
    FROM sae AS s
    JOIN model AS m ON m.model = s.model
    ORDER BY s.ordinal
"""
"""The rows that `published_as` reads, of every SAE."""


def published_sae(atlas: Atlas, sae: int) -> Published:
    """What an SAE of an open atlas is called."""
    names = ("sae", "label", "release", "sae_id", "hook_name", "hook_layer", "neuronpedia_id", "model", "pinned")
    rows = (dict(zip(names, row, strict=True)) for row in atlas.rows(NAMES))
    return next(published_as(row) for row in rows if row["sae"] == sae)


def export_folder_names(atlas: Atlas, saes: Iterable[int]) -> list[Published]:
    """What SAEs are called, each of which gets a folder of its name.

    Raises:
        SelectionError: two are called the same.
    """
    found = [published_sae(atlas, sae) for sae in saes]
    check_apart_from_export(atlas, ((own.sae, f"{own.model}/{own.source}") for own in found), "name at Neuronpedia")
    return found


def published_as(row: Mapping[str, Any]) -> Published:
    """What an SAE is called: the name it is published under, or one that is made like those."""
    shared = (row["sae"], row["label"], row["release"], row["sae_id"], row["hook_name"])
    named, _, source = (row["neuronpedia_id"] or "").rpartition("/")
    found = SOURCE.fullmatch(source)
    if found and NAME.fullmatch(named) and NAME.fullmatch(found["set"]):
        return Published(*shared, named, int(found["layer"]), found["set"], is_there=True)
    layer, release = row["hook_layer"], row["release"]
    hook = row["hook_name"].removeprefix(f"blocks.{layer}.")
    newest = row["label"] == f"{release}/{row['sae_id']}"
    older = "" if newest else "-" + row["pinned"].rpartition("@")[2]
    set_name = f"{HOOKS.get(hook, _slug(hook))}-{_slug(release)}{older}"
    return Published(*shared, _slug(row["model"]), layer, set_name, is_there=False)


def quick_listed_features(
    atlas: Atlas, sae: str | None, features: Sequence[int], candidates: tuple[str | None, int]
) -> tuple[Published, list[int]]:
    """An SAE that is at Neuronpedia, and features of it: those given, then the first of a contrast, as many as said.

    Raises:
        SelectionError: it is not there, one of several is not named, or it has no such feature here.
    """
    keys = Wanted((sae,) if sae else ()).keys(atlas)
    if len(keys) != 1:
        raise SelectionError(f"a list is of one SAE, {atlas.path} holds {len(keys)}: name it with --sae")
    own = published_sae(atlas, keys[0])
    if not own.is_there:
        raise SelectionError(f"{own.label} has no name at Neuronpedia, so that no list there can show its features")
    contrast, best = candidates
    values: dict[str, str | int | float] = {"contrast": contrast or "", "sae": own.label, "limit": best}
    found = run_query(atlas, "candidates", values)["feature"].to_pylist() if contrast is not None else []
    listed = list(dict.fromkeys([*features, *found]))
    known = {feature for (feature,) in atlas.rows("SELECT feature FROM feature WHERE sae = ?", [own.sae])}
    if unknown := [feature for feature in listed if feature not in known]:
        held = f"its features are {min(known)} to {max(known)}" if known else "it has none"
        raise SelectionError(f"{own.label} has no feature {unknown[0]} here; {held}")
    return own, listed


def neuronpedia_quick_lists(name: str, own: Published, features: Sequence[int]) -> list[str]:
    """Addresses that show features side by side at neuronpedia.org, MOST_LISTED each; several lists are numbered.

    Source: github.com/hijohnnylin/neuronpedia: apps/webapp/app/quick-list/page.tsx.
    """
    parts = [features[first : first + MOST_LISTED] for first in range(0, len(features), MOST_LISTED)]
    titles = [name] if len(parts) == 1 else [f"{name} {number} of {len(parts)}" for number in range(1, len(parts) + 1)]
    return [
        f"{PLACE}/quick-list/?{urlencode({'name': title, 'features': _identifiers(own, part)}, quote_via=quote)}"
        for title, part in zip(titles, parts, strict=True)
    ]


def _identifiers(own: Published, features: Sequence[int]) -> str:
    named = [{"modelId": own.model, "layer": own.source, "index": str(feature)} for feature in features]
    return json.dumps(named, separators=(",", ":"))


def _slug(name: str) -> str:
    """Small letters, digits and dashes, of the last part of a path."""
    last = name.rstrip("/").rpartition("/")[2]
    return re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-") or "unnamed"
