"""The search page: a feature, a word or a sentence, and what the atlas holds of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from datasette.utils.asgi import Response

from atlas.site.live.model_process import LONGEST_TEXT, LiveError
from atlas.site.live.plugin import live_embedder, live_model
from atlas.site.pages.addresses import DATABASE, contrast_address, feature_address, sae_address, table_address
from atlas.site.pages.find.found import (
    found_on_page_by_label,
    found_on_page_by_meaning,
    found_on_page_by_spelling,
    found_on_page_by_word,
    sentences_found,
)
from atlas.site.pages.find.typed import Named, search_box_feature, search_box_text, search_box_words
from atlas.site.pages.page import Asked, Page, PageError
from atlas.site.pages.rows import Row, rows

if TYPE_CHECKING:
    from datasette.app import Datasette

ONE_WORD, OF_SEVERAL = 20, 4
MOST_ASKED = 8
"""Words of a sentence whose features are looked up; each is a query."""
ENOUGH = 5
SHOWN = ("labelled", "by_word", "all", "some")
"""What words find."""


async def view(asked: Asked) -> Page | Response:
    """What is found; where that is one feature or one SAE, straight to its page."""
    datasette, typed = asked.datasette, search_box_text(asked.query.get("q", ""))
    if "meaning" in asked.query:
        return await _by_meaning(asked, asked.query["meaning"].strip())
    saes = await rows(datasette, "find/saes")
    named = await _named(datasette, typed, saes)
    places = named["features"] + named["saes"]
    if "format" not in asked.parts and len(places) == 1 and not named["contrasts"]:
        return Response.redirect(places[0]["address"])
    words = () if named["unknown"] or named["outside"] else search_box_words(typed)
    content: dict[str, Any] = {"q": typed, "words": list(words), **named, **await _worded(datasette, words)}
    if typed and not words and not places and not named["unknown"] and not named["outside"]:
        features = await found_on_page_by_spelling(datasette, typed, ONE_WORD)
        content["by_word"] = [{"word": typed, "features": features}] if features else []
    content["boxes"] = str(datasette.urls.path("boxes")) if live_model(datasette) is not None else None
    content["known"] = [sae["name"] for sae in saes]
    content["live"] = live_address(datasette, typed)
    content["queries"] = _queries(datasette, words)
    content["meaning"] = _box(datasette)
    content["found"] = any(content[name] for name in ("features", "saes", "contrasts", *SHOWN))
    return Page("find/page.html", f"Search: {typed}" if typed else "Search", content)


async def _by_meaning(asked: Asked, text: str) -> Page:
    """The labels whose meaning is nearest to a text."""
    datasette = asked.datasette
    embedder, box = live_embedder(datasette), _box(datasette)
    if embedder is None or box is None:
        raise PageError(
            "labels are not searched by meaning here; start the server with: atlas serve SITE --embedder FOLDER"
        )
    saes = await rows(datasette, "find/saes")
    box |= {"text": text, "labels": []}
    content: dict[str, Any] = {"q": "", "known": [sae["name"] for sae in saes], "meaning": box}
    if not text:
        return Page("find/page.html", "Search", content)
    try:
        near = await embedder.nearest(Path(datasette.get_database(DATABASE).path), text)
    except LiveError as error:
        box["error"] = str(error)
        return Page("find/page.html", "Not answered", content | {"ok": False, "error": str(error)}, error.status)
    box |= {"model": near.model, "sha256": near.sha256, "figure": "cosine"}
    box["labels"] = await found_on_page_by_meaning(datasette, near.labels)
    return Page("find/page.html", f"Search by meaning: {search_box_text(text)}", content)


def _box(datasette: "Datasette") -> dict[str, Any] | None:
    """The box of a search by meaning; None where this server has no model for it."""
    return None if live_embedder(datasette) is None else {"text": "", "longest": LONGEST_TEXT}


def live_address(datasette: "Datasette", typed: str) -> str | None:
    """Where a typed sentence is read by the model itself; None where this server keeps none."""
    if not typed or live_model(datasette) is None:
        return None
    return f"{datasette.urls.path('live')}?{urlencode({'text': typed})}"


async def _named(datasette: "Datasette", typed: str, saes: list[Row]) -> dict[str, Any]:
    """What bears the very name that was typed: a feature, an SAE, a contrast; and why a feature is not here."""
    named = search_box_feature(typed)
    meant = _meant(named, saes) if named else []
    inside = [sae for sae in meant if named and named.feature < sae["d_sae"]]
    return {
        "features": [
            {
                "sae": sae["name"],
                "feature": named.feature,
                "address": feature_address(datasette, sae["name"], named.feature),
            }
            for sae in inside
            if named
        ],
        "unknown": named.sae if named and not meant and named.spelled_out else None,
        "outside": [{"sae": sae["name"], "d_sae": sae["d_sae"]} for sae in meant if sae not in inside],
        "saes": [
            {"name": sae["name"], "address": sae_address(datasette, sae["name"])}
            for sae in saes
            if typed and typed in (sae["name"], sae["pinned"], sae["neuronpedia_id"])
        ],
        "contrasts": [
            {"name": contrast["name"], "sae": contrast["sae_name"], "address": _address_of(datasette, contrast)}
            for contrast in await rows(datasette, "contrast/contrasts", name=typed)
        ],
    }


def _meant(named: Named, saes: list[Row]) -> list[Row]:
    """The SAEs that a spelling may mean: all of them where none is named."""
    if named.sae is None:
        return saes
    return [sae for sae in saes if named.sae in (sae["name"], sae["pinned"], sae["neuronpedia_id"], sae["sae_id"])]


async def _worded(datasette: "Datasette", words: tuple[str, ...]) -> dict[str, Any]:
    """Features by word, and sentences: those with all of the words, then, if these are few, with some."""
    if not words:
        return {name: [] for name in SHOWN}
    most = ONE_WORD if len(words) == 1 else OF_SEVERAL
    by_word = [
        {"word": word, "features": await found_on_page_by_word(datasette, word, most)} for word in words[:MOST_ASKED]
    ]
    every = await sentences_found(datasette, words, "AND")
    some = await sentences_found(datasette, words, "OR") if len(words) > 1 and len(every) < ENOUGH else []
    known = {document["document"] for document in every}
    return {
        "labelled": await found_on_page_by_label(datasette, words),
        "by_word": [found for found in by_word if found["features"]],
        "all": every,
        "some": [document for document in some if document["document"] not in known],
    }


def _address_of(datasette: "Datasette", contrast: Row) -> str:
    return contrast_address(datasette, contrast["name"], contrast["sae_name"])


def _queries(datasette: "Datasette", words: tuple[str, ...]) -> list[dict[str, str]]:
    """Where to go on with the same words."""
    if not words:
        return []
    text = " ".join(words)
    return [
        {"title": "every document with these words", "address": table_address(datasette, "document", _search=text)},
        {"title": "every example sentence with them", "address": table_address(datasette, "example", _search=text)},
        {"title": "tokens of the vocabulary", "address": table_address(datasette, "vocabulary", _search=text)},
    ]
