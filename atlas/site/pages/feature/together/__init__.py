"""Features that peak on the very tokens on which this one is strongest."""

from atlas.site.pages.addresses import ACTIVATIONS
from atlas.site.pages.feature.section import Feature, Record

HEADING = "Fires with"
WINDOWS, FEATURES = 20, 10


async def read(about: Feature) -> Record | None:
    """Those that share most windows; None where there are none."""
    found = await about.rows("together/rows", windows=WINDOWS, limit=FEATURES)
    if not found:
        return None
    features = [about.linked(other) for other in found]
    return {
        "windows": found[0]["own_windows"],
        "features": [{name: value for name, value in row.items() if name != "own_windows"} for row in features],
        "every_token": about.query("features_together", ACTIVATIONS),
    }
