"""What goes with a feature: nearest decoder directions, features with the same peaks, terms it fires on."""

from typing import Any

from atlas.site.pages.addresses import ACTIVATIONS, table_address
from atlas.site.pages.reading import Row, activation_rows
from atlas.site.pages.subject import Subject

NEIGHBOURS = 10
WINDOWS, TOGETHER = 20, 10
TERMS = 40


async def neighbours(about: Subject) -> dict[str, Any] | None:
    """The features whose decoder directions are nearest; None where none were computed."""
    found = await about.rows_if_published("feature_neighbour", "feature_neighbours", limit=NEIGHBOURS)
    if not found:
        return None
    return {
        "features": [_linked(about, neighbour) for neighbour in found],
        "rows": about.rows_behind("feature_neighbour", _sort="rank"),
    }


async def together(about: Subject) -> dict[str, Any] | None:
    """Features that peak on the very tokens on which this one is strongest; None where there are none."""
    found = await about.rows("feature_together", windows=WINDOWS, limit=TOGETHER)
    if not found:
        return None
    return {
        "windows": found[0]["own_windows"],
        "features": [
            {name: value for name, value in _linked(about, row).items() if name != "own_windows"} for row in found
        ],
        "every_token": _saved(about, "features_together"),
    }


async def terms(about: Subject) -> dict[str, Any] | None:
    """The terms on which it fires, on a token of the term itself; None where that is not known."""
    values = {"sae": about.sae["sae"], "feature": about.feature, "limit": TERMS}
    found = await activation_rows(about.datasette, "feature_terms", **values)
    return {"terms": found, "rows": _saved(about, "feature_terms")} if found else None


def _linked(about: Subject, other: Row) -> Row:
    return {**other, "address": about.page_of(other["other_feature"])}


def _saved(about: Subject, query: str) -> str | None:
    """A saved query on the activations about this feature, where the snapshot has them."""
    if ACTIVATIONS not in about.datasette.databases:
        return None
    named = {"sae": about.sae["name"], "feature": about.feature}
    return table_address(about.datasette, query, database=ACTIVATIONS, **named)
