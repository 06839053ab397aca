"""What writes onto a feature: its pre-activation taken apart into embeddings, heads by source, MLPs and biases."""

import json

from atlas.site.pages.addresses import table_address
from atlas.site.pages.feature.section import Feature, Record
from atlas.site.pages.rows import Row, page_rows_of_saved_query

HEADING = "Direct attribution"
PARTS, SOURCES, PAIRS = 8, 6, 5
TABLE = "direct_attribution"


async def read(about: Feature) -> Record | None:
    """The prompt on which it reads most, taken apart, and the parts that write most over all prompts."""
    prompts = await about.rows_if_published(TABLE, "written/prompts")
    if not prompts:
        return None
    prompt, key = prompts[0], prompts[0]["direct_attribution"]
    tokens = json.loads(prompt["tokens"])
    first = prompt["first_position"]

    def _named(row: Row) -> Row:
        return {**row, "token": _token(tokens, row["source"] - first)}

    pairs = await about.rows("written/looks", direct_attribution=key, limit=PAIRS)
    return {
        "prompts": len(prompts),
        "text": prompt["text"],
        "token": tokens[-1],
        "pre_activation": prompt["pre_activation"],
        "residual": prompt["residual"],
        "parts": await page_rows_of_saved_query(
            about.datasette, "direct_parts", feature=about.index, sae=about.sae["name"], limit=PARTS
        ),
        "sources": [_named(row) for row in await about.rows("written/sources", direct_attribution=key, limit=SOURCES)],
        "looks": [{**_named(row), "query_token": _token(tokens, row["query"] - first)} for row in pairs],
        "rows": about.rows_behind(TABLE, _sort_desc="pre_activation"),
        "every_part": table_address(about.datasette, "direct_part", direct_attribution=key),
    }


def _token(tokens: list[str], place: int) -> str | None:
    """A token by its place; None is BOS."""
    return tokens[place] if place >= 0 else None
