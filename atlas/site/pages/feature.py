"""The page of a feature: /feature/RELEASE/SAE_ID/INDEX, everything the atlas knows about it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from atlas.publish.about import EMBEDDED_NOTE
from atlas.site.pages.addresses import neuronpedia_address, sae_address
from atlas.site.pages.feature_activity import firing
from atlas.site.pages.feature_causes import effects, prompts
from atlas.site.pages.feature_company import neighbours, terms, together
from atlas.site.pages.feature_contrasts import contrasts
from atlas.site.pages.feature_sentences import sentences
from atlas.site.pages.feature_weights import labels, weights
from atlas.site.pages.page import Asked, Page, PageError
from atlas.site.pages.reading import sae_named
from atlas.site.pages.subject import Subject
from ingest.models.names import POCKET

LONGEST_INDEX = 9

Part = Callable[[Subject], Awaitable[Any]]

PARTS: Mapping[str, Part] = {
    "labels": labels,
    "sentences": sentences,
    "weights": weights,
    "contrasts": contrasts,
    "prompts": prompts,
    "effects": effects,
    "neighbours": neighbours,
    "together": together,
    "terms": terms,
}
"""What the page reads beside `firing`, by its name in the JSON; a part that has nothing to show is None."""


async def view(asked: Asked) -> Page:
    """The feature of an address.

    Raises:
        PageError: there is no such SAE, or it has no such feature.
    """
    about = await _subject(asked)
    fired, *found = await asyncio.gather(firing(about), *(part(about) for part in PARTS.values()))
    content = {**_identity(about), **fired, **dict(zip(PARTS, found, strict=True))}
    return Page("feature.html", f"{about.sae['name']} #{about.feature}", content)


async def _subject(asked: Asked) -> Subject:
    name, _, index = asked.parts["path"].rstrip("/").rpartition("/")
    if not (name and index.isascii() and index.isdecimal()):
        raise PageError(
            f"{asked.parts['path']!r} names no feature; an address is /feature/RELEASE/SAE_ID/INDEX, the index from 0"
        )
    sae = await sae_named(asked.datasette, name)
    if len(index) > LONGEST_INDEX or int(index) >= sae["d_sae"]:
        raise PageError(
            f"{name} has {sae['d_sae']:,} features, 0 to {sae['d_sae'] - 1}; there is no feature {index[:20]}"
        )
    return Subject(asked.datasette, sae, int(index))


def _identity(about: Subject) -> dict[str, Any]:
    sae, feature = about.sae, about.feature
    return {
        "feature": feature,
        "sae": {**sae, "address": sae_address(about.datasette, sae["name"])},
        "note": EMBEDDED_NOTE if sae["model"] == POCKET else None,
        "neuronpedia": neuronpedia_address(sae["neuronpedia_id"], feature) if sae["neuronpedia_id"] else None,
        "previous": about.page_of(feature - 1) if feature else None,
        "next": about.page_of(feature + 1) if feature + 1 < sae["d_sae"] else None,
    }
