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
    """The reproduction that the address names."""
    name = asked.parts["path"]
    found = await reproductions(asked.datasette, name)
    if not found:
        names = ", ".join(row["contrast"] for row in await reproductions(asked.datasette))
        known = f"there are: {names}" if names else "none was made; see: atlas reproduce --help"
        raise PageError(f"this atlas holds no reproduction {name!r}; {known}")
    content = await cached(CONTENT, asked.datasette, name, lambda: _read(asked.datasette, found[0]))
    return Page("reproduction/page.html", "The study, run again", content)


async def reproductions(datasette: "Datasette", name: str | None = None) -> list[Row]:
    """The reproduction of that contrast, or all, each with its address."""
    found = await rows_if_published(datasette, "reproduction", "reproduction/asked", name=name)
    return [row | {"address": reproduction_address(datasette, row["contrast"])} for row in found]


async def _read(datasette: "Datasette", found: Row) -> dict[str, Any]:
    name = found["contrast"]
    (summary,) = await page_rows_of_saved_query(datasette, "reproductions", contrast=name)
    saes = [
        {"name": summary[column], "address": sae_address(datasette, summary[column])}
        for column in ("sae", "loaded_sae")
    ]
    return {
        **summary,
        "note": EMBEDDED_NOTE if found["model"] == POCKET else None,
        "measured": saes[0],
        "loaded": saes[1],
        "contrast_address": contrast_address(datasette, name, summary["sae"]),
        "listed": [
            _place(datasette, summary["sae"], row)
            for row in await page_rows_of_saved_query(datasette, "reproduced_list", contrast=name)
        ],
        "readings": [
            row | {"address": feature_address(datasette, row["sae"], row["feature"])}
            for row in await page_rows_of_saved_query(datasette, "reproduced_number", contrast=name)
        ],
        "faults": [
            row | {"said": SHOWN[row["shown"]]}
            for row in await page_rows_of_saved_query(datasette, "reproduced_faults", contrast=name)
        ],
        "queries": queries_asked_further(datasette, QUERIES, contrast=name, number=str(summary["number"])),
    }


def _place(datasette: "Datasette", sae: str, row: Row) -> Row:
    """A place of the list, with the pages of the feature listed here and of the corrected one."""
    pages = {
        f"{column}_address": None if row[column] is None else feature_address(datasette, sae, row[column])
        for column in ("feature", "corrected_feature")
    }
    return row | pages
