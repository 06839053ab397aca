"""The search page: a feature, a word or a sentence, and what the atlas holds of it."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from datasette.utils.asgi import Response

from atlas.site.live.switch import live_model
from atlas.site.pages.addresses import contrast_address, feature_address, sae_address, table_address
from atlas.site.pages.find_rows import features_on, sentences
from atlas.site.pages.find_words import Named, named_feature, typed_text, words_of
from atlas.site.pages.page import Asked, Page
from atlas.site.pages.reading import Row, rows

if TYPE_CHECKING:
    from datasette.app import Datasette

ONE_WORD, OF_SEVERAL = 20, 4
MOST_ASKED = 8
"""Words of a sentence whose features are looked up; each is a query."""
ENOUGH = 5


async def view(asked: Asked) -> Page | Response:
    """What is found; where that is one feature or one SAE, straight to its page."""
    datasette, typed = asked.datasette, typed_text(asked.query.get("q", ""))
    saes = await rows(datasette, "find_saes")
    named = await _named(datasette, typed, saes)
    places = named["features"] + named["saes"]
    if "format" not in asked.parts and len(places) == 1 and not named["contrasts"]:
        return Response.redirect(places[0]["address"])
    words = () if named["unknown"] or named["outside"] else words_of(typed)
    content: dict[str, Any] = {"q": typed, "words": list(words), **named, **await _worded(datasette, words)}
    content["known"] = [sae["name"] for sae in saes]
    content["live"] = live_address(datasette, typed)
    content["queries"] = _queries(datasette, words)
    content["found"] = any(content[name] for name in ("features", "saes", "contrasts", "by_word", "all", "some"))
    return Page("find.html", f"Search: {typed}" if typed else "Search", content)


def live_address(datasette: "Datasette", typed: str) -> str | None:
    """Where a typed sentence is read by the model itself; None where this server keeps none."""
    if not typed or live_model(datasette) is None:
        return None
    return f"{datasette.urls.path('live')}?{urlencode({'text': typed})}"


async def _named(datasette: "Datasette", typed: str, saes: list[Row]) -> dict[str, Any]:
    """What bears the very name that was typed: a feature, an SAE, a contrast; and why a feature is not here."""
    named = named_feature(typed)
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
            for contrast in await rows(datasette, "contrast_saes", name=typed)
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
        return {"by_word": [], "all": [], "some": []}
    most = ONE_WORD if len(words) == 1 else OF_SEVERAL
    by_word = [{"word": word, "features": await features_on(datasette, word, most)} for word in words[:MOST_ASKED]]
    every = await sentences(datasette, words, "AND")
    some = await sentences(datasette, words, "OR") if len(words) > 1 and len(every) < ENOUGH else []
    known = {document["document"] for document in every}
    return {
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
