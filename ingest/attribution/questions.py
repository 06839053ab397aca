"""The three questions: what each asks of a prompt, and its answers.

token     tokens -> logit or log-probability of the token to come
feature   tokens -> activation of a feature: its largest, or at a position
logit     features active at a position, and the SAE's error -> logit or log-probability there
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ingest.attribution.feature_game import FeatureGame, Parts, activation_gradient, integrated_gradients, take_apart
from ingest.attribution.library import partition_values, text_measure
from ingest.attribution.prompts import Prompt
from ingest.attribution.readouts import Readout, feature_readout, token_readout
from ingest.attribution.request import Method, Target
from ingest.attribution.shapley import (
    EXACT_PLAYERS,
    MOST_EXACT_PLAYERS,
    Estimate,
    Game,
    exact_values,
    permutation_values,
)
from ingest.attribution.subject import CleanRun, Subject
from ingest.attribution.token_game import Baseline, TokenGame
from ingest.models.sae import hook_layer
from schema.errors import ModelError, SelectionError


@dataclass(frozen=True)
class Asked:
    """One explanation to be made of a prompt. position None: the largest over the prompt."""

    output: str
    position: int | None
    feature: int | None = None
    target_id: int | None = None
    every_position: bool = False


@dataclass(frozen=True)
class Answer:
    """An explanation. With features as players there are parts, and cheaper attributions beside the values.

    Shapes: activation_gradient, integrated_gradients (player,).
    """

    asked: Asked
    estimate: Estimate
    parts: Parts | None = None
    activation_gradient: Float[np.ndarray, " player"] | None = None
    integrated_gradients: Float[np.ndarray, " player"] | None = None


def ask_token(subject: Subject, target: Target, prompt: Prompt, run: CleanRun) -> list[Asked]:
    """The next token after the prompt."""
    last = len(run.tokens) - 1
    return [Asked(target.output, last, target_id=_target_id(subject, target, run, last))]


def answer_token(
    subject: Subject, method: Method, prompt: Prompt, run: CleanRun, asked: Sequence[Asked]
) -> list[Answer]:
    """Tokens as players, for the prediction after the last of them."""
    return [
        Answer(one, _of_tokens(subject, method, prompt, token_readout(subject.gpt2, [one.target_id], one.output))[0])  # type: ignore[list-item,arg-type]
        for one in asked
    ]


def ask_feature(subject: Subject, target: Target, prompt: Prompt, run: CleanRun) -> list[Asked]:
    """Each feature that fires on the prompt, or at the position.

    Raises:
        SelectionError: none does.
    """
    if target.position is not None:
        _check_position(subject, prompt, target.position)
    firing = _firing(subject, target, run)
    return [Asked("activation", target.position, feature=feature) for feature in firing]


def answer_feature(
    subject: Subject, method: Method, prompt: Prompt, run: CleanRun, asked: Sequence[Asked]
) -> list[Answer]:
    """Tokens as players, for the activations of features; one pass serves them all."""
    position = asked[0].position
    features = [one.feature for one in asked if one.feature is not None]
    readout = feature_readout(subject.sae, features, largest=position is None)
    if position is not None:
        prompt = prompt.until(position + 1 - int(subject.bos is not None))
    estimates = _of_tokens(subject, method, prompt, readout)
    return [Answer(one, estimate) for one, estimate in zip(asked, estimates, strict=True)]


def ask_logit(subject: Subject, target: Target, prompt: Prompt, run: CleanRun) -> list[Asked]:
    """The prediction at a position: the given one, where each feature is strongest, or the last.

    Raises:
        SelectionError: the position is not in the prompt, or none of the features fires there.
        ModelError: the SAE does not read the residual stream between blocks.
    """
    _first_block(subject)
    if target.position is not None:
        _check_position(subject, prompt, target.position)
        positions = [target.position]
    elif target.features:
        positions = sorted(set(_firing(subject, target, run).values()))
    else:
        positions = [len(run.tokens) - 1]
    return [
        Asked(
            target.output,
            position,
            target_id=_target_id(subject, target, run, position),
            every_position=target.every_position,
        )
        for position in positions
    ]


def answer_logit(
    subject: Subject,
    method: Method,
    baseline: Float[np.ndarray, " d_sae"] | None,
    run: CleanRun,
    asked: Sequence[Asked],
) -> list[Answer]:
    """Active features and the SAE's error as players."""
    return [_of_features(subject, method, baseline, run, one) for one in asked]


def _of_features(subject: Subject, method: Method, baseline: np.ndarray | None, run: CleanRun, one: Asked) -> Answer:
    assert one.position is not None
    parts = take_apart(subject.sae, run.at_hook[: one.position + 1], baseline)
    readout = token_readout(subject.gpt2, [one.target_id], one.output)  # type: ignore[list-item,arg-type]
    game = FeatureGame(
        subject.gpt2,
        readout,
        parts,
        _first_block(subject),
        every_position=one.every_position,
        bos=subject.bos is not None,
    )
    estimate = estimate_values(game, len(parts.contributions), method)
    return Answer(one, estimate, parts, activation_gradient(game), integrated_gradients(game))


def estimate_values(game: Game, players: int, method: Method) -> Estimate:
    """Shapley values as the method says.

    Raises:
        SelectionError: exact values of more players than can be enumerated.
    """
    if method.estimator == "exact" and players > MOST_EXACT_PLAYERS:
        raise SelectionError(
            f"{players} players have 2^{players} coalitions; exact values are for {MOST_EXACT_PLAYERS} at most: "
            "use --estimator permutation"
        )
    if method.estimator == "exact" or (method.estimator == "auto" and players <= EXACT_PLAYERS):
        return exact_values(game, players)
    return permutation_values(game, players, method.pairs, method.seed)


def _of_tokens(subject: Subject, method: Method, prompt: Prompt, readout: Readout) -> list[Estimate]:
    """One estimate an output of the readout."""
    if method.estimator == "partition":
        measure = text_measure(subject.gpt2, readout, subject.model.tokenizer, subject.bos)
        whole = partition_values(subject.model.tokenizer, measure, prompt.text, len(prompt))
    else:
        baseline: Baseline = method.baseline  # type: ignore[assignment]
        game = TokenGame(subject.gpt2, readout, prompt.token_ids, subject.bos, baseline, subject.threads)
        whole = estimate_values(game, len(prompt), method)
    return [whole.output(number) for number in range(len(whole.base))]


def _target_id(subject: Subject, target: Target, run: CleanRun, position: int) -> int:
    if target.token is not None:
        return subject.target_id(target.token)
    return int(subject.gpt2.logits(run.final[position]).argmax())


def _firing(subject: Subject, target: Target, run: CleanRun) -> dict[int, int]:
    """Each feature that fires, with the position where it is strongest; BOS left out.

    Raises:
        SelectionError: none of them fires.
    """
    first = int(subject.bos is not None)
    acts = feature_readout(subject.sae, target.features, largest=False).measure(run.at_hook[first:])
    strongest, position = acts.max(0)
    if target.position is not None:
        strongest, position = acts[target.position - first], position * 0 + target.position - first
    found = {
        feature: int(place) + first
        for feature, activation, place in zip(target.features, strongest, position, strict=True)
        if activation > 0
    }
    if not found:
        names = ", ".join(map(str, target.features))
        where = "on the prompt" if target.position is None else f"at position {target.position}"
        raise SelectionError(f"feature {names} of {subject.sae.name} never fires {where}; choose another prompt")
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
