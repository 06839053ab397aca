"""The association that an address names, on one SAE, and its best features."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas.site.pages.addresses import association_address, feature_address
from atlas.site.pages.page import Asked, PageError
from atlas.site.pages.rows import Row, page_rows_of_saved_query, rows, rows_if_published

if TYPE_CHECKING:
    from datasette.app import Datasette

SHOWN = 25
LISTS = {"target": "target_features", "classes": "class_features"}
"""The saved query that lists the features of each kind; its parameter of that name says of which association."""


@dataclass(frozen=True)
class Association:
    """An association on one SAE, as the saved query `associations` has it, with the other SAEs that it is of."""

    row: Row
    keys: dict[str, int]
    saes: tuple[str, ...]

    @property
    def of_classes(self) -> bool:
        """Whether it asks of classes, not of a number."""
        return bool(self.row["kind"] == "classes")

    @property
    def sets(self) -> list[str]:
        """The classes, or whose documents are asked of; none for all that have the number."""
        return [str(name) for name in json.loads(self.row["sets"])]

    @property
    def identity(self) -> tuple[int, ...]:
        """Its keys, as a cache knows it by."""
        return tuple(self.keys.values())


def association_page_question(kind: str, field: str | None, sets: Iterable[str]) -> str:
    """What is asked of the documents, in a few words."""
    named = ", ".join(sets)
    return named if kind == "classes" else f"{field} of {named or 'all documents'}"


async def associations_of_page(datasette: "Datasette", name: str | None = None) -> list[Row]:
    """The associations of that name, or all, on each SAE that they are computed for."""
    return await rows_if_published(datasette, "association", "association/asked", name=name)


async def chosen_association(asked: Asked) -> Association:
    """The association that an address names, on the SAE that its query names, or else the first.

    Raises:
        PageError: there is no such association, or it was not computed for that SAE.
    """
    name, sae = asked.parts["path"], asked.query.get("sae", "")
    found = await associations_of_page(asked.datasette, name)
    if not found:
        names = {str(other["name"]): None for other in await associations_of_page(asked.datasette)}
        known = f"there are: {', '.join(names)}" if names else "none is computed; see: atlas contrast --help"
        raise PageError(f"this atlas holds no contrast {name!r} of a number or of classes; {known}")
    saes = tuple(str(other["sae_name"]) for other in found)
    named = [other for other in found if sae in ("", other["sae_name"], other["sae_pinned"])]
    if not named:
        raise PageError(f"contrast {name!r} is not computed for the SAE {sae!r}; it is for: {', '.join(saes)}")
    told = await page_rows_of_saved_query(asked.datasette, "associations", sae=named[0]["sae_name"])
    row = next(other for other in told if other["contrast"] == name)
    return Association(row, {column: named[0][column] for column in ("association", "sae")}, saes)


async def best_features(datasette: "Datasette", association: Association, limit: int = SHOWN) -> list[Row]:
    """Its first features, in the order that the discovery half gives."""
    row = association.row
    asked = {row["kind"]: row["contrast"], "sae": row["sae"], "limit": limit}
    return await page_rows_of_saved_query(datasette, LISTS[row["kind"]], **asked)


async def association_page_list(datasette: "Datasette", sae: int | None = None) -> list[Row]:
    """The associations of an SAE, or of all, each with its address and the first of its features."""
    found = []
    for asked in await rows_if_published(datasette, "association", "association/listed", sae=sae):
        best, sets = asked["best_feature"], json.loads(asked["sets"])
        addresses = {
            "address": association_address(datasette, asked["name"], asked["sae"]),
            "best_address": None if best is None else feature_address(datasette, asked["sae"], best),
        }
        found.append(
            asked
            | {"sets": sets, "question": association_page_question(asked["kind"], asked["field"], sets), **addresses}
        )
    return found


async def documents_of_page_by_class(datasette: "Datasette", association: Association) -> list[Row]:
    """How many documents there are of each class, or of all, with the range of their numbers."""
    return await rows(datasette, "association/borne", **association.keys)
