"""The page of a reproduction: the study's list as printed, as it comes out here and as corrected, and its faults."""

from typing import TYPE_CHECKING, Any

from atlas.publish.snapshot_facts import EMBEDDED_NOTE
from atlas.site.pages.addresses import (
    contrast_address,
    feature_address,
    queries_asked_further,
    reproduction_address,
    sae_address,
)
from atlas.site.pages.cache import Cache, cached
from atlas.site.pages.page import Asked, Page, PageError
from atlas.site.pages.rows import Row, page_rows_of_saved_query, rows_if_published
from ingest.models.names import POCKET

if TYPE_CHECKING:
    from datasette.app import Datasette

QUERIES = ("reproduced_list", "reproduced_number", "reproduced_faults", "reproduced_filter", "printed_number")
SHOWN = {1: "shown", 0: "not shown", None: "not told"}
"""What the data say of a fault, in a word."""
CONTENT: Cache[dict[str, Any]] = Cache(16)


async def view(asked: Asked) -> Page:
    """The reproduction that the address names, on the SAE that its query names, or else the first."""
    name, sae = asked.parts["path"], asked.query.get("sae", "")
    found = await reproductions(asked.datasette, name)
    if not found:
        names = ", ".join(dict.fromkeys(row["contrast"] for row in await reproductions(asked.datasette)))
        known = f"there are: {names}" if names else "none was made; see: atlas reproduce --help"
        raise PageError(f"this atlas holds no reproduction {name!r}; {known}")
    chosen = next((row for row in found if sae in ("", row["sae"], row["sae_pinned"])), None)
    if chosen is None:
        saes = ", ".join(row["sae"] for row in found)
        raise PageError(f"reproduction {name!r} is not of the SAE {sae!r}; it is of: {saes}")
    content = await cached(
        CONTENT, asked.datasette, (name, chosen["sae"]), lambda: _read(asked.datasette, chosen, found)
    )
    return Page("reproduction/page.html", "The study, run again", content)


async def reproductions(datasette: "Datasette", name: str | None = None) -> list[Row]:
    """The reproductions of that contrast, or all, an SAE each, with their addresses."""
    found = await rows_if_published(datasette, "reproduction", "reproduction/asked", name=name)
    return [row | {"address": reproduction_address(datasette, row["contrast"], row["sae"])} for row in found]


async def _read(datasette: "Datasette", chosen: Row, found: list[Row]) -> dict[str, Any]:
    """What is shown of the chosen one of the reproductions that are found of its contrast."""
    name = chosen["contrast"]
    named = {"contrast": name, "sae": chosen["sae"]}
    (summary,) = await page_rows_of_saved_query(datasette, "reproductions", **named)
    saes = [
        {"name": summary[column], "address": sae_address(datasette, summary[column])}
        for column in ("sae", "loaded_sae")
    ]
    return {
        **summary,
        "note": EMBEDDED_NOTE if chosen["model"] == POCKET else None,
        "saes": [{"name": row["sae"], "address": row["address"]} for row in found],
        "measured": saes[0],
        "loaded": saes[1],
        "contrast_address": contrast_address(datasette, name, summary["sae"]),
        "listed": [
            _place(datasette, summary["sae"], row)
            for row in await page_rows_of_saved_query(datasette, "reproduced_list", **named)
        ],
        "readings": [
            row | {"address": feature_address(datasette, row["sae"], row["feature"])}
            for row in await page_rows_of_saved_query(datasette, "reproduced_number", **named)
        ],
        "faults": [
            row | {"said": SHOWN[row["shown"]]}
            for row in await page_rows_of_saved_query(datasette, "reproduced_faults", **named)
        ],
        "queries": queries_asked_further(datasette, QUERIES, **named, number=str(summary["number"])),
    }


def _place(datasette: "Datasette", sae: str, row: Row) -> Row:
    """A place of the list, with the pages of the feature listed here and of the corrected one."""
    pages = {
        f"{column}_address": None if row[column] is None else feature_address(datasette, sae, row[column])
        for column in ("feature", "corrected_feature")
    }
    return row | pages
