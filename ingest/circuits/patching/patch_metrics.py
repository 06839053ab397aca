"""What is read of a pair of prompts: a feature where it is strongest, or a logit; never before the prompts differ."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch

from ingest.circuits.patching.metrics import FeatureMetric, LogitMetric, Metric
from ingest.circuits.patching.prompt_pairs import PromptPair
from ingest.circuits.tracer import Tracer
from ingest.models.spelling import token_id
from schema.errors import SelectionError

PassedOver = Literal["silent", "early", "short"]
"""No feature fires; all is read before the first token that differs; the position asked for is not in the pair."""


@dataclass(frozen=True)
class Asked:
    """Features of the first SAE; without any, the logit of a token, or how far it is above that of another.

    `position`, BOS being 0, is where it is read: else where the feature is strongest, or the last.
    """

    features: tuple[int, ...]
    tokens: tuple[str | None, str | None]
    position: int | None


def check_patching_position(tracer: Tracer, asked: Asked, pairs: Iterable[PromptPair]) -> None:
    """Raises SelectionError where the position asked for cannot be read of one of the pairs."""
    position = asked.position
    if position is None:
        return
    for pair in pairs:
        positions, text = _positions(tracer, pair), repr(pair.clean.text[:40])
        if position not in positions:
            raise SelectionError(f"position {position} is not in {text}, whose are {positions[0]} to {positions[-1]}")
        first = positions[pair.first_difference]
        if position < first:
            raise SelectionError(f"position {position} of {text} is before the first that differs: {first}; read later")


def metrics_of_pair(tracer: Tracer, asked: Asked, pair: PromptPair) -> list[Metric] | PassedOver:
    """What is read of a pair, or why nothing is."""
    positions, position = _positions(tracer, pair), asked.position
    first = positions[pair.first_difference]
    if position is not None and position not in positions:
        return "short"
    if position is not None and position < first:
        return "early"
    if not asked.features:
        last = positions[-1] if position is None else position
        return [LogitMetric(last, *_token_ids(tracer, asked, pair, last))]
    start = first if position is None else 0
    places = {feature: _strongest(tracer, feature, pair, start) for feature in asked.features}
    found: list[Metric] = [
        FeatureMetric(tracer.sae, feature, place if position is None else position)
        for feature, place in places.items()
        if place is not None
    ]
    if found:
        return found
    fires = any(_strongest(tracer, feature, pair, 0) is not None for feature in asked.features)
    return "early" if fires else "silent"


def _positions(tracer: Tracer, pair: PromptPair) -> range:
    """Those of a pair's tokens, BOS being 0."""
    first = tracer.tokenization.first_position
    return range(first, first + len(pair))


def _strongest(tracer: Tracer, feature: int, pair: PromptPair, start: int) -> int | None:
    """Where a feature is strongest on the clean prompt; on the corrupted one where it is silent there."""
    places = (tracer.strongest(feature, prompt, start) for prompt in (pair.clean, pair.corrupted))
    return next((place for place in places if place is not None), None)


def _token_ids(tracer: Tracer, asked: Asked, pair: PromptPair, position: int) -> tuple[int, int | None]:
    """The tokens whose logits are read: what the model itself puts first on the clean prompt, unless named."""
    target, against = asked.tokens
    other = None if against is None else token_id(tracer.model, against)
    if target is not None:
        return token_id(tracer.model, target), other
    with torch.no_grad():
        run = tracer.hooked.run(tracer.tokens(pair.clean)[None], logits=True)
        return int(run.logits((0, position)).argmax()), other
