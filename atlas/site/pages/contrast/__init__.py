"""The page of a contrast: what is compared, what is found, what survives, what speaks for it and what against."""

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from datasette.utils.asgi import Response

from atlas.site.pages import reproduction
from atlas.site.pages.addresses import (
    contrast_address,
    feature_address,
    path_segment,
    queries_asked_further,
    sae_address,
    table_address,
)
from atlas.site.pages.cache import Cache, cached
from atlas.site.pages.charts.chart import chart_picture, chart_view
from atlas.site.pages.contrast import looks, means, null
from atlas.site.pages.contrast.chosen import SHOWN, Contrast, chosen_contrast, first_candidates
from atlas.site.pages.contrast.evidence import Evidence, enough_groups, speaks_against, speaks_for
from atlas.site.pages.contrast.null import Null
from atlas.site.pages.page import Asked, Page
from atlas.site.pages.rows import Row, page_rows_of_saved_query, row, rows_if_published

if TYPE_CHECKING:
    from datasette.app import Datasette

UNITS = {
    "document": "a feature's strongest activation over the whole document",
    "window": "a feature's strongest activation over one window of the document, chosen by hash, a long one more often",
}
QUERIES = (
    "candidates",
    "study_candidates",
    "candidates_compared",
    "survivors",
    "chance",
    "matched_controls",
    "domain_specificity",
    "monosemantic",
    "funnel",
    "feature_set",
    "bos_effect",
    "concept_feature",
    "hypothesis",
    "attention_differences",
)
NONE = dict.fromkeys(("printed_at_q", "printed_matched", "printed_family_wise")) | {
    "printed": 0,
    "discovery_printed": 0,
    "discovery_confirmed": None,
}
"""The saved query `survivors` where nothing fires."""

CHARTS = {"means": means.CHART, "null": null.CHART}
chart = chart_view(CHARTS)

CONTENT: Cache[dict[str, Any]] = Cache(64)


async def view(asked: Asked) -> Page | Response:
    """The contrast that the address names; one of a number or of classes has its page elsewhere."""
    elsewhere = await rows_if_published(asked.datasette, "association", "association/asked", name=asked.parts["path"])
    if elsewhere:
        return _moved(asked)
    contrast = await chosen_contrast(asked)
    key = tuple(contrast.keys.values())
    content = await cached(CONTENT, asked.datasette, key, lambda: _read(asked.datasette, contrast))
    return Page("contrast/page.html", f"Contrast {contrast.row['name']}", content)


def _moved(asked: Asked) -> Response:
    """The way to the page of an association, or to its JSON, with what was asked of it."""
    query = f"?{asked.request.query_string}" if asked.request.query_string else ""
    path = f"association/{path_segment(asked.parts['path'])}{asked.parts.get('format', '')}{query}"
    return Response.redirect(str(asked.datasette.urls.path(path)))


async def _read(datasette: "Datasette", contrast: Contrast) -> dict[str, Any]:
    best = await first_candidates(datasette, contrast)
    shuffled = await null.read(datasette, contrast)
    evidence = await _evidence(datasette, contrast, best, shuffled)
    return {
        **_what(datasette, contrast),
        "found": evidence.found,
        "for": speaks_for(evidence),
        "against": speaks_against(evidence),
        "charts": await _charts(datasette, contrast, shuffled),
        "candidates": [_candidate(datasette, contrast, place, feature) for place, feature in enumerate(best, 1)],
        "survivors": [] if contrast.row["stale"] else _survivors(evidence),
        "funnel": [] if contrast.row["stale"] else await _funnel(datasette, contrast),
        "together": [
            _member(datasette, contrast, feature) for feature in await _saved(datasette, "feature_set", contrast)
        ],
        "looks": await looks.read(datasette, contrast),
        "hypothesis": await _saved(datasette, "hypothesis", contrast),
        "shown": SHOWN,
        "reproductions": await reproduction.reproductions(datasette, contrast.row["name"]),
        "queries": queries_asked_further(
            datasette, QUERIES, contrast=contrast.row["name"], sae=contrast.row["sae_name"]
        ),
        "rows": _rows(datasette, contrast, "feature_contrast", _sort_desc="auroc"),
    }


async def _evidence(datasette: "Datasette", contrast: Contrast, best: list[Row], shuffled: Null | None) -> Evidence:
    read = partial(row, datasette, **contrast.keys)
    first = best[0] if best else None
    weakest = None if first is None else await read("contrast/weakest", feature=first["feature"])
    found = await read("contrast/found")
    assert found is not None
    survivors = await _saved(datasette, "survivors", contrast)
    return Evidence(contrast.row, contrast.names, found, survivors[0] if survivors else NONE, first, weakest, shuffled)


async def _saved(datasette: "Datasette", query: str, contrast: Contrast) -> list[Row]:
    """The rows of a saved query about this contrast on this SAE."""
    return await page_rows_of_saved_query(datasette, query, contrast=contrast.row["name"], sae=contrast.row["sae_name"])


