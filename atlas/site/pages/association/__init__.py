"""The page of an association: which features go with a number of the documents, or differ between classes of them."""

from typing import TYPE_CHECKING, Any

from atlas.publish.examples import CLOSE_MARK, OPEN_MARK
from atlas.site.pages.addresses import (
    association_address,
    feature_address,
    path_segment,
    queries_asked_further,
    row_address,
    sae_address,
    table_address,
)
from atlas.site.pages.association import scores
from atlas.site.pages.association.chosen import (
    Association,
    association_page_question,
    best_features,
    chosen_association,
    documents_of_page_by_class,
)
from atlas.site.pages.association.evidence import FIGURES, Evidence, enough_groups, speaks_against, speaks_for
from atlas.site.pages.cache import Cache, cached
from atlas.site.pages.charts.chart import chart_picture, chart_view
from atlas.site.pages.contrast import UNITS
from atlas.site.pages.find.typed import marked_pieces
from atlas.site.pages.page import Asked, Page
from atlas.site.pages.rows import Row, rows

if TYPE_CHECKING:
    from datasette.app import Datasette

DRAWN, SENTENCES = 3, 4
"""First features of which a chart and sentences are shown, and how many sentences of each."""
QUERIES = {
    "target": ("target_features", "associations"),
    "classes": ("class_features", "feature_classes_each", "associations"),
}
TABLES = {"target": "feature_target", "classes": "feature_classes"}
COUNTS = (
    "documents_compared",
    "documents_without",
    "groups_compared",
    "groups_mixed",
    "groups_discovery",
    "groups_confirmation",
    "features_tested",
    "length_effect",
    "length_p",
    "at_q",
    "shuffles",
    "shuffles_with_any",
)

CHARTS = {"scores": scores.CHART}
chart = chart_view(CHARTS)

CONTENT: Cache[dict[str, Any]] = Cache(64)


async def view(asked: Asked) -> Page:
    """The association that the address names."""
    association = await chosen_association(asked)
    content = await cached(CONTENT, asked.datasette, association.identity, lambda: _read(asked.datasette, association))
    return Page("association/page.html", f"Contrast {association.row['contrast']}", content)


async def _read(datasette: "Datasette", association: Association) -> dict[str, Any]:
    row, kind = association.row, association.row["kind"]
    stale = row["state"] != "up to date"
    best = await best_features(datasette, association)
    evidence = Evidence(row | {"stale": stale}, best[0] if best else None)
    first = {"feature": str(best[0]["feature"])} if best else {}
    features = [_feature(datasette, association, place, feature) for place, feature in enumerate(best, 1)]
    return {
        **_what(datasette, association),
        "stale": stale,
        "held": await _held(datasette, association),
        "for": speaks_for(evidence),
        "against": speaks_against(evidence),
        "features": features,
        "first": [await _first(datasette, association, feature) for feature in features[:DRAWN]],
        "queries": queries_asked_further(datasette, QUERIES[kind], **{kind: row["contrast"]}, sae=row["sae"], **first),
        "rows": _rows(datasette, association, TABLES[kind], _sort="place_discovery"),
    }


def _what(datasette: "Datasette", association: Association) -> dict[str, Any]:
    row = association.row
    return {
        "name": row["contrast"],
        "kind": row["kind"],
        "field": row["field"],
        "sets": association.sets,
        "question": association_page_question(row["kind"], row["field"], association.sets),
        "unit": row["unit"],
        "unit_meaning": UNITS[row["unit"]],
        "sae": row["sae"],
        "sae_address": sae_address(datasette, row["sae"]),
        "saes": [
            {"name": name, "address": association_address(datasette, row["contrast"], name)}
            for name in association.saes
        ],
        **{name: row[name] for name in COUNTS},
        "judges": enough_groups(row),
    }


async def _held(datasette: "Datasette", association: Association) -> list[dict[str, Any]]:
    """How many documents there are of each class, or of all with the range of their numbers."""
    found = await documents_of_page_by_class(datasette, association)
    if not association.of_classes:
        return [{name: one[name] for name in ("documents", "lowest", "highest")} for one in found]
    return [{"class": association.sets[one["class"]], "documents": one["documents"]} for one in found]


def _feature(datasette: "Datasette", association: Association, place: int, feature: Row) -> dict[str, Any]:
    """A row of the saved query, with the names that both kinds have for an effect and for what judges it."""
    effect, judged, low, high = (feature[name] for name in FIGURES[association.row["kind"]])
    address = feature_address(datasette, association.row["sae"], feature["feature"])
    same = {"effect": effect, "judged": judged, "judged_low": low, "judged_high": high}
    return {"place": place, "address": address, **feature, **same}


async def _first(datasette: "Datasette", association: Association, feature: dict[str, Any]) -> dict[str, Any]:
    """One of the first features: its activations on the documents, drawn, and sentences it fires on."""
    number = int(feature["feature"])
    found = await scores.read(datasette, association, number)
    return {
        "feature": number,
        "address": feature["address"],
        "top_token": feature["top_token"],
        "chart": None if found is None else _picture(datasette, association, found),
        "sentences": await _sentences(datasette, association, number),
    }


def _picture(datasette: "Datasette", association: Association, found: scores.Scores) -> dict[str, Any]:
    row, drawn = association.row, len(found.label)
    part = f"{drawn:,} of them, by hash" if drawn < row["documents_compared"] else "each a point"
    halves = "; in colour those of the half that judges" if enough_groups(row) else ""
    boxes = " Boxes are quartiles, whiskers 5 % to 95 %." if found.classes else ""
    return chart_picture(
        datasette,
        f"association/{path_segment(row['contrast'])}/scores",
        CHARTS["scores"],
        alt=scores.alt_text(found),
        caption=f"The documents, {part}{halves}.{boxes}",
        rows=_rows(datasette, association, "association_document"),
        sae=row["sae"],
        feature=str(found.feature),
    )


async def _sentences(datasette: "Datasette", association: Association, feature: int) -> list[dict[str, Any]]:
    """The strongest sentences, those of documents compared first, with what their documents bear."""
    keys = {**association.keys, "feature": feature, "limit": SENTENCES}
    return [
        {
            "parts": marked_pieces(found["sentence"], OPEN_MARK, CLOSE_MARK),
            "activation": found["activation"],
            "corpus": found["corpus"],
            "external_id": found["external_id"],
            "document_address": row_address(datasette, "document", found["document"]),
            "value": found["value"],
            "class": None if found["class"] is None else association.sets[found["class"]],
        }
        for found in await rows(datasette, "association/sentences", **keys)
    ]


def _rows(datasette: "Datasette", association: Association, table: str, **order: str) -> str:
    """The association's rows of a table, on this SAE."""
    return table_address(datasette, table, **{name: str(key) for name, key in association.keys.items()}, **order)
