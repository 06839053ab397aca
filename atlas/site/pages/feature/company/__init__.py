"""The features that share most of the tokens on which this one fires, counted over every token."""

from atlas.site.pages.feature.section import Feature, Record

HEADING = "On the same tokens"


async def read(about: Feature) -> Record | None:
    """Those with the largest overlap; None where none were counted, or none shares two tokens."""
    found = await about.rows_if_published("feature_coactivation", "company/rows")
    if not found:
        return None
    counted = {name: found[0][name] for name in ("tokens", "tokens_now")}
    own = ("rank", "other_feature", "tokens_both", "jaccard", "lift", "token")
    return {
        **counted,
        "features": [about.linked({name: row[name] for name in own}) for row in found],
        "rows": about.rows_behind("feature_coactivation", _sort="rank"),
    }