async def _funnel(datasette: "Datasette", contrast: Contrast) -> list[Row]:
    """How many features are left after each test of meaning one thing; none where nothing fires."""
    steps = await _saved(datasette, "funnel", contrast)
    return [{**step, "of": steps[0]["features"]} for step in steps]


def _what(datasette: "Datasette", contrast: Contrast) -> dict[str, Any]:
    about = contrast.row
    return {
        "name": about["name"],
        "positive": json.loads(about["positive"]),
        "control": json.loads(about["control"]),
        "unit": about["unit"],
        "unit_meaning": UNITS[about["unit"]],
        "sae": about["sae_name"],
        "sae_address": sae_address(datasette, about["sae_name"]),
        "saes": [{"name": name, "address": contrast_address(datasette, about["name"], name)} for name in contrast.saes],
        **{name: about[name] for name in _COUNTS},
        "accuracy_by_chance": _by_chance(about),
        "judges": enough_groups(about),
    }


def _by_chance(about: Row) -> float | None:
    """The accuracy of calling every confirmation document the larger side's."""
    sides = [about[f"documents_{side}"] - about[f"discovery_{side}"] for side in ("positive", "control")]
    return max(sides) / sum(sides) if sum(sides) else None


_COUNTS = (
    "documents_positive",
    "documents_control",
    "groups_positive",
    "groups_control",
    "length_positive_q1",
    "length_positive_median",
    "length_positive_q3",
    "length_control_q1",
    "length_control_median",
    "length_control_q3",
    "length_p",
    "features_tested",
    "discovery_positive",
    "discovery_control",
    "pairs",
    "terms",
    "stale",
    "set_size",
    "set_auroc",
    "set_auroc_low",
    "set_auroc_high",
    "set_accuracy",
    "set_accuracy_low",
    "set_accuracy_high",
    "set_f1",
    "set_f1_low",
    "set_f1_high",
    "fms_root",
    "fms_accuracy",
    "fms_1",
    "fms_5",
)


async def _charts(datasette: "Datasette", contrast: Contrast, shuffled: Null | None) -> dict[str, Any]:
    name, sae = contrast.row["name"], contrast.row["sae_name"]
    drawn = {
        "means": chart_picture(
            datasette,
            f"contrast/{path_segment(name)}/means",
            CHARTS["means"],
            alt=means.alt_text(await means.read(datasette, contrast)),
            caption="A point is a feature; above the dashed line it is stronger on the positive documents.",
            rows=_rows(datasette, contrast, "feature_contrast", _sort_desc="mean_difference"),
            sae=sae,
        )
    }
    if shuffled is not None:
        drawn["null"] = chart_picture(
            datasette,
            f"contrast/{path_segment(name)}/null",
            CHARTS["null"],
            alt=null.alt_text(shuffled),
            caption="What the best feature of each shuffle reaches, where the labels mean nothing.",
            rows=_rows(datasette, contrast, "contrast_null", _sort_desc="max_auroc"),
            sae=sae,
        )
    return drawn


def _candidate(datasette: "Datasette", contrast: Contrast, place: int, feature: Row) -> dict[str, Any]:
    address = feature_address(datasette, contrast.row["sae_name"], feature["feature"])
    return {"place": place, "address": address, **feature, "study_kept": bool(feature["study_kept"])}


def _member(datasette: "Datasette", contrast: Contrast, feature: Row) -> dict[str, Any]:
    return {"address": feature_address(datasette, contrast.row["sae_name"], feature["feature"]), **feature}


def _rows(datasette: "Datasette", contrast: Contrast, table: str, **order: str) -> str:
    """The contrast's rows of a table, on this SAE."""
    return table_address(datasette, table, **{name: str(key) for name, key in contrast.keys.items()}, **order)


def _survivors(evidence: Evidence) -> list[dict[str, Any]]:
    """How many of the features that the study's method prints are left after each correction by itself."""
    numbers = evidence.survivors
    told = (
        ("printed", "printed", "printed by the study's method"),
        ("at_q", "printed_at_q", "q at most 0.05 over all features tested, and AUROC above one half"),
        (
            "matched",
            "printed_matched",
            "q at most 0.05 within pairs that share a template, and higher on the positive side",
        ),
        (
            "family_wise",
            "printed_family_wise",
            "family-wise p at most 0.05: any feature does as well in at most 5 % of shuffles",
        ),
    )
    steps = [
        {"test": name, "meaning": meaning, "features": numbers[column], "of": numbers["printed"]}
        for name, column, meaning in told
        if numbers[column] is not None
    ]
    return [*steps, *_confirmed(numbers["discovery_printed"], numbers["discovery_confirmed"])]


def _confirmed(chosen: int, confirmed: int | None) -> list[dict[str, Any]]:
    """How many of those that the study's method prints of the discovery half alone the other half confirms."""
    if not chosen or confirmed is None:
        return []
    meaning = (
        f"of the {chosen} that it prints of the discovery half alone: AUROC above chance on the other half, with 95 % "
        f"confidence (by chance about {chosen / 40:.1g})"
    )
    return [{"test": "confirmed", "meaning": meaning, "features": confirmed, "of": chosen}]
