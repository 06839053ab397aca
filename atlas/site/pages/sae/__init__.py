"""The page of an SAE: what it is, how far to trust it, and the study's plots of its features."""

import json
from typing import TYPE_CHECKING, Any

from atlas.site.pages.addresses import (
    contrast_address,
    feature_address,
    map_address,
    page_address_at_neuronpedia,
    queries_asked_further,
    sae_address,
    sae_path,
    table_address,
)
from atlas.site.pages.association.chosen import association_page_list
from atlas.site.pages.cache import Cache, cached
from atlas.site.pages.charts.chart import chart_picture, chart_view
from atlas.site.pages.contrast.chosen import contrast_page_sets
from atlas.site.pages.page import Asked, Page
from atlas.site.pages.rows import Row, row, rows, rows_if_published, sae_named
from atlas.site.pages.sae.moments import CHARTS, moment_histograms, moments_alt_text, read_moments, spread_alt_text
from atlas.site.pages.sae.notes import MEANINGS, sae_notes

if TYPE_CHECKING:
    from datasette.app import Datasette

chart = chart_view(CHARTS)

SHOWN = 10
CORPORA: Cache[list[Row]] = Cache(16)
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
    facts = await row(datasette, "sae/facts", sae=sae["sae"])
    assert facts is not None
    seen = await _corpora(datasette, sae)
    whole = await row(datasette, "sae/whole", sae=sae["sae"]) or {}
    imported = await rows_if_published(datasette, "sae_import", "sae/imported", sae=sae["sae"])
    content = {
        **{name: sae[name] for name in _SHOWN},
        **facts,
        "trained_as": whole.get("trained_as"),  # which no snapshot of before version 19 has
        "processing": sae_page_processing(facts),
        "logit_weights_meaning": MEANINGS[sae["logit_weights"]],
        "notes": sae_notes(sae, facts, imported),
        "imported": imported[0] if imported else None,
        "namesakes": await _namesakes(datasette, sae),
        "neuronpedia": sae["neuronpedia_id"]
        and page_address_at_neuronpedia(sae["neuronpedia_id"], 0).removesuffix("/0"),
        "charts": await _charts(datasette, sae),
        "quality": await rows_if_published(datasette, "sae_quality", "sae/quality", sae=sae["sae"]),
        "quality_rows": table_address(datasette, "sae_quality", sae=sae["sae"]),
        "corpora": seen,
        "corpora_rows": table_address(datasette, "sae_corpus", sae=sae["sae"]),
        "densest_in": seen[0]["name"] if seen else None,
        "densest": await _densest(datasette, sae, seen),
        "contrasts": await _contrasts(datasette, sae),
        "associations": await association_page_list(datasette, sae["sae"]),
        "features": table_address(datasette, "feature", sae=sae["sae"]),
        "map": await _map(datasette, sae),
        "queries": queries_asked_further(datasette, QUERIES, sae=sae["name"]),
    }
    return Page("sae/page.html", f"SAE {sae['name']}", content)


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


def sae_page_processing(facts: Row) -> list[str]:
    """What was done to the model's weights before it ran, on which logit statistics depend."""
    done = (
        ("center_writing_weights", "weights that write to the residual stream centred"),
        ("fold_ln", "LayerNorm folded into the weights that follow it"),
        ("center_unembed", "unembedding centred over the vocabulary"),
    )
    precision = [f"linear maps of the blocks multiplied in {facts['precision']}"] if facts["precision"] else []
    return [meaning for name, meaning in done if facts[name]] + precision


async def _namesakes(datasette: "Datasette", sae: Row) -> list[Row]:
    """Every SAE of its name, the newest first; none where it is the only one."""
    found = await rows(datasette, "sae/namesakes", release=sae["release"], sae_id=sae["sae_id"])
    return [other | {"address": sae_address(datasette, other["name"])} for other in found] if len(found) > 1 else []


async def _charts(datasette: "Datasette", sae: Row) -> dict[str, Any]:
    found = await read_moments(datasette, sae["sae"])
    drawn = {
        name: chart_picture(
            datasette,
            f"sae/{sae_path(sae['name'])}/{name}",
            CHARTS[name],
            alt=spread_alt_text(spread),
            caption=CAPTIONS[name],
            rows=table_address(datasette, "feature", sae=sae["sae"], _sort_desc=SORTED_BY[name]),
        )
        for name, spread in moment_histograms(found).items()
        if len(spread.values)
    }
    drawn["scatter"] = chart_picture(
        datasette,
        f"sae/{sae_path(sae['name'])}/scatter",
        CHARTS["scatter"],
        alt=moments_alt_text(found),
        caption="A point is a feature. The further from the foot of the V, the fewer tokens its weight is about.",
        rows=table_address(datasette, "feature", sae=sae["sae"], _sort_desc="logit_kurtosis"),
    )
    return drawn


async def _contrasts(datasette: "Datasette", sae: Row) -> list[dict[str, Any]]:
    return [
        contrast
        | {
            "positive": json.loads(contrast["positive"]),
            "control": json.loads(contrast["control"]),
            "question": f"{contrast_page_sets(contrast['positive'])} against {contrast_page_sets(contrast['control'])}",
            "address": contrast_address(datasette, contrast["name"], sae["name"]),
            "best_address": contrast["best_feature"] is not None
            and feature_address(datasette, sae["name"], contrast["best_feature"]),
        }
        for contrast in await rows(datasette, "sae/contrasts", sae=sae["sae"])
    ]


async def _map(datasette: "Datasette", sae: Row) -> str | None:
    """Where its features are shown in clusters; None where they are in none."""
    clustered = await rows_if_published(datasette, "clustering", "map/clustering", sae=sae["sae"])
    return map_address(datasette, sae["name"]) if clustered else None


async def _corpora(datasette: "Datasette", sae: Row) -> list[Row]:
    """Each corpus that it has read: how many features fire at once, how many at all."""

    async def read() -> list[Row]:
        found = await rows(datasette, "sae/corpora", sae=sae["sae"])
        for corpus in found:
            corpus["dead_share"] = 1.0 - corpus["features_fired"] / sae["d_sae"]
        return found

    return await cached(CORPORA, datasette, sae["sae"], read)


async def _densest(datasette: "Datasette", sae: Row, seen: list[Row]) -> list[dict[str, Any]]:
    """The features that fire on most tokens of its largest corpus."""
    if not seen:
        return []
    keys = {"sae": sae["sae"], "corpus": seen[0]["corpus"], "tokenization": sae["tokenization"]}
    found = await rows(datasette, "sae/densest", **keys, limit=SHOWN)
    return [feature | {"address": feature_address(datasette, sae["name"], feature["feature"])} for feature in found]
