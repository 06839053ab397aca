"""What the start page shows of an atlas: its candidates, SAEs, corpora, runs and saved queries."""

from itertools import groupby
from typing import TYPE_CHECKING, Any

from atlas.publish.canned import DATABASE_NAME
from atlas.publish.examples import CLOSE_MARK, OPEN_MARK
from atlas.site.pages.addresses import (
    ACTIVATIONS,
    contrast_address,
    feature_address,
    query_address,
    sae_address,
    table_address,
)
from atlas.site.pages.contrast_rows import named_sets
from atlas.site.pages.find_words import parts_of
from atlas.site.pages.reading import Row, row, rows
from atlas.site.pages.runs import described
from queries import GROUPS, saved_queries

if TYPE_CHECKING:
    from datasette.app import Datasette

CONTRASTS, CANDIDATES, RUNS = 6, 5, 3


async def contrasts(datasette: "Datasette") -> list[dict[str, Any]]:
    """Each contrast with its first candidates, on each SAE that it was computed for."""
    found = await rows(datasette, "contrast_saes", name=None)
    return [
        {
            "name": contrast["name"],
            "sae": contrast["sae_name"],
            "address": contrast_address(datasette, contrast["name"], contrast["sae_name"]),
            "positive": named_sets(contrast["positive"]),
            "control": named_sets(contrast["control"]),
            "documents_positive": contrast["documents_positive"],
            "documents_control": contrast["documents_control"],
            "stale": bool(contrast["stale"]),
            "candidates": await _candidates(datasette, contrast),
        }
        for contrast in found[:CONTRASTS]
    ]


async def saes(datasette: "Datasette") -> list[Row]:
    """Each SAE, with how much it has read."""
    found = await rows(datasette, "start_saes")
    return [sae | {"address": sae_address(datasette, sae["name"])} for sae in found]


async def corpora(datasette: "Datasette") -> list[Row]:
    """Each corpus, the largest first, with the licences of its texts."""
    found = await rows(datasette, "start_corpora")
    return [corpus | {"address": table_address(datasette, "document", corpus=corpus["corpus"])} for corpus in found]


async def runs(datasette: "Datasette") -> list[dict[str, Any]]:
    """The last runs, newest first."""
    return described(await rows(datasette, "runs", limit=RUNS + 1))[:RUNS]


def queries(datasette: "Datasette") -> list[dict[str, Any]]:
    """The saved queries by group, those that a database of this server answers."""
    answered = [query for query in saved_queries().values() if query.database in datasette.databases]
    return [
        {
            "group": GROUPS[group],
            "queries": [{"title": query.title, "address": query_address(datasette, query)} for query in members],
        }
        for group, members in groupby(answered, key=lambda query: query.group)
    ]


def databases(datasette: "Datasette") -> list[dict[str, str]]:
    """Where people ask in SQL of their own."""
    held = {DATABASE_NAME: "the small tables", ACTIVATIONS: "every activation, on DuckDB"}
    return [
        {"name": name, "holds": holds, "address": str(datasette.urls.database(name))}
        for name, holds in held.items()
        if name in datasette.databases
    ]


async def _candidates(datasette: "Datasette", contrast: Row) -> list[dict[str, Any]]:
    """The first candidates, with the sentence each is strongest in."""
    keys = {"contrast": contrast["contrast"], "sae": contrast["sae"]}
    best = await rows(datasette, "contrast_features", **keys, tokenization=contrast["tokenization"], limit=CANDIDATES)
    told = []
    for feature in best:
        example = await row(datasette, "start_example", sae=contrast["sae"], feature=feature["feature"])
        told.append(
            {
                "feature": feature["feature"],
                "address": feature_address(datasette, contrast["sae_name"], feature["feature"]),
                "auroc": feature["auroc"],
                "q": feature["q"],
                "top_tokens": [feature[f"token_{n}"] for n in (1, 2, 3) if feature[f"token_{n}"] is not None],
                "sentence": parts_of(example["sentence"], OPEN_MARK, CLOSE_MARK) if example else [],
                "corpus": example["corpus"] if example else None,
            }
        )
    return told
