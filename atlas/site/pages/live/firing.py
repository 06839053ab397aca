"""What fires on a typed text, arranged for people: by feature, by token, and along the sentence."""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from atlas.site.pages.feature.histogram import BINS_TO_OCTAVE

Row = dict[str, Any]
Token = Mapping[str, Any]


@dataclass(frozen=True)
class Strengths:
    """How strongly features fire in the atlas: the tokens that reach each bin of a feature's histogram."""

    bins: Mapping[int, Sequence[int]] = field(default_factory=dict)
    reaching: Mapping[int, Sequence[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, histograms: Iterable[Row]) -> "Strengths":
        """From rows of feature, bin and tokens, sorted by feature and bin."""
        counted: dict[int, list[Row]] = defaultdict(list)
        for each in histograms:
            counted[each["feature"]].append(each)
        bins = {feature: [each["bin"] for each in found] for feature, found in counted.items()}
        reaching = {
            feature: list(accumulate(each["tokens"] for each in reversed(found)))[::-1]
            for feature, found in counted.items()
        }
        return cls(bins, reaching)

    def as_strong(self, feature: int, activation: float) -> int:
        """Tokens of the atlas on which the feature fires as strongly, counted in bins of an eighth of an octave."""
        bins = self.bins.get(feature, ())
        place = bisect_left(bins, math.floor(BINS_TO_OCTAVE * math.log2(activation)))
        return self.reaching[feature][place] if place < len(bins) else 0


def tokens_of_live_text(text: str, tokens: Sequence[Token]) -> list[Row]:
    """The tokens with their own characters."""
    return [{**token, "text": text[token["char_start"] : token["char_end"]]} for token in tokens]


def strongest_live_features(firing: Sequence[Row]) -> list[Row]:
    """The features of a text by their largest activation, with its position and the number of tokens they fire on."""
    found: dict[int, Row] = {}
    for each in firing:
        known = found.setdefault(each["feature"], {"feature": each["feature"], "activation": 0.0, "active_tokens": 0})
        known["active_tokens"] += 1
        if each["activation"] > known["activation"]:
            known.update(activation=each["activation"], position=each["position"])
    return sorted(found.values(), key=lambda each: (-each["activation"], each["feature"]))


def features_by_token(tokens: Sequence[Row], firing: Sequence[Row], most: int) -> list[Row]:
    """Each token with its strongest features and how many fire in all; `firing` is by strength within a position."""
    here: dict[int, list[Row]] = defaultdict(list)
    for each in firing:
        here[each["position"]].append(each)
    return [
        {**token, "active_features": len(here[token["position"]]), "features": here[token["position"]][:most]}
        for token in tokens
    ]


def live_page_activations(tokens: Sequence[Row], firing: Sequence[Row], feature: int | None) -> list[Row]:
    """Each token with one feature's activation, 0 where it is silent: what shades a text."""
    values = {each["position"]: each["activation"] for each in firing if each["feature"] == feature}
    return [{**token, "activation": values.get(token["position"], 0.0)} for token in tokens]


def live_page_by_particularity(features: Sequence[Row]) -> list[Row]:
    """Features with what is particular to the text first: activations that the fewest tokens of the atlas reach.

    A feature that fires everywhere comes last, unless it is stronger here than it is elsewhere. Of what the atlas does
    not know, and of what it reaches as rarely, the strongest comes first.
    """
    return sorted(features, key=lambda each: (each["as_strong"] is None, each["as_strong"] or 0, -each["activation"]))


def live_page_by_rarity(features: Sequence[Row]) -> list[Row]:
    """Features with the rarest first; those that the atlas knows nothing of come last."""
    return sorted(features, key=lambda each: (each["density"] is None, each["density"] or 0.0, -each["activation"]))
