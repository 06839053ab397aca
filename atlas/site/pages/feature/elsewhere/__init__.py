"""The same feature in other SAEs of the model: its line through the layers, and the best match in each."""

from atlas.site.pages.addresses import feature_address, query_address
from atlas.site.pages.feature.section import Feature, Record
from atlas.site.pages.rows import page_rows_of_saved_query
from queries import find_query

HEADING = "In other SAEs"
LEAST = 0.3
"""The line goes on while activations correlate at least so much."""


async def read(about: Feature) -> Record | None:
    """What is most like it elsewhere; None where no other SAE was compared."""
    found = await about.rows_if_published("feature_match", "elsewhere/rows")
    if not found:
        return None
    asked = {"sae": about.sae["name"], "feature": about.index}
    line = await page_rows_of_saved_query(about.datasette, "through_layers", **asked, least=LEAST)
    return {
        "line": [step | {"address": feature_address(about.datasette, step["sae"], step["feature"])} for step in line],
        "least": LEAST,
        "matches": [
            match | {"address": feature_address(about.datasette, match["other_sae"], match["other_feature"])}
            for match in found
        ],
        "query": query_address(about.datasette, find_query("same_feature"), **asked),
    }
