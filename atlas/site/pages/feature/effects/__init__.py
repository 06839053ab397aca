"""What a feature does to the next token: its Shapley values in the predictions that were explained."""

from atlas.site.pages.addresses import table_address
from atlas.site.pages.feature.section import Feature, Record

HEADING = "What it does"
TARGETS = 8


async def read(about: Feature) -> Record | None:
    """What it adds to predictions where it is active, by the token predicted; None where none was explained."""
    found = await about.rows("effects/rows")
    if not found:
        return None
    prompts = sum(effect["prompts"] for effect in found)
    return {
        "prompts": prompts,
        "mean_value": sum(effect["prompts"] * effect["mean_value"] for effect in found) / prompts,
        "targets_in_all": len(found),
        "targets": found[:TARGETS],
        "rows": about.rows_behind("feature_attribution"),
        "compared": table_address(about.datasette, "features_that_move", sae=about.sae["name"]),
    }
