"""The contrast that an address names, on one SAE, and its first candidates."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas.site.pages.labels import best_labels
from atlas.site.pages.page import Asked, PageError
from atlas.site.pages.rows import Row, rows

if TYPE_CHECKING:
    from datasette.app import Datasette

PRINTED = 40
"""How many candidates the study prints."""
SHOWN = 25


@dataclass(frozen=True)
class Contrast:
    """A contrast on one SAE, with the other SAEs that it was computed for."""

    row: Row
    saes: tuple[str, ...]

    @property
    def keys(self) -> dict[str, int]:
        """Its keys in the tables of contrasts: contrast and sae."""
        return {"contrast": self.row["contrast"], "sae": self.row["sae"]}

    @property
    def names(self) -> tuple[str, str]:
        """Its two sides in a word or two."""
        return contrast_page_sets(self.row["positive"]), contrast_page_sets(self.row["control"])


def contrast_page_sets(stored: str) -> str:
    """The sets of one side, as JSON has them, in words."""
    sets = [str(one) for one in json.loads(stored)]
    return " or ".join(sets) if len(sets) <= 3 else f"{sets[0]} or {len(sets) - 1} others"


async def chosen_contrast(asked: Asked) -> Contrast:
    """The contrast that an address names, on the SAE that its query names, or else the first.

    Raises:
        PageError: there is no such contrast, or it was not computed for that SAE.
    """
    name, sae = asked.parts["path"], asked.query.get("sae", "")
    found = await rows(asked.datasette, "contrast/contrasts", name=name)
    if not found:
        every = {str(other["name"]) for other in await rows(asked.datasette, "contrast/contrasts", name=None)}
        known = f"there are: {', '.join(sorted(every))}" if every else "none is computed; see: atlas contrast --help"
        raise PageError(f"this atlas holds no contrast {name!r}; {known}")
    saes = tuple(str(other["sae_name"]) for other in found)
    places = {
        spelling: place for place, other in enumerate(found) for spelling in (other["sae_name"], other["sae_pinned"])
    }
    if sae and sae not in places:
        raise PageError(f"contrast {name!r} is not computed for the SAE {sae!r}; it is for: {', '.join(saes)}")
    return Contrast(found[places[sae] if sae else 0], saes)


async def first_candidates(datasette: "Datasette", contrast: Contrast) -> list[Row]:
    """The first candidates, with what is known of each."""
    found = await rows(
        datasette, "contrast/candidates", **contrast.keys, tokenization=contrast.row["tokenization"], limit=SHOWN
    )
    labels = await best_labels(datasette, contrast.row["sae"], [feature["feature"] for feature in found])
    for feature in found:
        feature["label"] = labels.get(feature["feature"])
        spelled = (feature.pop(f"token_{place}") for place in (1, 2, 3))
        feature["top_tokens"] = [token for token in spelled if token is not None]
    return found
