"""A prompt steered by a feature at many doses, each dose beside random features that are pushed as far.

Every dose of every feature is a row of one batch that resumes from the block of the hook; the prompt runs once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int

from ingest.attribution.prompts import Prompt
from ingest.circuits.effects.next_token import Moved, NextToken, rank_among_controls
from ingest.circuits.effects.steering import Lane, Steering
from ingest.circuits.tracer import Tracer
from ingest.models.hook_points import RESID_PRE, hook_at
from ingest.models.sampling import GREEDY, Sampling

ROW_TOKENS = 4096
"""Positions of one batch, over all of its rows."""
SHOWN = 10
"""Tokens named on each side of a change."""


@dataclass(frozen=True)
class Question:
    """What a prompt is asked: doses, in units of `unit`, the feature's largest activation; what it is held against."""

    steering: Steering
    unit: float
    doses: tuple[float, ...]
    controls: tuple[int, ...] = ()
    words: tuple[int, ...] = ()
    new_tokens: int = 0
    sampling: Sampling = GREEDY

    @property
    def directions(self) -> tuple[int, ...]:
        """The features that are written: the one that is asked about, then its controls."""
        return (self.steering.feature, *self.controls)

    def lanes(self) -> list[Lane]:
        """A row for each dose, and in it for each direction."""
        return [Lane(dose * self.unit, direction) for dose in self.doses for direction in self.directions]


@dataclass(frozen=True)
class Effect:
    """What a push does to the next token; control 0 is the feature itself.

    `activation` is the feature's mean over the steered positions, when the steered stream is encoded again. Ranks are
    those of the feature among its controls at this dose: 1 where no control moves as much.
    """

    dose: float
    control: int
    direction: int
    divergence: float
    words_probability: float | None
    activation: float
    raised: Moved
    lowered: Moved
    words: Moved
    divergence_rank: int | None = None
    words_rank: int | None = None
    continuation: str | None = None


@dataclass(frozen=True)
class Steered:
    """A prompt as it is without steering, and every effect on it."""

    prompt: Prompt
    activation: float
    next_tokens: Moved
    words_probability: float | None
    continuation: str | None
    effects: list[Effect] = field(default_factory=list)


@torch.no_grad()
def steer_prompt(tracer: Tracer, question: Question, prompt: Prompt) -> Steered:
    """Every dose of a feature, and of its controls, on a prompt."""
    tokens = tracer.tokens(prompt)[None]
    hook_name, block = tracer.sae.hook_name, hook_at(tracer.sae.hook_layer, RESID_PRE)
    clean = tracer.hooked.run(tokens, [hook_name, block], logits=True)
    own = _mean_activation(question.steering, clean.values[hook_name])
    parts = list(_pushed(tracer, question, tokens, clean.values[block]))
    after, activations = (torch.cat(part) for part in zip(*parts, strict=True))
    found = NextToken.of(clean.next_logits[0], after)
    words = found.probability(question.words)[0] if question.words else None
    unchanged = NextToken(found.before, found.before[None])
    texts = _continuations(tracer, question, tokens)
    return Steered(
        prompt,
        float(own[0]),
        unchanged.of_tokens(0, found.before.topk(SHOWN).indices.tolist()),
        words,
        texts.pop(None, None),
        _effects(question, found, activations, texts),
    )


def _pushed(
    tracer: Tracer, question: Question, tokens: Int[torch.Tensor, "1 position"], resid: torch.Tensor
) -> Iterator[tuple[Float[torch.Tensor, "row d_vocab"], Float[torch.Tensor, " row"]]]:
    """The next token's logits, and the feature's activation, of some rows at a time."""
    lanes, hook_name = question.lanes(), tracer.sae.hook_name
    rows = max(1, ROW_TOKENS // tokens.shape[1])
    for first in range(0, len(lanes), rows):
        chosen = lanes[first : first + rows]
        run = tracer.hooked.resume(
            resid.expand(len(chosen), -1, -1),
            tracer.sae.hook_layer,
            [hook_name],
            [question.steering.patch(chosen)],
            tokens=tokens.expand(len(chosen), -1),
            logits=True,
        )
        yield run.next_logits, _mean_activation(question.steering, run.values[hook_name])


def _mean_activation(steering: Steering, x: torch.Tensor) -> Float[torch.Tensor, " row"]:
    chosen = steering.steered(torch.arange(x.shape[1], device=x.device))
    return steering.activations(x)[:, chosen].mean(1)


def _effects(
    question: Question,
    found: NextToken,
    activations: Float[torch.Tensor, " row"],
    texts: dict[Lane | None, str],
) -> list[Effect]:
    divergence, raised, lowered = found.divergence().tolist(), found.raised(SHOWN), found.lowered(SHOWN)
    probability = found.probability(question.words)[1].tolist()
    width, effects = len(question.directions), []
    for row, lane in enumerate(question.lanes()):
        own, others = row % width == 0, slice(row + 1, row + width)
        ranked = own and width > 1
        effects.append(
            Effect(
                dose=question.doses[row // width],
                control=row % width,
                direction=lane.direction,
                divergence=divergence[row],
                words_probability=probability[row] if question.words else None,
                activation=float(activations[row]),
                raised=raised[row],
                lowered=lowered[row],
                words=found.of_tokens(row, question.words) if own else [],
                divergence_rank=rank_among_controls(divergence[row], divergence[others]) if ranked else None,
                words_rank=rank_among_controls(probability[row], probability[others])
                if ranked and question.words
                else None,
                continuation=texts.get(lane),
            )
        )
    return effects


def _continuations(
    tracer: Tracer, question: Question, tokens: Int[torch.Tensor, "1 position"]
) -> dict[Lane | None, str]:
    """What follows without steering (None), and steered by the feature, and by its first control, at each dose."""
    if not question.new_tokens:
        return {}
    lanes = [lane for lane in question.lanes() if lane.direction in question.directions[:2]]
    sampling = replace(question.sampling, common=True)  # else texts differ by chance where the push does nothing
    plain = tracer.hooked.generate(tokens, question.new_tokens, (), sampling)
    patch = question.steering.patch(lanes)
    steered = tracer.hooked.generate(tokens.expand(len(lanes), -1), question.new_tokens, [patch], sampling)
    rows: list[Lane | None] = [None, *lanes]
    return {lane: _text(tracer, ids) for lane, ids in zip(rows, [*plain, *steered], strict=True)}


def _text(tracer: Tracer, ids: Sequence[int] | torch.Tensor) -> str:
    """The text of what was generated, as far as the end of text."""
    found = [int(number) for number in ids]
    end = tracer.hooked.end_of_text
    cut = found[: found.index(end)] if end in found else found
    return str(tracer.model.tokenizer.backend_tokenizer.decode(cut, skip_special_tokens=False))
