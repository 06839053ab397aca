"""The map of an SAE's features: /map/RELEASE/SAE_ID, its clusters in words, zoomed by links."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlas.site.pages.addresses import (
    feature_address,
    map_address,
    queries_asked_further,
    sae_address,
    sae_path,
    table_address,
)
from atlas.site.pages.charts.chart import Chart, chart_picture, chart_view
from atlas.site.pages.figures import visible_in_page
from atlas.site.pages.map.points import Part, Points, part_of_map_asked, read_points
from atlas.site.pages.map.scatter import SQUARE, SQUARE_NARROW, Map, alt_text, draw
from atlas.site.pages.page import Asked, Page, PageError
from atlas.site.pages.rows import Row, rows, rows_if_published, sae_named

if TYPE_CHECKING:
    from datasette.app import Datasette

LISTED = 40
MEANINGS = {
    "decoder": "by the directions that they write in",
    "jaccard": "by the overlap of the tokens that they fire on",
    "pmi": "by how much more often than by chance they fire on the same tokens",
}
QUERIES = ("clusters", "cluster_features", "clusterings")


@dataclass(frozen=True)
class Shown:
    """What an address asks for: the SAE, one of its clusterings, a contrast that colours it, a part of the map."""

    sae: Row
    clusterings: list[Row]
    clustering: Row
    contrasts: list[Row]
    contrast: Row | None
    part: Part

    @property
    def query(self) -> dict[str, str]:
        """What the address says of it beyond the SAE and the part."""
        coloured = {"contrast": self.contrast["name"]} if self.contrast else {}
        return {"measure": self.clustering["measure"], **coloured}


async def view(asked: Asked) -> Page:
    """The map that the address names.

    Raises:
        PageError: there is no such SAE, clustering or contrast, or the part is none.
    """
    datasette, shown = asked.datasette, await _shown(asked)
    clusters = await _clusters(datasette, shown)
    points = await read_points(datasette, shown.clustering["clustering"], _key(shown))
    map_ = Map(points, shown.part, _names(clusters), shown.contrast is not None)
    content = {
        "sae": {"name": shown.sae["name"], "address": sae_address(datasette, shown.sae["name"])},
        "clustering": shown.clustering,
        "meaning": MEANINGS[shown.clustering["measure"]],
        "contrast": shown.contrast and shown.contrast["name"],
        "part": {"x": shown.part.x, "y": shown.part.y, "zoom": shown.part.zoom},
        "picture": _picture(datasette, shown, map_) if len(points.feature) else None,
        "clusters": _with_links(datasette, shown, clusters, points),
        "features": await _listed(datasette, shown, points),
        "inside": int(points.inside(shown.part).sum()),
        "choices": _choices(datasette, shown),
        "ways": _ways(datasette, shown, points),
        "rows": table_address(datasette, "feature_cluster", clustering=shown.clustering["clustering"]),
        "queries": queries_asked_further(
            datasette, QUERIES, sae=shown.sae["name"], measure=shown.clustering["measure"], cluster="0"
        ),
    }
    return Page("map/page.html", f"Map of {shown.sae['name']}", content)


async def _shown(asked: Asked) -> Shown:
    datasette, query = asked.datasette, asked.query
    sae = await sae_named(datasette, asked.parts["path"])
    clusterings = await rows_if_published(datasette, "clustering", "map/clustering", sae=sae["sae"])
    if not clusterings:
        raise PageError(
            f"the features of {sae['name']} are not clustered yet: atlas cluster ATLAS --sae {sae['name']}, "
            "then publish again"
        )
    contrasts = await rows(datasette, "map/contrasts", sae=sae["sae"])
    return Shown(
        sae,
        clusterings,
        _chosen("measure", query.get("measure", ""), clusterings) or clusterings[0],
        contrasts,
        _chosen("name", query.get("contrast", ""), contrasts),
        part_of_map_asked(query),
    )


def _chosen(column: str, value: str, found: list[Row]) -> Row | None:
    """The row with that value; None where none was asked for."""
    for row in found:
        if row[column] == value:
            return row
    if not value:
        return None
    known = ", ".join(str(row[column]) for row in found) or "none"
    raise PageError(
        f"there is no {'clustering by' if column == 'measure' else 'contrast'} {value!r}; there are: {known}"
    )


def _key(shown: Shown) -> int | None:
    return None if shown.contrast is None else int(shown.contrast["contrast"])


async def _clusters(datasette: "Datasette", shown: Shown) -> list[Row]:
    """The clusters with their tokens; what a contrast says is the first one's where none is asked for."""
    contrast = shown.contrast or (shown.contrasts[0] if shown.contrasts else None)
    found = await rows(
        datasette,
        "map/clusters",
        clustering=shown.clustering["clustering"],
        tokenization=shown.sae["tokenization"],
        contrast=contrast and contrast["contrast"],
    )
    return [row | {"tokens": json.loads(row["tokens"])} for row in found]


def _names(clusters: list[Row]) -> list[str]:
    return [
        " ".join(visible_in_page(token).strip() for token in row["tokens"][:2]) or f"cluster {row['cluster']}"
        for row in clusters
    ]


