"""The page of a graph: /graph/KEY, what leads to a feature or to the next token on one prompt, drawn and in words."""

import json
from typing import TYPE_CHECKING, Any

from atlas.publish.snapshot_facts import EMBEDDED_NOTE
from atlas.site.pages.addresses import feature_address, queries_asked_further, table_address
from atlas.site.pages.charts.chart import Chart, chart_picture, chart_view
from atlas.site.pages.graph.node_link import TALL, TALL_NARROW, Drawn, alt_text, draw
from atlas.site.pages.page import Asked, Page, PageError
from atlas.site.pages.rows import Row, rows, rows_if_published
from ingest.models.names import POCKET

if TYPE_CHECKING:
    from datasette.app import Datasette

LISTED, EDGES = 8, 20
QUERIES = ("graphs", "graph_edges")
LONGEST_KEY = 9
METHODS = {
    "ablation": "by taking out one node at a time, exactly",
    "gradient": "by gradient times difference, an estimate",
    "integrated": "by gradients at ten points, an estimate",
}


async def view(asked: Asked) -> Page:
    """The graph that the address names.

    Raises:
        PageError: there is no such graph.
    """
    datasette, graph = asked.datasette, await _graph(asked)
    drawn = await _drawn(datasette, graph)
    named = {row["node"]: _named(datasette, graph, row) for row in drawn.nodes}
    content = {
        "graph": graph,
        "method": METHODS[graph["method"]],
        "note": EMBEDDED_NOTE if graph["model"] == POCKET else None,
        "address": _feature(datasette, graph["sae_name"], graph["feature"]),
        "targets": [named[row["node"]] for row in drawn.targets],
        "levels": _levels(drawn, named),
        "edges": [
            {"source": named[edge["source"]], "target": named[edge["target"]], "weight": edge["weight"]}
            for edge in drawn.edges[:EDGES]
        ],
        "kept": {"nodes": len(drawn.nodes), "edges": len(drawn.edges)},
        "picture": _picture(datasette, drawn),
        "queries": queries_asked_further(datasette, QUERIES, graph=str(graph["graph"])),
        "rows": table_address(datasette, "graph_node", graph=graph["graph"], _sort_desc="influence"),
    }
    return Page("graph/page.html", f"Graph {graph['graph']}", content)


async def _graph(asked: Asked) -> Row:
    key = asked.parts["path"]
    found: list[Row] = []
    if key.isascii() and key.isdecimal() and len(key) <= LONGEST_KEY:
        found = await rows_if_published(asked.datasette, "graph", "graph/graph", graph=int(key))
    if not found:
        raise PageError(
            f"this atlas holds no graph {key[:20]!r}; the saved query graphs lists those that it holds, and "
            "atlas circuit graph traces one"
        )
    return found[0] | {"tokens": json.loads(found[0]["tokens"])}


async def _drawn(datasette: "Datasette", graph: Row) -> Drawn:
    nodes = await rows(datasette, "graph/nodes", graph=graph["graph"])
    return Drawn(graph, nodes, await rows(datasette, "graph/edges", graph=graph["graph"]))


def _named(datasette: "Datasette", graph: Row, row: Row) -> dict[str, Any]:
    """A node with the text at its position, and the page of its feature."""
    place = row["position"] - graph["first_position"]
    at = graph["tokens"][place] if place >= 0 else None
    return {**row, "at": at, "address": _feature(datasette, row["sae_name"], row["feature"])}


def _feature(datasette: "Datasette", sae: str | None, feature: int | None) -> str | None:
    return None if sae is None or feature is None else feature_address(datasette, sae, feature)


def _levels(drawn: Drawn, named: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """The nodes of most influence of each level but the targets', the last level first."""
    found = []
    for level, name in sorted(drawn.names.items(), reverse=True):
        own = [named[row["node"]] for row in drawn.nodes if row["level"] == level]
        if level != drawn.last:
            first = sorted(own, key=lambda row: (-row["influence"], row["node"]))[:LISTED]
            found.append({"name": name, "nodes": len(own), "first": first})
    return found


def _picture(datasette: "Datasette", drawn: Drawn) -> dict[str, Any]:
    key = drawn.graph["graph"]
    return chart_picture(
        datasette,
        f"graph/{key}/nodes",
        CHARTS["nodes"],
        alt=alt_text(drawn),
        caption="A dot is a node, above the token where it fires, the larger the more influence it has; a square is an "
        "SAE's error. A line is an edge, the wider the more of what enters its node it is; warm lines lower it.",
        rows=table_address(datasette, "graph_edge", graph=key, _sort_desc="weight"),
    )


async def _asked(asked: Asked) -> Drawn:
    return await _drawn(asked.datasette, await _graph(asked))


CHARTS = {"nodes": Chart(_asked, draw, TALL, TALL_NARROW)}
chart = chart_view(CHARTS)
