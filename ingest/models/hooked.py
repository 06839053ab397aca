"""A model that can be run to its hook points, patched there, taken up again at a block, and made to generate.

One interface for GPT-2 as plain functions and for TransformerLens' bridge (both in `hooked_model`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int

from ingest.models.block_arithmetic import KeyValueCache
from ingest.models.hook_points import RESID_PRE, hook_at
from ingest.models.patch import Parts, Patch, Splice
from ingest.models.sampling import GREEDY, Sampler, Sampling
from schema.errors import ModelError

Tokens = Int[torch.Tensor, "batch position"]
Stream = Float[torch.Tensor, "batch position d_model"]


@dataclass(frozen=True)
class Start:
    """Where a run begins: with the residual stream before a block, or with tokens, after what a cache holds."""

    tokens: Tokens | None = None
    cache: KeyValueCache | None = None
    resid: Stream | None = None
    block: int = 0

    @property
    def position(self) -> int:
        """The position of the first column."""
        return 0 if self.cache is None else self.cache.length


@dataclass(frozen=True)
class Asked:
    """What a run is for: hook points to read, patches in their order, and whether it goes on to the logits."""

    hook_names: frozenset[str]
    patches: tuple[Patch, ...]
    logits: bool

    @property
    def patched_names(self) -> frozenset[str]:
        """Hook points that are patched."""
        return frozenset(patch.hook_name for patch in self.patches)

    def patched(self, hook_name: str, value: torch.Tensor, first: int) -> torch.Tensor:
        """The value that the model goes on with."""
        for patch in self.patches:
            if patch.hook_name == hook_name:
                value = patch.change(value, first)
        return value


@dataclass(frozen=True)
class Run:
    """What a run gave: patched values by hook point, an SAE's parts by its hook point, and the logits if asked for.

    Shapes: values (batch, position, d_model); of hook_z (batch, position, head, d_head); of hook_pattern
    (batch, head, query, key).
    """

    values: dict[str, torch.Tensor]
    features: dict[str, Parts] = field(default_factory=dict)
    outputs: torch.Tensor | None = None
    unembed: Callable[[torch.Tensor], torch.Tensor] = torch.clone

    def logits(self, at: Any = slice(None)) -> Float[torch.Tensor, "*chosen d_vocab"]:
        """Logits at `[at]` of (batch, position): a mask, a tuple of indices, or all; a vocabulary is wide.

        Raises:
            ModelError: the run was not to give logits.
        """
        if self.outputs is None:
            raise ModelError("this run stopped before the logits; ask it for them: logits=True")
        return self.unembed(self.outputs[at])

    @property
    def next_logits(self) -> Float[torch.Tensor, "batch d_vocab"]:
        """Logits of the token after the last position."""
        return self.logits((slice(None), -1))


class HookedModel(ABC):
    """A model with hook points. Nothing is recorded for gradients unless something that is put in requires them."""

    n_layers: int
    n_ctx: int
    end_of_text: int

    def run(
        self,
        tokens: Tokens,
        hook_names: Iterable[str] = (),
        patches: Sequence[Patch] = (),
        splices: Sequence[Splice] = (),
        *,
        logits: bool = False,
        grad: bool = False,
    ) -> Run:
        """Run tokens, patched, as far as the last hook point asked for.

        With `grad` the values can be differentiated by: the residual stream before block 0 requires gradients.

        Raises:
            ModelError: the model has no such hook point, or no room for the tokens.
        """
        self._check_room(tokens.shape[1])
        with torch.set_grad_enabled(grad or torch.is_grad_enabled()):
            return self._run(Start(tokens), hook_names, (*_leaf(grad), *patches), splices, logits)

    def resume(
        self,
        resid: Stream,
        block: int,
        hook_names: Iterable[str] = (),
        patches: Sequence[Patch] = (),
        splices: Sequence[Splice] = (),
        *,
        tokens: Tokens | None = None,
        logits: bool = False,
    ) -> Run:
        """Run from the residual stream before a block on; `n_layers` is after the last one.

        `tokens` are what stands there, for models that look at them again on the way.
        """
        return self._run(Start(tokens, resid=resid, block=block), hook_names, patches, splices, logits)

    @torch.no_grad()
    def generate(
        self, tokens: Tokens, new_tokens: int, patches: Sequence[Patch] = (), sampling: Sampling = GREEDY
    ) -> Int[torch.Tensor, "batch new"]:
        """Tokens that follow prompts of one length; patches hold for the prompt and for what is generated.

        A row that ended repeats the end-of-text token; when all have, nothing more is generated.

        Raises:
            ModelError: the model has no room for as many.
        """
        self._check_room(tokens.shape[1] + new_tokens - 1)
        cache, sampler, found = KeyValueCache(), Sampler(sampling, len(tokens)), [tokens]
        ended = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
        while len(found) <= new_tokens and not bool(ended.all()):
            run = self._run(Start(found[-1], cache), (), patches, (), True)
            cache.length += found[-1].shape[1]
            chosen = sampler.choose(run.next_logits)
            chosen = torch.where(ended, self.end_of_text, chosen)
            ended |= chosen == self.end_of_text
            found.append(chosen[:, None])
        return torch.cat(found, 1)[:, tokens.shape[1] :]

    def _run(
        self,
        start: Start,
        hook_names: Iterable[str],
        patches: Sequence[Patch],
        splices: Sequence[Splice],
        logits: bool,
    ) -> Run:
        features: dict[str, Parts] = {}
        spliced = [splice.patch(features.__setitem__) for splice in splices]
        wanted = frozenset(hook_names) | {splice.sae.hook_name for splice in splices}
        values, outputs = self.forward(start, Asked(wanted, (*patches, *spliced), logits))
        return Run({name: values[name] for name in wanted}, features, outputs, self.unembed)

    @abstractmethod
    def forward(self, start: Start, asked: Asked) -> tuple[dict[str, torch.Tensor], torch.Tensor | None]:
        """The values asked for, and what `unembed` makes logits of."""

    @abstractmethod
    def unembed(self, outputs: torch.Tensor) -> Float[torch.Tensor, "*chosen d_vocab"]:
        """Logits of outputs, or of some of them."""

    def _check_room(self, positions: int) -> None:
        if positions > self.n_ctx:
            raise ModelError(f"{positions} tokens do not fit the model, which has {self.n_ctx} positions; give fewer")


def _leaf(grad: bool) -> tuple[Patch, ...]:
    return (Patch.of(hook_at(0, RESID_PRE), lambda resid: resid.detach().requires_grad_()),) if grad else ()
