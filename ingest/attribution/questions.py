"""The three questions: what each asks of a prompt, and its answers.

token     tokens -> logit or log-probability of the token to come
feature   tokens -> activation of a feature: its largest, or at a position
logit     features active at a position, and the SAE's error -> logit or log-probability there
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from ingest.attribution.answers import Absent, Activation, Answer, FeatureAnswer, Prediction
from ingest.attribution.explained_model import CleanRun, Subject
from ingest.attribution.feature_game import (
    FeatureGame,
    activation_gradient,
    integrated_gradients,
    players_and_remainder,
)
from ingest.attribution.prompts import Prompt
from ingest.attribution.readouts import Output, Readout, feature_readout, token_readout
from ingest.attribution.shap_library import shap_partition_values, shap_text_measure
from ingest.attribution.shapley import FEATURE_PAIRS, TOKEN_PAIRS, Estimate, Method, estimate_values
from ingest.attribution.token_game import Baseline, TokenGame
from ingest.models.hook_points import hook_layer
from schema.errors import ModelError, SelectionError


@dataclass(frozen=True)
class TokenQuestion:
    """Tokens as players, for the prediction after the last of them; with `study`, the study's filter is run beside."""

    name: ClassVar[str] = "token"
    pairs: ClassVar[int] = TOKEN_PAIRS
    features: ClassVar[tuple[int, ...]] = ()
    position: ClassVar[int | None] = None
    token: str | None = None
    output: Output = "logit"
    baseline: Baseline = "end_of_text"
    study: bool = False

    def ask(self, subject: Subject, prompt: Prompt, run: CleanRun) -> list[Prediction]:
        """The next token after the prompt."""
        last = len(run.tokens) - 1
        return [Prediction(self.output, last, _target_id(subject, self.token, run, last))]

    def answer(
        self, using: tuple[Subject, Method, Absent], prompt: Prompt, run: CleanRun, asked: Sequence[Prediction]
    ) -> list[Answer]:
        """Each prediction is a game of its own."""
        subject, method, _ = using
        readouts = [token_readout(subject.gpt2, [one.target_id], one.output) for one in asked]
        return [
            Answer(one, _of_tokens(subject, method, self.baseline, prompt, readout)[0])
            for one, readout in zip(asked, readouts, strict=True)
        ]


@dataclass(frozen=True)
class FeatureQuestion:
    """Tokens as players, for the activations of features: each its largest, or that at a position."""

    name: ClassVar[str] = "feature"
    pairs: ClassVar[int] = TOKEN_PAIRS
    token: ClassVar[str | None] = None
    features: tuple[int, ...]
    position: int | None = None
    baseline: Baseline = "end_of_text"

    def ask(self, subject: Subject, prompt: Prompt, run: CleanRun) -> list[Activation]:
        """Each feature that fires on the prompt, or at the position."""
        if self.position is not None:
            _check_position(subject, prompt, self.position)
        firing = _firing(subject, self.features, self.position, run)
        return [Activation(self.position, feature) for feature in firing]

    def answer(
        self, using: tuple[Subject, Method, Absent], prompt: Prompt, run: CleanRun, asked: Sequence[Activation]
    ) -> list[Answer]:
        """One game serves all features."""
        subject, method, _ = using
        readout = feature_readout(subject.sae, [one.feature for one in asked], largest=self.position is None)
        if self.position is not None:
            prompt = prompt.until(self.position + 1 - int(subject.bos is not None))
        estimates = _of_tokens(subject, method, self.baseline, prompt, readout)
        return [Answer(one, estimate) for one, estimate in zip(asked, estimates, strict=True)]


