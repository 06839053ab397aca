"""The page of two boxes of sentences: features that fire in the one and not in the other, as the model reads them."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from atlas.site.live.model_process import LONGEST_TEXT, LiveError
from atlas.site.live.plugin import live_model
from atlas.site.pages.addresses import feature_address, sae_address
from atlas.site.pages.labels import best_labels
from atlas.site.pages.live import live_page_sae_row
from atlas.site.pages.page import Asked, Page, PageError
from atlas.site.pages.rows import Row, rows

if TYPE_CHECKING:
    from datasette.app import Datasette

SHOWN = 30
MAX_DENSITY = 0.05
FEW = 5
"""Sentences a box needs for more than a hint."""
TITLE = "Features that tell two boxes of sentences apart"


async def view(asked: Asked) -> Page:
    """What tells `?positive=` from `?negative=`, a sentence a line; `?max_density=` leaves out what fires often."""
    model = live_model(asked.datasette)
    if model is None:
        raise PageError("typed texts are not answered here; start the server with: atlas serve SITE --live")
    boxes = _sentences(asked.query.get("positive", "")), _sentences(asked.query.get("negative", ""))
    density = _density(asked.query.get("max_density", ""))
    content = {"positive": boxes[0], "negative": boxes[1], "longest": LONGEST_TEXT, "max_density": density}
    content["here"] = str(asked.datasette.urls.path("boxes"))
    if not any(boxes):
        model.start()
        return Page("boxes/page.html", TITLE, content)
    try:
        told = await model.tell_apart(boxes)
    except LiveError as error:
        return Page("boxes/page.html", "Not answered", content | {"ok": False, "error": str(error)}, error.status)
    assert model.loaded is not None
    known = await rows(asked.datasette, "live/saes")
    content["few"] = min(map(len, boxes)) < FEW
    saes = [_sae(asked.datasette, sae, live_page_sae_row(sae, known)) for sae in model.loaded["saes"]]
    content["saes"] = [{"name": sae["name"], "address": sae["address"]} for sae in saes]
    content["features"] = await _features(asked.datasette, saes, told["features"], density)
    return Page("boxes/page.html", TITLE, content)


def _sentences(box: str) -> list[str]:
    return [line.strip() for line in box.splitlines() if line.strip()]


def _density(asked: str) -> float:
    try:
        return min(max(float(asked), 0.0), 1.0)
    except ValueError:
        return MAX_DENSITY


def _sae(datasette: "Datasette", sae: Mapping[str, Any], row: Row | None) -> Row:
    """An SAE that is loaded: its key and its address, where the atlas holds it."""
    if row is None:
        return {"sae": None, "name": f"{sae['release']}/{sae['sae_id']}", "address": None}
    return {"sae": row["sae"], "name": row["name"], "address": sae_address(datasette, row["name"])}


async def _features(datasette: "Datasette", saes: Sequence[Row], features: Sequence[Row], density: float) -> list[Row]:
    """What is shown of all SAEs together; of one that the atlas does not hold there are no densities and no labels."""
    shown = []
    for place, sae in enumerate(saes):
        own = [(order, each) for order, each in enumerate(features) if each["sae"] == place]
        densities, labels = await _known(datasette, sae["sae"], [each["feature"] for _, each in own])
        for order, each in own:
            feature = each["feature"]
            if (densities.get(feature) or 0) <= density:
                told = {**each, "sae": sae["name"], "density": densities.get(feature), "label": labels.get(feature)}
                address = feature_address(datasette, sae["name"], feature) if sae["address"] else None
                shown.append((order, told | {"address": address}))
    return [told for _, told in sorted(shown, key=lambda placed: placed[0])][:SHOWN]


async def _known(
    datasette: "Datasette", sae: int | None, features: Sequence[int]
) -> tuple[dict[int, float], dict[int, str]]:
    """Density and best label of features of an SAE of the atlas."""
    if sae is None:
        return {}, {}
    found = await rows(datasette, "live/densities", sae=sae, features=json.dumps(list(features)))
    densities = {each["feature"]: each["density"] for each in found}
    return densities, await best_labels(datasette, sae, densities)
