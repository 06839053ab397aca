"""What the atlas holds of a contrast: which it is, its features, its shuffles."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlas.site.pages.charts.means import Means
from atlas.site.pages.charts.null import Null
from atlas.site.pages.memory import Memory, kept
from atlas.site.pages.page import Asked, PageError
from atlas.site.pages.reading import Row, row, rows, saved_rows

if TYPE_CHECKING:
    from datasette.app import Datasette

PRINTED = 40
"""How many candidates the study prints."""
LABELLED = 8
SHOWN = 25
MEANS: Memory[Means] = Memory(16)


@dataclass(frozen=True)
class Contrast:
    """A contrast on one SAE, with the other SAEs that it was computed for."""

    row: Row
    saes: tuple[str, ...]

    @property
    def keys(self) -> dict[str, int]:
        """What names its rows."""
        return {"contrast": self.row["contrast"], "sae": self.row["sae"]}

    @property
    def names(self) -> tuple[str, str]:
        """Its two sides in a word or two."""
        return named_sets(self.row["positive"]), named_sets(self.row["control"])


def named_sets(stored: str) -> str:
    """The sets of one side, as JSON has them, in words."""
    sets = [str(one) for one in json.loads(stored)]
    return " or ".join(sets) if len(sets) <= 3 else f"{sets[0]} or {len(sets) - 1} others"


async def chosen(asked: Asked) -> Contrast:
    """The contrast that an address names, on the SAE that its query names, or else the first.

    Raises:
        PageError: there is no such contrast, or it was not computed for that SAE.
    """
    name, sae = asked.parts["path"], asked.query.get("sae", "")
    found = await rows(asked.datasette, "contrast_saes", name=name)
    if not found:
        every = {str(other["name"]) for other in await rows(asked.datasette, "contrast_saes", name=None)}
        known = f"there are: {', '.join(sorted(every))}" if every else "none is computed; see: atlas contrast --help"
        raise PageError(f"this atlas holds no contrast {name!r}; {known}")
    saes = tuple(str(other["sae_name"]) for other in found)
    places = {
        spelling: place for place, other in enumerate(found) for spelling in (other["sae_name"], other["sae_pinned"])
    }
    if sae and sae not in places:
        raise PageError(f"contrast {name!r} is not computed for the SAE {sae!r}; it is for: {', '.join(saes)}")
    return Contrast(found[places[sae] if sae else 0], saes)


async def features(datasette: "Datasette", contrast: Contrast) -> list[Row]:
    """The first candidates, with what is known of each."""
    found = await rows(
        datasette, "contrast_features", **contrast.keys, tokenization=contrast.row["tokenization"], limit=SHOWN
    )
    for feature in found:
        spelled = (feature.pop(f"token_{place}") for place in (1, 2, 3))
        feature["top_tokens"] = [token for token in spelled if token is not None]
    return found


async def funnel(datasette: "Datasette", contrast: Contrast) -> list[Row]:
    """How many features are left after each test of meaning one thing; none where nothing fires."""
    steps = await saved_rows(datasette, "funnel", contrast=contrast.row["name"], sae=contrast.row["sae_name"])
    return [{**step, "of": steps[0]["features"]} for step in steps]


async def together(datasette: "Datasette", contrast: Contrast) -> list[Row]:
    """The features that together tell the sides apart, the largest weight first."""
    return await saved_rows(datasette, "feature_set", contrast=contrast.row["name"], sae=contrast.row["sae_name"])


async def hypothesis(datasette: "Datasette", contrast: Contrast) -> list[Row]:
    """Whether the moments of logit weights go with evidence of one meaning."""
    return await saved_rows(datasette, "hypothesis", contrast=contrast.row["name"], sae=contrast.row["sae_name"])


async def means(datasette: "Datasette", contrast: Contrast) -> Means:
    """Every feature's means on both sides, and which of them are marked."""

    async def read() -> Means:
        every = await rows(datasette, "contrast_means", **contrast.keys)
        best = await features(datasette, contrast)
        return _means(every, best[:LABELLED], contrast.names)

    return await kept(MEANS, datasette, tuple(contrast.keys.values()), read)


async def null(datasette: "Datasette", contrast: Contrast) -> Null | None:
    """The best AUROC under shuffled labels beside the one found; None where no null is stored or nothing fires."""
    shuffles = await rows(datasette, "contrast_shuffles", **contrast.keys)
    best = await row(datasette, "contrast_best_tested", **contrast.keys)
    if not shuffles or best is None:
        return None
    aurocs = np.array([shuffle["max_auroc"] for shuffle in shuffles], dtype=float)
    return Null(aurocs, float(best["auroc"]), int(best["feature"]))


def _means(every: list[Row], best: list[Row], names: tuple[str, str]) -> Means:
    def column(name: str) -> Any:
        return np.array([feature[name] for feature in every], dtype=float)

    index = column("feature").astype(np.int64)
    kept_by_study = np.flatnonzero(column("study_kept"))
    largest = kept_by_study[np.argsort(-column("study_difference")[kept_by_study], kind="stable")][:PRINTED]
    printed = np.zeros(len(every), dtype=bool)
    printed[largest] = True
    place = {int(feature): number for number, feature in enumerate(index)}
    return Means(
        features=index,
        positive=column("mean_positive"),
        control=column("mean_control"),
        auroc=column("auroc"),
        printed=printed,
        best=tuple(place[feature["feature"]] for feature in best),
        labels=tuple(_label(feature) for feature in best),
        names=names,
    )


def _label(feature: Row) -> str:
    token = feature["top_tokens"][0].strip() if feature["top_tokens"] else ""
    return f"{feature['feature']} {token}".strip()
