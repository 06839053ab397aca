"""What a question is: what it asks of a prompt, and the answers that it gives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import numpy as np
from jaxtyping import Float

from ingest.attribution.explained_model import CleanRun, Subject
from ingest.attribution.feature_game import Parts
from ingest.attribution.prompts import Prompt
from ingest.attribution.readouts import Output
from ingest.attribution.shapley import Estimate, Method
from schema.naming import check_feature_indices

Absent = Float[np.ndarray, " d_sae"] | None
"""The activations that stand for absent features; None: zeros."""


@dataclass(frozen=True)
class Prediction:
    """One explanation to be made: of a token, predicted at a position.

    Fields of both kinds are the columns of `explanation`.
    """

    output: Output
    position: int
    feature: None = field(default=None, init=False)
    target_id: int
    every_position: bool = False


@dataclass(frozen=True)
class Activation:
    """One explanation to be made: of a feature, at a position, or where it is largest."""

    output: Literal["activation"] = field(default="activation", init=False)
    position: int | None
    feature: int
    target_id: None = field(default=None, init=False)
    every_position: bool = field(default=False, init=False)


@dataclass(frozen=True)
class Answer:
    """An explanation of what was asked; with features as players there are cheaper attributions beside the values."""

    asked: Prediction | Activation
    estimate: Estimate
    by_feature: "FeatureAnswer | None" = None


@dataclass(frozen=True)
class FeatureAnswer:
    """The features whose values an answer gives, the SAE's error last, and their first-order effects.

    Shapes: activation_gradient, integrated_gradients (player,).
    """

    parts: Parts
    activation_gradient: Float[np.ndarray, " player"]
    integrated_gradients: Float[np.ndarray, " player"]


Asked = TypeVar("Asked", Prediction, Activation)


class Question(Protocol[Asked]):
    """A kind of question, and what of a prompt and of its players it is about."""

    name: ClassVar[str]
    pairs: ClassVar[int]
    """Pairs of permutations, where nobody says how many."""

    @property
    def token(self) -> str | None:
        """The token whose prediction is explained; None: the model's own first choice, or no prediction at all."""

    @property
    def features(self) -> tuple[int, ...]:
        """The features that are meant, if any."""

    @property
    def position(self) -> int | None:
        """The position that was chosen, BOS being 0."""

    @property
    def baseline(self) -> str:
        """What stands for an absent player: see `token_game` and `feature_game`."""

    def ask(self, subject: Subject, prompt: Prompt, run: CleanRun) -> list[Asked]:
        """The explanations that are to be made of a prompt, one at least.

        Raises:
            SelectionError: there is nothing to explain: the position is not in the prompt, or nothing fires.
            ModelError: the SAE does not read where the question needs it.
        """

    def answer(
        self, using: tuple[Subject, Method, Absent], prompt: Prompt, run: CleanRun, asked: Sequence[Asked]
    ) -> list[Answer]:
        """An answer to each of what was asked of a prompt.

        Raises:
            SelectionError: the method does not fit the number of players.
        """


def check_explained_targets(question: Question[Any], subject: Subject) -> None:
    """Refuse a token or a feature that there is not.

    Raises:
        SelectionError: the target is not one token, or a feature is beyond the SAE's.
    """
    if question.token is not None:
        subject.target_id(question.token)
    check_feature_indices(question.features, str(subject.sae.name), subject.sae.d_sae)
