"""Labels of features, wherever a page lists features: of each the one that is best borne out, a claim."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from atlas.site.pages.rows import rows_if_published

if TYPE_CHECKING:
    from datasette.app import Datasette


async def best_labels(datasette: "Datasette", sae: int, features: Iterable[int]) -> dict[int, str]:
    """The label of each feature that is best borne out; a feature without one is left out."""
    asked = {"sae": sae, "features": json.dumps(list(features))}
    found = await rows_if_published(datasette, "feature_label", "labels/best", **asked)
    return {row["feature"]: row["label"] for row in found}
