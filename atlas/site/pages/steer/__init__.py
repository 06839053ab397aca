"""The page of a typed prompt that a feature is steered on: unsteered, steered, and pushed along a random feature."""

import math
from typing import Any

from atlas.site.live.model import LONGEST_PROMPT, MOST_DOSE
from atlas.site.live.model_process import LiveError
from atlas.site.live.plugin import live_model
from atlas.site.pages.addresses import feature_address
from atlas.site.pages.live import live_page_sae_row
from atlas.site.pages.page import Asked, Page, PageError
from atlas.site.pages.rows import Row, row, rows, sae_named

TITLE = "Steer a feature"
DOSE = 2.0
LONGEST_INDEX = 9


async def view(asked: Asked) -> Page:
    """`?sae=&feature=` on `?text=`, at `?dose=`, in units of the feature's largest activation.

    Raises:
        PageError: there is no such SAE, or it has no such feature; typed texts are not answered here.
    """
    model = live_model(asked.datasette)
    if model is None:
        raise PageError("typed texts are not answered here; start the server with: atlas serve SITE --live")
    sae = await sae_named(asked.datasette, asked.query.get("sae", ""))
    feature, dose, text = _feature(asked, sae), _dose(asked), asked.query.get("text", "")
    address = feature_address(asked.datasette, sae["name"], feature)
    content = {"sae": sae["name"], "feature": feature, "address": address, "text": text, "dose": dose}
    content |= {"longest": LONGEST_PROMPT, "most": MOST_DOSE, "here": str(asked.datasette.urls.path("steer"))}
    if not text.strip():
        model.start()
        return Page("steer/page.html", TITLE, content)
    try:
        await _steer(asked, content, sae)
    except LiveError as error:
        return Page("steer/page.html", "Not answered", content | {"ok": False, "error": str(error)}, error.status)
    return Page("steer/page.html", TITLE, content)


async def _steer(asked: Asked, content: dict[str, Any], sae: Row) -> None:
    """Add the answer to the content; raises LiveError where there is none."""
    model = live_model(asked.datasette)
    assert model is not None
    loaded, known = model.loaded_saes(), await rows(asked.datasette, "live/saes")
    owners = [(live_page_sae_row(each, known) or {}).get("sae") for each in loaded]
    places = [place for place, owner in enumerate(owners) if owner == sae["sae"]]
    if not places:
        raise LiveError(f"the model of this server does not read {sae['name']} as it is in this atlas", 400)
    matched = await row(asked.datasette, "steer/matched", sae=sae["sae"], feature=content["feature"])
    assert matched is not None
    unit = matched["unit"] or 1.0
    question = {"sae": places[0], "feature": content["feature"], "text": content["text"], "dose": content["dose"]}
    controls = [] if matched["random"] is None else [matched["random"]]
    content |= {"unit": unit, "fired": bool(matched["unit"])} | await model.steer(
        {**question, "unit": unit, "controls": controls}
    )


def _feature(asked: Asked, sae: Row) -> int:
    index = asked.query.get("feature", "")
    if not (index.isascii() and index.isdecimal() and len(index) <= LONGEST_INDEX and int(index) < sae["d_sae"]):
        raise PageError(f"{sae['name']} has features 0 to {sae['d_sae'] - 1}; there is no feature {index[:20]!r}")
    return int(index)


def _dose(asked: Asked) -> float:
    try:
        dose = float(asked.query.get("dose", DOSE))
    except ValueError:
        return DOSE
    return min(max(dose, -MOST_DOSE), MOST_DOSE) if math.isfinite(dose) else DOSE