def _with_links(datasette: "Datasette", shown: Shown, clusters: list[Row], points: Points) -> list[dict[str, Any]]:
    """The clusters with features in the part, most there first, each with the part that it lies in."""
    inside = points.inside(shown.part)
    here = Counter(points.cluster[inside].tolist()) if len(inside) else {row["cluster"]: 0 for row in clusters}
    found = []
    for row in clusters:
        if row["cluster"] not in here:
            continue
        members = points.cluster == row["cluster"]
        zoom = shown.part.holding(points.x[members], points.y[members]) if members.any() else None
        found.append(
            row
            | {
                "here": here[row["cluster"]],
                "address": zoom and _address(datasette, shown, zoom),
                "members": table_address(
                    datasette,
                    "cluster_features",
                    sae=shown.sae["name"],
                    measure=shown.clustering["measure"],
                    cluster=row["cluster"],
                ),
            }
        )
    return sorted(found, key=lambda row: (-row["here"], row["cluster"]))


async def _listed(datasette: "Datasette", shown: Shown, points: Points) -> list[dict[str, Any]]:
    """The features of the part, the most typical of their clusters first."""
    inside = np.flatnonzero(points.inside(shown.part))
    order = inside[np.argsort(-points.silhouette[inside], kind="stable")][:LISTED]
    features = points.feature[order].tolist()
    said = await rows(
        datasette,
        "map/words",
        sae=shown.sae["sae"],
        tokenization=shown.sae["tokenization"],
        features=json.dumps(features),
    )
    words = {row["feature"]: row for row in said}
    return [
        words[feature]
        | {
            "cluster": int(points.cluster[row]),
            "silhouette": float(points.silhouette[row]),
            "called": bool(points.called[row]),
            "address": feature_address(datasette, shown.sae["name"], feature),
        }
        for feature, row in zip(features, order.tolist(), strict=True)
    ]


def _address(datasette: "Datasette", shown: Shown, part: Part, **changed: str | None) -> str:
    query = {**shown.query, **part.query, **changed}
    asked = {name: value for name, value in query.items() if value is not None}
    return map_address(datasette, shown.sae["name"], **asked)


def _choices(datasette: "Datasette", shown: Shown) -> dict[str, list[dict[str, Any]]]:
    """Other clusterings, and what else the points can be coloured by."""
    measures = [
        {
            "name": row["measure"],
            "chosen": row is shown.clustering,
            "address": _address(datasette, shown, Part(), measure=row["measure"]),
        }
        for row in shown.clusterings
    ]
    colours: list[tuple[str, str | None]] = [
        ("cluster", None),
        *((row["name"], row["name"]) for row in shown.contrasts),
    ]
    chosen = shown.contrast and shown.contrast["name"]
    return {
        "measures": measures,
        "colours": [
            {"name": name, "chosen": value == chosen, "address": _address(datasette, shown, shown.part, contrast=value)}
            for name, value in colours
        ],
    }


def _ways(datasette: "Datasette", shown: Shown, points: Points) -> dict[str, Any]:
    """The parts that can be gone to: out, beside, and further in, each with how many features it holds."""
    part = shown.part
    beside = {"left": (-1, 0), "right": (1, 0), "up": (0, 1), "down": (0, -1)}
    moves = {name: part.moved(*step) for name, step in beside.items()}
    further = [
        [{"features": int(points.inside(each).sum()), "address": _address(datasette, shown, each)} for each in row]
        for row in part.divided()
    ]
    return {
        "whole": _address(datasette, shown, Part()) if part.zoom else None,
        "out": _address(datasette, shown, part.around(part.x, part.y, part.zoom - 1)) if part.zoom else None,
        "beside": {name: _address(datasette, shown, to) for name, to in moves.items() if to != part},
        "further": further if further[0][0]["address"] != _address(datasette, shown, part) else [],
    }


def _picture(datasette: "Datasette", shown: Shown, map_: Map) -> dict[str, Any]:
    coloured = f"what {shown.contrast['name']} calls stands out" if shown.contrast else "a colour is a cluster"
    return chart_picture(
        datasette,
        f"map/{sae_path(shown.sae['name'])}/features",
        CHARTS["features"],
        alt=alt_text(map_),
        caption=f"A point is a feature; {coloured}. Only nearness means something, distances across the map do not.",
        rows=table_address(datasette, "feature_cluster", clustering=shown.clustering["clustering"]),
        **shown.query,
        **shown.part.query,
    )


async def _asked(asked: Asked) -> Map:
    shown = await _shown(asked)
    clusters = await _clusters(asked.datasette, shown)
    points = await read_points(asked.datasette, shown.clustering["clustering"], _key(shown))
    return Map(points, shown.part, _names(clusters), shown.contrast is not None)


CHARTS = {
    "features": Chart(_asked, draw, SQUARE, SQUARE_NARROW, chosen_by=("measure", "contrast", "at", "zoom")),
}
chart = chart_view(CHARTS)
