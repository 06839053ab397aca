"""The clusters that the feature is in, each with the features most typical of it, and its place on the map."""

import json

from atlas.site.pages.addresses import map_address
from atlas.site.pages.feature.section import Feature, Record

HEADING = "Family"
TYPICAL = 8
ZOOM = 3
"""How far into the map a link goes, with the feature in the middle."""


async def read(about: Feature) -> Record | None:
    """Its cluster by each measure; None where it is in none."""
    found = await about.rows_if_published("feature_cluster", "family/rows", limit=TYPICAL)
    return [
        cluster
        | {
            "tokens": json.loads(cluster["tokens"]),
            "typical": [
                {"feature": feature, "address": about.page_of(feature)} for feature in json.loads(cluster["typical"])
            ],
            "map": _map(about, cluster["measure"], cluster["x"], cluster["y"]),
        }
        for cluster in found
    ] or None


def _map(about: Feature, measure: str, x: float | None, y: float | None) -> str | None:
    if x is None or y is None:
        return None
    return map_address(about.datasette, about.sae["name"], measure=measure, at=f"{x:.4g},{y:.4g}", zoom=ZOOM)
