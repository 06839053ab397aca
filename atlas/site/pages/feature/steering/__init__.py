"""What a feature does when it is pushed: the next token, what the model writes, beside random features."""

import json

from atlas.site.live.model import LONGEST_PROMPT
from atlas.site.live.plugin import live_model
from atlas.site.pages.feature.section import Feature, Record
from atlas.site.pages.rows import Row

HEADING = "Steering"
WORDS, PROMPTS = 8, 3
SIDES = ("positive", "control")


async def read(about: Feature) -> Record | None:
    """Each dose over the steered prompts, some of these, and what removing it does; None where nothing was done."""
    doses = await about.rows_if_published("steering", "steering/doses")
    removed = await about.rows_if_published("ablation", "steering/removed")
    box = _box(about)
    if not (doses or removed or box):
        return None
    prompts = await about.rows_if_published("steering", "steering/prompts", limit=PROMPTS)
    return {
        "box": box,
        "doses": doses,
        "prompts": [_prompt(row) for row in prompts],
        "removed": [{**row, **{side: ", ".join(json.loads(row[side])) for side in SIDES}} for row in removed],
        "rows": about.rows_behind("steering_effect", random=0),
        "query": about.query("steered_prompts"),
        "words": about.query("steered_words"),
    }


def _box(about: Feature) -> Record | None:
    """Where prompts of one's own are steered, if typed texts are answered here."""
    if live_model(about.datasette) is None:
        return None
    address = str(about.datasette.urls.path("steer"))
    return {"address": address, "sae": about.sae["name"], "feature": about.index, "longest": LONGEST_PROMPT}


def _prompt(row: Row) -> Row:
    """A prompt's row, its tokens read."""
    read = {name: json.loads(row[name])[:WORDS] for name in ("raised", "lowered")}
    return {**row, **read}
