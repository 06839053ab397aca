"""The page of a typed sentence: its tokens, and the features that fire on each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from atlas.site.live.model_process import LONGEST_TEXT, LiveError
from atlas.site.live.plugin import live_model
from atlas.site.pages.addresses import feature_address, sae_address
from atlas.site.pages.feature import LONGEST_INDEX
from atlas.site.pages.live.firing import (
    Strengths,
    features_by_token,
    live_page_activations,
    live_page_by_particularity,
    live_page_by_rarity,
    strongest_live_features,
    tokens_of_live_text,
)
from atlas.site.pages.page import Asked, Page, PageError
from atlas.site.pages.rows import Row, rows

if TYPE_CHECKING:
    from datasette.app import Datasette

A_TOKEN, A_TEXT, TOP_TOKENS = 5, 24, 4
"""Features shown of each token and of the whole text; tokens that tell a feature."""
SURPRISE, STRENGTH, RARITY = "surprise", "strength", "rarity"
ORDERS = (SURPRISE, STRENGTH, RARITY)
"""How features are listed; the first where none is asked for."""
EXAMPLE = "The doctor found that the infection had spread to the kidneys."


@dataclass(frozen=True)
class Reader:
    """One SAE on one text; `sae` is its row, None where the atlas holds no SAE of these weights."""

    datasette: "Datasette"
    name: str
    sae: Row | None
    text: str
    tokens: Sequence[Row]
    firing: Sequence[Row]

    def feature_page(self, feature: int) -> str | None:
        """Where a feature is shown."""
        return feature_address(self.datasette, self.name, feature) if self.sae else None

    async def densities(self, features: Sequence[int]) -> dict[int, float]:
        """How often features fire in the corpora of the atlas; one that never does is left out."""
        if self.sae is None:
            return {}
        found = await rows(self.datasette, "live/densities", sae=self.sae["sae"], features=json.dumps(features))
        return {row["feature"]: row["density"] for row in found}

    async def top_tokens(self, features: Sequence[int]) -> dict[int, list[str]]:
        """The tokens of the corpora on which features fire most."""
        if self.sae is None:
            return {}
        values = {"sae": self.sae["sae"], "features": json.dumps(features), "tokens": TOP_TOKENS}
        spoken: dict[int, list[str]] = {}
        for row in await rows(self.datasette, "live/top_tokens", **values):
            spoken.setdefault(row["feature"], []).append(row["text"])
        return spoken

    async def strengths(self, features: Sequence[int]) -> Strengths | None:
        """How strongly features fire in the corpora of the atlas; None where it does not know the SAE."""
        if self.sae is None:
            return None
        histograms = await rows(self.datasette, "live/histograms", sae=self.sae["sae"], features=json.dumps(features))
        return Strengths.of(histograms)

    async def content(self, asked: Asked) -> Row:
        """What is shown of this SAE; `?order=` says which features come first, `?feature=` chooses the shading."""
        order = live_order_asked(asked)
        features = strongest_live_features(self.firing)
        indices = [each["feature"] for each in features]
        densities, strengths = await self.densities(indices), await self.strengths(indices)
        features = [each | {"density": densities.get(each["feature"])} for each in _measured(features, strengths)]
        firing = _measured(self.firing, strengths)
        if order == RARITY:
            features = live_page_by_rarity(features)
        elif order == SURPRISE:
            features, firing = live_page_by_particularity(features), live_page_by_particularity(firing)
        shown = features[:A_TEXT]
        spoken = await self.top_tokens([each["feature"] for each in shown])
        feature = self._chosen(asked, features)
        shading = live_page_activations(self.tokens, self.firing, feature)
        return {
            "name": self.name,
            "address": sae_address(self.datasette, self.name) if self.sae else None,
            "active_features": len(features),
            "tokens_read": None if self.sae is None else self.sae["tokens"],
            "feature": feature,
            "shading": shading,
            "scale": max((token["activation"] for token in shading), default=0.0),
            "features": [self._told(asked, each, spoken.get(each["feature"], [])) for each in shown],
            "tokens": [
                {**token, "features": [self._linked(each) for each in token["features"]]}
                for token in features_by_token(self.tokens, firing, A_TOKEN)
            ],
        }

    def _told(self, asked: Asked, each: Row, top_tokens: Sequence[str]) -> Row:
        shade = self._here(asked, sae=self.name, feature=each["feature"])
        return {**self._linked(each), "top_tokens": top_tokens, "shade": shade}

    def _chosen(self, asked: Asked, features: Sequence[Row]) -> int | None:
        """The feature that shades the text: the one asked for, else the first that is shown."""
        feature = asked.query.get("feature", "")
        if feature.isdecimal() and len(feature) <= LONGEST_INDEX and asked.query.get("sae", self.name) == self.name:
            return int(feature)
        return features[0]["feature"] if features else None

    def _here(self, asked: Asked, **changed: object) -> str:
        """This page with something else chosen."""
        kept = {name: asked.query[name] for name in ("order",) if name in asked.query}
        return f"{self.datasette.urls.path('live')}?{urlencode({'text': self.text, **kept, **changed}, safe='/')}"

    def _linked(self, each: Row) -> Row:
        return {**each, "address": self.feature_page(each["feature"])}


def live_order_asked(asked: Asked) -> str:
    """What the address says of the order; one that is not known is as none."""
    order = asked.query.get("order", SURPRISE)
    return order if order in ORDERS else SURPRISE


def _measured(firing: Sequence[Row], strengths: Strengths | None) -> list[Row]:
    """Activations, each with the tokens of the atlas that reach it."""
    return [
        each | {"as_strong": None if strengths is None else strengths.as_strong(each["feature"], each["activation"])}
        for each in firing
    ]


async def view(asked: Asked) -> Page:
    """What fires on the text of `?text=`; `?sae=` and `?feature=` choose what shades it."""
    model = live_model(asked.datasette)
    if model is None:
        raise PageError("typed texts are not answered here; start the server with: atlas serve SITE --live")
    text = asked.query.get("text", "").replace("\r\n", "\n")
    content = {
        "text": text,
        "longest": LONGEST_TEXT,
        "example": EXAMPLE,
        "here": str(asked.datasette.urls.path("live")),
    }
    if not text.strip():
        model.start()
        return Page("live/page.html", "Type a sentence, see what fires", content)
    try:
        said = await model.ask(text)
    except LiveError as error:
        return Page("live/page.html", "Not answered", content | {"ok": False, "error": str(error)}, error.status)
    assert model.loaded is not None
    return Page("live/page.html", "What fires", content | await _answer(asked, text, said, model.loaded))


async def _answer(asked: Asked, text: str, said: Mapping[str, Any], loaded: Mapping[str, Any]) -> Row:
    known = await rows(asked.datasette, "live/saes")
    tokens = tokens_of_live_text(text, said["tokens"])
    readers = []
    for sae, firing in zip(loaded["saes"], said["firing"], strict=True):
        row = live_page_sae_row(sae, known)
        name = row["name"] if row else f"{sae['release']}/{sae['sae_id']}"
        readers.append(Reader(asked.datasette, name, row, text, tokens, firing))
    here = f"{asked.datasette.urls.path('live')}?{urlencode({'text': text})}"
    return {
        "model": loaded["model"],
        "order": live_order_asked(asked),
        "orders": {order: f"{here}&order={order}" for order in ORDERS},
        "tokens": len(tokens),
        "left_out": said["left_out"],
        "saes": [await reader.content(asked) for reader in readers],
    }


def live_page_sae_row(sae: Mapping[str, Any], known: Sequence[Row]) -> Row | None:
    """The row of an SAE that is loaded: of its weights and settings, or of settings that are not known."""
    alike = [row for row in known if all(row[name] == sae[name] for name in ("release", "sae_id", "weights_sha256"))]
    for settings in (sae["config_sha256"], None):
        for row in alike:
            if row["config_sha256"] == settings:
                return row
    return None
