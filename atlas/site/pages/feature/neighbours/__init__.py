"""The features whose decoder directions are nearest, and those that are most opposite."""

from atlas.site.pages.feature.section import Feature, Record

HEADING = "Neighbours"
NEIGHBOURS = 10


async def read(about: Feature) -> Record | None:
    """The nearest features, nearest first; None where none were computed."""
    found = await about.rows_if_published("feature_neighbour", "neighbours/rows", limit=NEIGHBOURS)
    if not found:
        return None
    opposite = await about.rows_if_published("feature_opposite", "neighbours/opposite")
    return {
        "features": [about.linked(neighbour) for neighbour in found],
        "opposite": [about.linked(other) for other in opposite],
        "rows": about.rows_behind("feature_neighbour", _sort="rank"),
    }
