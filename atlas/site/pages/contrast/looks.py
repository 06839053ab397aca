"""Which heads look elsewhere in the positive documents: how many looks differ, and the first of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from atlas.site.pages.addresses import DATABASE
from atlas.site.pages.contrast.chosen import Contrast
from atlas.site.pages.rows import Row, page_rows_of_saved_query

if TYPE_CHECKING:
    from datasette.app import Datasette

TABLE, NEWEST = "attention_contrast", "p_length"
CALLED = 0.05
SHOWN = 8
MOST = 1_000_000
"""More than the heads of any model times what is asked of each."""
MEASURES = {
    "bos": "at BOS",
    "previous": "at the token before",
    "same": "at the same token before",
    "induction": "at what followed the same token",
    "term": "at the term",
    "entropy": "spread (nats)",
}


async def read(datasette: "Datasette", contrast: Contrast) -> dict[str, Any] | None:
    """What was compared, and the looks least likely by chance; None where heads were not looked at.

    A snapshot of an earlier version has no figures among documents of like length, and is not asked.
    """
    if contrast.row["stale"] or NEWEST not in await datasette.get_database(DATABASE).table_columns(TABLE):
        return None
    names = {"contrast": contrast.row["name"], "sae": contrast.row["sae_name"]}
    found = await page_rows_of_saved_query(datasette, "attention_differences", **names, limit=MOST)
    return looks_of_rows(found) if found else None


def looks_of_rows(found: Sequence[Row]) -> dict[str, Any]:
    """The same of the rows of the saved query, the least likely by chance first."""
    return {
        "compared": len(found),
        "called": sum(row["q"] <= CALLED for row in found),
        "first": [{**row, "looks": MEASURES[row["measure"]]} for row in found[:SHOWN]],
    }
