"""The terms on which a feature fires, on a token of the term itself."""

from atlas.site.pages.addresses import ACTIVATIONS
from atlas.site.pages.feature.section import Feature, Record

HEADING = "Terms"
TERMS = 40


async def read(about: Feature) -> Record | None:
    """Those on which it is strongest; None where that is not known."""
    found = await about.activation_rows("terms/rows", limit=TERMS)
    return {"terms": found, "rows": about.query("feature_terms", ACTIVATIONS)} if found else None
