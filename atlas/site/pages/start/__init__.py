"""The start page: what this atlas holds, what it found, and ways in. Datasette's own list stays at /.json."""

from itertools import groupby
from typing import TYPE_CHECKING, Any

from atlas.publish.canned_queries import DATABASE_NAME
from atlas.publish.examples import CLOSE_MARK, OPEN_MARK
from atlas.publish.snapshot_facts import EMBEDDED_NOTE, IMPORTED_NOTE
from atlas.site.pages import reproduction
from atlas.site.pages.addresses import (
    ACTIVATIONS,
    contrast_address,
    feature_address,
    query_address,
    sae_address,
    table_address,
)
from atlas.site.pages.association.chosen import association_page_list
from atlas.site.pages.cache import Cache, cached
from atlas.site.pages.contrast.chosen import contrast_page_sets
from atlas.site.pages.find.typed import marked_pieces
from atlas.site.pages.labels import best_labels
from atlas.site.pages.page import Asked, Page
from atlas.site.pages.rows import Row, row, rows, rows_if_published
from atlas.site.pages.runs import runs_of_page
from ingest.models.names import POCKET
from queries import GROUPS, saved_queries

if TYPE_CHECKING:
    from datasette.app import Datasette

CONTRASTS, CANDIDATES, RUNS = 6, 5, 3
CONTENT: Cache[dict[str, Any]] = Cache(4)


async def view(asked: Asked) -> Page:
    """What is in the snapshot; it stays the same for as long as the snapshot is served."""
    datasette = asked.datasette
    content = await cached(CONTENT, datasette, "start", lambda: _read(datasette))
    title = (datasette.metadata() or {}).get("title") or "Feature atlas"
    return Page("start/page.html", str(title), content, json_address=str(datasette.urls.path("start.json")))


async def _read(datasette: "Datasette") -> dict[str, Any]:
    counts = await row(datasette, "start/counts")
    assert counts is not None
    models = [model["name"] for model in await rows(datasette, "start/models")]
    contrasts = await _contrasts(datasette)
    return {
        **counts,
        "models": models,
        "notes": [EMBEDDED_NOTE] * (POCKET in models) + await _imported(datasette),
        "contrasts": contrasts,
        "associations": await association_page_list(datasette),
        "reproductions": await reproduction.reproductions(datasette),
        "tries": _tries(contrasts),
        "sae_list": await _saes(datasette),
        "corpus_list": await _corpora(datasette),
        "runs": await _runs(datasette),
        "queries": _queries(datasette),
        "databases": _databases(datasette),
    }


async def _imported(datasette: "Datasette") -> list[str]:
    """What to know of SAEs that were imported, where there are any."""
    names = [found["name"] for found in await rows_if_published(datasette, "sae_import", "start/imported")]
    return [f"{' and '.join(names)}: {IMPORTED_NOTE}"] if names else []


def _tries(contrasts: list[dict[str, Any]]) -> list[str]:
    """Searches that find something here: a feature, a word, a sentence."""
    best = [contrast["candidates"][0] for contrast in contrasts if contrast["candidates"]][:1]
    tries: list[str] = []
    for candidate in best:
        tries.append(f"#{candidate['feature']}")
        tokens = [token.strip() for token in candidate["top_tokens"]]
        tries += sorted(tokens, key=lambda token: not (token.isalpha() and len(token) > 2))[:1]  # best a whole word
        tries.append("".join(part["text"] for part in candidate["sentence"]).strip())
    return [text for text in tries if text and len(text) <= 100]


async def _contrasts(datasette: "Datasette") -> list[dict[str, Any]]:
    """Each contrast with its first candidates, on each SAE that it was computed for."""
    found = await rows(datasette, "contrast/contrasts", name=None)
    return [
        {
            "name": contrast["name"],
            "sae": contrast["sae_name"],
            "address": contrast_address(datasette, contrast["name"], contrast["sae_name"]),
            "positive": contrast_page_sets(contrast["positive"]),
            "control": contrast_page_sets(contrast["control"]),
            "documents_positive": contrast["documents_positive"],
            "documents_control": contrast["documents_control"],
            "stale": bool(contrast["stale"]),
            "candidates": await _candidates(datasette, contrast),
        }
        for contrast in found[:CONTRASTS]
    ]


async def _saes(datasette: "Datasette") -> list[Row]:
    """Each SAE, with how much it has read."""
    found = await rows(datasette, "start/saes")
    return [sae | {"address": sae_address(datasette, sae["name"])} for sae in found]


async def _corpora(datasette: "Datasette") -> list[Row]:
    """Each corpus, the largest first, with the licences of its texts."""
    found = await rows(datasette, "start/corpora")
    return [corpus | {"address": table_address(datasette, "document", corpus=corpus["corpus"])} for corpus in found]


async def _runs(datasette: "Datasette") -> list[dict[str, Any]]:
    """The last runs, newest first."""
    return runs_of_page(await rows(datasette, "runs/rows", limit=RUNS + 1))[:RUNS]


def _queries(datasette: "Datasette") -> list[dict[str, Any]]:
    """The saved queries by group, those that a database of this server answers."""
    answered = [query for query in saved_queries().values() if query.database in datasette.databases]
    return [
        {
            "group": GROUPS[group],
            "queries": [{"title": query.title, "address": query_address(datasette, query)} for query in members],
        }
        for group, members in groupby(answered, key=lambda query: query.group)
    ]


def _databases(datasette: "Datasette") -> list[dict[str, str]]:
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
    best = await rows(datasette, "contrast/candidates", **keys, tokenization=contrast["tokenization"], limit=CANDIDATES)
    labels = await best_labels(datasette, contrast["sae"], [feature["feature"] for feature in best])
    told = []
    for feature in best:
        example = await row(datasette, "start/example", sae=contrast["sae"], feature=feature["feature"])
        told.append(
            {
                "feature": feature["feature"],
                "address": feature_address(datasette, contrast["sae_name"], feature["feature"]),
                "auroc": feature["auroc"],
                "q": feature["q"],
                "label": labels.get(feature["feature"]),
                "top_tokens": [feature[f"token_{n}"] for n in (1, 2, 3) if feature[f"token_{n}"] is not None],
                "sentence": marked_pieces(example["sentence"], OPEN_MARK, CLOSE_MARK) if example else [],
                "corpus": example["corpus"] if example else None,
            }
        )
    return told
