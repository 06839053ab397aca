"""The page of an SAE: what it is, how far to trust it, and the study's plots of its features."""

import json
from typing import TYPE_CHECKING, Any

from atlas.site.pages.addresses import (
    contrast_address,
    feature_address,
    neuronpedia_address,
    sae_address,
    sae_path,
    table_address,
)
from atlas.site.pages.chart import Chart, drawing, picture
from atlas.site.pages.charts.moments import draw_scatter, draw_spread, spreads, tell_scatter, tell_spread
from atlas.site.pages.charts.style import SMALL
from atlas.site.pages.contrast_rows import named_sets
from atlas.site.pages.further import asked_further
from atlas.site.pages.page import Asked, Page
from atlas.site.pages.reading import Row, row, rows, rows_if_published, sae_named
from atlas.site.pages.sae_rows import corpora, densest, moments, moments_asked, spread_asked

if TYPE_CHECKING:
    from datasette.app import Datasette

CHARTS = {
    "scatter": Chart(moments_asked, draw_scatter),
    "skewness": Chart(spread_asked, draw_spread, wide=SMALL, narrow=SMALL),
    "kurtosis": Chart(spread_asked, draw_spread, wide=SMALL, narrow=SMALL),
    "sparsity": Chart(spread_asked, draw_spread, wide=SMALL, narrow=SMALL),
}
chart = drawing(CHARTS)

SORTED_BY = {"skewness": "logit_skewness", "kurtosis": "logit_kurtosis", "sparsity": "log_sparsity"}
CAPTIONS = {
    "skewness": "To the right of zero a feature raises a few tokens further than it lowers any.",
    "kurtosis": "High where a few tokens get far more weight than the others.",
    "sparsity": "How often each feature fired in training, as the SAE's own files say.",
}
QUERIES = ("skewness_list", "logit_extremes", "dead_features", "densest_features", "specific_to_domain", "hypothesis")


async def view(asked: Asked) -> Page:
    """The SAE that the address names."""
    datasette, sae = asked.datasette, await sae_named(asked.datasette, asked.parts["path"])
    facts = await row(datasette, "sae_facts", sae=sae["sae"])
    assert facts is not None
    seen = await corpora(datasette, sae)
    content = {
        **{name: sae[name] for name in _SHOWN},
        **facts,
        "processing": processing(facts),
        "namesakes": await _namesakes(datasette, sae),
        "neuronpedia": sae["neuronpedia_id"] and neuronpedia_address(sae["neuronpedia_id"], 0).removesuffix("/0"),
        "charts": await _charts(datasette, sae),
        "quality": await rows_if_published(datasette, "sae_quality", "sae_quality", sae=sae["sae"]),
        "quality_rows": table_address(datasette, "sae_quality", sae=sae["sae"]),
        "corpora": seen,
        "corpora_rows": table_address(datasette, "sae_corpus", sae=sae["sae"]),
        "densest_in": seen[0]["name"] if seen else None,
        "densest": await _densest(datasette, sae, seen),
        "contrasts": await _contrasts(datasette, sae),
        "features": table_address(datasette, "feature", sae=sae["sae"]),
        "queries": asked_further(datasette, QUERIES, sae=sae["name"]),
    }
    return Page("sae.html", f"SAE {sae['name']}", content)


_SHOWN = (
    "name",
    "pinned",
    "added_at",
    "release",
    "sae_id",
    "hook_name",
    "hook_layer",
    "architecture",
    "d_in",
    "d_sae",
    "logit_weights",
)


def processing(facts: Row) -> list[str]:
    """What was done to the model's weights before it ran, on which logit statistics depend."""
    done = (
        ("center_writing_weights", "weights that write to the residual stream centred"),
        ("fold_ln", "LayerNorm folded into the weights that follow it"),
        ("center_unembed", "unembedding centred over the vocabulary"),
    )
    return [meaning for name, meaning in done if facts[name]]


async def _namesakes(datasette: "Datasette", sae: Row) -> list[Row]:
    """Every SAE of its name, the newest first; none where it is the only one."""
    found = await rows(datasette, "sae_namesakes", release=sae["release"], sae_id=sae["sae_id"])
    return [other | {"address": sae_address(datasette, other["name"])} for other in found] if len(found) > 1 else []


async def _charts(datasette: "Datasette", sae: Row) -> dict[str, Any]:
    found = await moments(datasette, sae["sae"])
    drawn = {
        name: picture(
            datasette,
            f"sae/{sae_path(sae['name'])}/{name}",
            CHARTS[name],
            alt=tell_spread(spread),
            caption=CAPTIONS[name],
            rows=table_address(datasette, "feature", sae=sae["sae"], _sort_desc=SORTED_BY[name]),
        )
        for name, spread in spreads(found).items()
        if len(spread.values)
    }
    drawn["scatter"] = picture(
        datasette,
        f"sae/{sae_path(sae['name'])}/scatter",
        CHARTS["scatter"],
        alt=tell_scatter(found),
        caption="A point is a feature. The further from the foot of the V, the fewer tokens its weight is about.",
        rows=table_address(datasette, "feature", sae=sae["sae"], _sort_desc="logit_kurtosis"),
    )
    return drawn


async def _densest(datasette: "Datasette", sae: Row, seen: list[Row]) -> list[dict[str, Any]]:
    """The densest features of its largest corpus."""
    found = await densest(datasette, sae, seen[0]) if seen else []
    return [feature | {"address": feature_address(datasette, sae["name"], feature["feature"])} for feature in found]


async def _contrasts(datasette: "Datasette", sae: Row) -> list[dict[str, Any]]:
    return [
        contrast
        | {
            "positive": json.loads(contrast["positive"]),
            "control": json.loads(contrast["control"]),
            "question": f"{named_sets(contrast['positive'])} against {named_sets(contrast['control'])}",
            "address": contrast_address(datasette, contrast["name"], sae["name"]),
            "best_address": contrast["best_feature"] is not None
            and feature_address(datasette, sae["name"], contrast["best_feature"]),
        }
        for contrast in await rows(datasette, "sae_contrasts", sae=sae["sae"])
    ]
