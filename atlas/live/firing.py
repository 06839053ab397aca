"""What fires on a typed text, arranged for people: by feature, by token, and along the sentence."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]
Token = Mapping[str, Any]


def tokens_of(text: str, tokens: Sequence[Token]) -> list[Row]:
    """The tokens with their own characters."""
    return [{**token, "text": text[token["char_start"] : token["char_end"]]} for token in tokens]


def strongest_features(firing: Sequence[Row]) -> list[Row]:
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


def activations_of(tokens: Sequence[Row], firing: Sequence[Row], feature: int | None) -> list[Row]:
    """Each token with one feature's activation, 0 where it is silent: what shades a text."""
    values = {each["position"]: each["activation"] for each in firing if each["feature"] == feature}
    return [{**token, "activation": values.get(token["position"], 0.0)} for token in tokens]


def by_rarity(features: Sequence[Row]) -> list[Row]:
    """Features with the rarest first; those that the atlas knows nothing of come last."""
    return sorted(features, key=lambda each: (each["density"] is None, each["density"] or 0.0, -each["activation"]))
