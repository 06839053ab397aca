"""A typed prompt, steered by one feature at one dose: what people see beside each other, and nothing is stored."""

from collections.abc import Iterable
from dataclasses import dataclass

from ingest.attribution.prompts import prompt_of_text
from ingest.circuits.effects.next_token import Moved
from ingest.circuits.effects.steering import Steering
from ingest.circuits.effects.steering_study import Effect, Question, Steered, steer_prompt
from ingest.circuits.tracer import Tracer
from ingest.encode.windows import Tokenization
from ingest.models.hooked_model import hooked_model
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.models.spelling import token_text

NEW_TOKENS = 20


@dataclass(frozen=True)
class Side:
    """What a push does: KL in nats, what the model writes, tokens raised and lowered with their probabilities."""

    feature: int
    kl: float
    continuation: str | None
    raised: list[tuple[str, float, float]]
    lowered: list[tuple[str, float, float]]


@dataclass(frozen=True)
class TypedSteering:
    """The prompt unsteered, steered, and pushed as far along a random feature, where there is one."""

    continuation: str | None
    next_tokens: list[tuple[str, float]]
    steered: Side
    random: Side | None


def steer_typed(
    model: LanguageModel, sae: SAE, feature: int, text: str, pushed: tuple[float, list[int]]
) -> TypedSteering:
    """`pushed` is what is added to the feature's activation, and the random features that it is held against.

    Raises:
        SelectionError: the text has too few tokens or too many, or the SAE has no such feature.
        ModelError: the model has no room for what is to be written.
    """
    tokenization = Tokenization(model.tokenizer, sae.context_size, sae.prepend_bos)
    tracer = Tracer(model, [sae], hooked_model(model), tokenization, [])
    for each in (feature, *pushed[1]):
        tracer.check_feature(each)
    steering = Steering(sae, feature, "add", first_position=tokenization.first_position)
    question = Question(steering, 1.0, (pushed[0],), tuple(pushed[1]), new_tokens=NEW_TOKENS)
    return _told(model, steer_prompt(tracer, question, prompt_of_text(text, tokenization)))


def _told(model: LanguageModel, found: Steered) -> TypedSteering:
    sides = [_side(model, effect) for effect in found.effects[:2]]
    tokens = [(token_text(model, number), before) for number, before, _ in found.next_tokens]
    return TypedSteering(found.continuation, tokens, sides[0], sides[1] if len(sides) > 1 else None)


def _side(model: LanguageModel, effect: Effect) -> Side:
    raised, lowered = (list(_spelled(model, moved)) for moved in (effect.raised, effect.lowered))
    return Side(effect.direction, effect.divergence, effect.continuation, raised, lowered)


def _spelled(model: LanguageModel, moved: Moved) -> Iterable[tuple[str, float, float]]:
    return ((token_text(model, number), before, after) for number, before, after in moved)
