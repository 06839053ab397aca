"""What drives a feature, and what it drives, from SAE to SAE: features of earlier and of later SAEs in its graphs."""

from typing import Any

from atlas.site.pages.addresses import feature_address, graph_address
from atlas.site.pages.feature.section import Feature, Record
from atlas.site.pages.rows import Row, page_rows_of_saved_query

HEADING = "Upstream and downstream"
SHOWN, GRAPHS = 8, 3
TABLE = "graph"


async def read(about: Feature) -> Record | None:
    """Features before and after it, their labels, and the graphs in which it is strongest."""
    graphs = await about.rows_if_published(TABLE, "drivers/graphs")
    driven = await _asked(about, "driven") if graphs or await about.rows_if_published(TABLE, "drivers/inside") else []
    if not graphs and not driven:
        return None
    shares = [graph["faithfulness"] for graph in graphs if graph["faithfulness"] is not None]
    return {
        "graphs": len(graphs),
        "shown": [{**row, "address": graph_address(about.datasette, row["graph"])} for row in graphs[:GRAPHS]],
        "faithfulness": sum(shares) / len(shares) if shares else None,
        "driving": await _asked(about, "driving") if graphs else [],
        "driven": driven,
        "every_driving": about.query("driving_features"),
        "every_driven": about.query("driven_features"),
    }


async def _asked(about: Feature, way: str) -> list[Row]:
    """The rows of a saved query, each feature with its label and the address of its page."""
    found = await page_rows_of_saved_query(
        about.datasette, f"{way}_features", feature=about.index, sae=about.sae["name"], limit=SHOWN
    )
    named = [_named(row, way) for row in found]
    for row in named:
        if row["feature"] is not None:
            row["address"] = feature_address(about.datasette, row["sae_name"], row["feature"])
            labels = await about.rows("drivers/label", other=row["sae_name"], other_feature=row["feature"])
            row["label"] = labels[0]["label"] if labels else None
    return named


def _named(row: Row, way: str) -> dict[str, Any]:
    names = {f"{way}_sae": "sae_name", f"{way}_feature": "feature", f"{way}_token": "token"}
    return {names.get(column, column): value for column, value in row.items()}