@dataclass(frozen=True)
class LogitQuestion:
    """Active features and the SAE's error as players, for the prediction at a position.

    Without a position it is where each of the features is strongest; without features, the last.
    """

    name: ClassVar[str] = "logit"
    pairs: ClassVar[int] = FEATURE_PAIRS
    token: str | None = None
    output: Output = "logit"
    features: tuple[int, ...] = ()
    position: int | None = None
    every_position: bool = False
    baseline: Literal["zero", "mean"] = "zero"

    def ask(self, subject: Subject, prompt: Prompt, run: CleanRun) -> list[Prediction]:
        """The prediction at each position that is meant."""
        _first_block(subject)
        return [
            Prediction(self.output, position, _target_id(subject, self.token, run, position), self.every_position)
            for position in self._positions(subject, prompt, run)
        ]

    def _positions(self, subject: Subject, prompt: Prompt, run: CleanRun) -> list[int]:
        if self.position is not None:
            _check_position(subject, prompt, self.position)
            return [self.position]
        if self.features:
            return sorted(set(_firing(subject, self.features, None, run).values()))
        return [len(run.tokens) - 1]

    def answer(
        self, using: tuple[Subject, Method, Absent], prompt: Prompt, run: CleanRun, asked: Sequence[Prediction]
    ) -> list[Answer]:
        """Each prediction is a game of its own."""
        return [self._answer(*using, run, one) for one in asked]

    def _answer(self, subject: Subject, method: Method, absent: Absent, run: CleanRun, one: Prediction) -> Answer:
        parts = players_and_remainder(subject.sae, run.at_hook[: one.position + 1], absent)
        game = FeatureGame(
            subject.gpt2,
            token_readout(subject.gpt2, [one.target_id], one.output),
            parts,
            _first_block(subject),
            every_position=one.every_position,
            bos=subject.bos is not None,
        )
        estimate = estimate_values(game, len(parts.contributions), method)
        return Answer(one, estimate, FeatureAnswer(parts, activation_gradient(game), integrated_gradients(game)))


def _of_tokens(
    subject: Subject, method: Method, baseline: Baseline, prompt: Prompt, readout: Readout
) -> list[Estimate]:
    """One estimate an output of the readout."""
    if method.estimator == "partition":
        measure = shap_text_measure(subject.gpt2, readout, subject.model.tokenizer, subject.bos)
        whole = shap_partition_values(subject.model.tokenizer, measure, prompt.text, len(prompt))
    else:
        game = TokenGame(subject.gpt2, readout, prompt.token_ids, subject.bos, baseline, subject.threads)
        whole = estimate_values(game, len(prompt), method)
    return [whole.output(number) for number in range(len(whole.base))]


def _target_id(subject: Subject, token: str | None, run: CleanRun, position: int) -> int:
    if token is not None:
        return subject.target_id(token)
    return int(subject.gpt2.logits(run.final[position]).argmax())


def _firing(subject: Subject, features: Sequence[int], position: int | None, run: CleanRun) -> dict[int, int]:
    """Each feature that fires, with the position where it is strongest, or that position; BOS left out.

    Raises:
        SelectionError: none of them fires.
    """
    first = int(subject.bos is not None)
    acts = feature_readout(subject.sae, features, largest=False).measure(run.at_hook[first:])
    strongest, place = acts.max(0)
    if position is not None:
        strongest, place = acts[position - first], place * 0 + position - first
    found = {
        feature: int(where) + first
        for feature, activation, where in zip(features, strongest, place, strict=True)
        if activation > 0
    }
    if not found:
        names = ", ".join(map(str, features))
        spot = "on the prompt" if position is None else f"at position {position}"
        raise SelectionError(f"feature {names} of {subject.sae.name} never fires {spot}; choose another prompt")
    return found


def _check_position(subject: Subject, prompt: Prompt, position: int) -> None:
    first = int(subject.bos is not None)
    if not first <= position < first + len(prompt):
        raise SelectionError(
            f"position {position} is not in the prompt; its tokens are {first} to {first + len(prompt) - 1}"
        )


def _first_block(subject: Subject) -> int:
    """The block that reads what the SAE reads.

    Raises:
        ModelError: the SAE reads elsewhere.
    """
    hook_name = subject.sae.hook_name
    if hook_name.endswith(".hook_resid_pre"):
        return hook_layer(hook_name)
    if hook_name.endswith(".hook_resid_post"):
        return hook_layer(hook_name) + 1
    raise ModelError(
        f"{subject.sae.name} reads {hook_name}; features explain a prediction from the residual stream only"
    )
