"""Where a feature comes from: values of a clean prompt's run exchanged with those of a corrupted one, site by site."""

import json
from typing import Any

from atlas.site.pages.addresses import feature_address, table_address
from atlas.site.pages.feature.section import Feature, Record
from atlas.site.pages.figures import MINUS
from atlas.site.pages.rows import Row, page_rows_of_saved_query
from atlas.site.pages.shading import shade_level

HEADING = "Patching"
SHOWN = 8
LEAST_EFFECT = 0.01
"""Mean share of the difference that a feature brings, to be listed."""
TABLE = "patch_pair"


async def read(about: Feature) -> Record | None:
    """The pair whose prompts are furthest apart, the heads that matter over all pairs, features before and after."""
    pairs = await about.rows_if_published(TABLE, "patching/pairs")
    downstream = await about.rows_if_published(TABLE, "patching/downstream", least=LEAST_EFFECT, limit=SHOWN)
    if not pairs and not downstream:
        return None
    asked = {"feature": about.index, "sae": about.sae["name"], "min_share": LEAST_EFFECT}
    upstream = await page_rows_of_saved_query(about.datasette, "upstream_features", **asked, limit=SHOWN)
    return {
        "pairs": len(pairs),
        "pair": await _map(about, pairs[0]) if pairs else None,
        "heads": await about.rows("patching/heads", limit=SHOWN),
        "upstream": [_linked(about, _upstream(row)) for row in upstream],
        "downstream": [_linked(about, row) for row in downstream],
        "agreement": _mean([pair["denoised_agreement"] for pair in pairs]),
        "rows": about.rows_behind(TABLE, _sort_desc="clean_value"),
        "every_head": about.query("patched_heads"),
    }


async def _map(about: Feature, pair: Row) -> Record:
    """A pair's heat map: what the stream carries before each block, by token, the last block first."""
    effects = await about.rows("patching/map", patch_pair=pair["patch_pair"])
    tokens = [json.loads(pair[name]) for name in ("clean_tokens", "corrupted_tokens")]
    first = pair["first_position"]
    columns = [
        {"position": first + number, "clean": clean, "corrupted": corrupted}
        for number, (clean, corrupted) in enumerate(zip(*tokens, strict=True))
    ]
    effect = {(row["layer"], row["position"]): row["denoised_effect"] for row in effects}
    layers = sorted({layer for layer, _ in effect}, reverse=True)
    wanted = [column for column in columns if any((layer, column["position"]) in effect for layer in layers)]
    rows = [
        {"layer": layer, "effects": [effect.get((layer, column["position"])) for column in wanted]} for layer in layers
    ]
    shown = {
        name: pair[name] for name in ("patch_pair", "clean_text", "corrupted_text", "clean_value", "corrupted_value")
    }
    behind = table_address(about.datasette, "patch_effect", patch_pair=pair["patch_pair"])
    return shown | {"columns": wanted, "layers": rows, "address": behind}


def _upstream(row: Row) -> Row:
    named = {"upstream_sae": "sae_name", "upstream_feature": "feature"}
    return {named.get(column, column): value for column, value in row.items()}


def _linked(about: Feature, row: Row) -> Row:
    return {**row, "address": feature_address(about.datasette, row["sae_name"], row["feature"])}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def heat_class(effect: float | None) -> str:
    """The class of a shade: warm towards the clean prompt, cool where a site works against it; none for 0 percent."""
    level = shade_level(round(effect or 0.0, 2), 1.0)
    return "" if not level else f"{'w' if level > 0 else 'c'}{abs(level)}"


def effect_percent(effect: float | None) -> str:
    """Whole percent, without the sign."""
    return "–" if effect is None else f"{round(100 * effect)}".replace("-", MINUS)


FILTERS: dict[str, Any] = {"heat": heat_class, "share": effect_percent}
