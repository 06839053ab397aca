"""Patches: what takes the place of a hook point's value, or is added to it, at chosen rows, positions and heads.

An SAE is spliced into a run by a patch as well: from its hook point on the model reads the SAE's features and its
error. By themselves they add up to what was there, so that a run changes only where features are changed. The error is
held fixed: what passes a hook point by way of a gradient passes through features.

Source: Marks et al. 2024, "Sparse Feature Circuits", section 2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float

from ingest.models.sae import SAE

Value = torch.Tensor
"""A hook point's: (batch, position, d), with heads (batch, position, head, d_head), or (batch, head, query, key)."""
Change = Callable[[Value, int], Value]
"""From a value, and the position that its first column has in the text, to what the model goes on with."""
Index = int | Sequence[int] | torch.Tensor | None
Positions = Index | slice


@dataclass(frozen=True)
class Patch:
    """A change of the value at one hook point; `replace`, `add` and `of` make them.

    Rows, positions (from 0, BOS included) and heads choose `value[rows, positions, heads]` as torch indexes it: None is
    all of them, sequences go together entry by entry, and a slice of positions also holds for those generated later.
    """

    hook_name: str
    change: Change

    @classmethod
    def replace(
        cls,
        hook_name: str,
        values: torch.Tensor,
        *,
        rows: Index = None,
        positions: Positions = None,
        heads: Index = None,
    ) -> "Patch":
        """These values in place of the model's own, broadcast to the chosen part."""
        return cls(hook_name, _part(values, (rows, positions, heads), lambda old, new: new))

    @classmethod
    def add(
        cls,
        hook_name: str,
        values: torch.Tensor,
        *,
        rows: Index = None,
        positions: Positions = None,
        heads: Index = None,
    ) -> "Patch":
        """These values added to the model's own, as a steering vector is."""
        return cls(hook_name, _part(values, (rows, positions, heads), torch.add))

    @classmethod
    def of(cls, hook_name: str, function: Callable[[Value], Value]) -> "Patch":
        """What a function makes of the whole value."""
        return cls(hook_name, lambda value, first: function(value))


def _part(
    values: torch.Tensor,
    where: tuple[Index, Positions, Index],
    combine: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> Change:
    index = tuple(map(_index, where if where[2] is not None else where[:2]))
    last = _last(where[1])

    def _change(value: torch.Tensor, first: int) -> torch.Tensor:
        new = _heads_apart(values.to(value), value)
        if index == (slice(None), slice(None)):
            return combine(value, new).expand_as(value)
        end = first + value.shape[1]
        edge = [0, 0] * (value.dim() - 2)
        whole = F.pad(value, [*edge, first, max(last + 1 - end, 0)]).clone()  # at the text's own positions
        place: Any = index
        whole[place] = combine(whole[place], new)
        return whole[:, first:end]

    return _change


def _index(chosen: Positions) -> Any:
    if chosen is None:
        return slice(None)
    return chosen if isinstance(chosen, int | slice) else torch.as_tensor(chosen)


def _heads_apart(values: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """What an SAE gives for heads has them side by side."""
    if value.dim() == 4 and values.shape[-1] == value.shape[2] * value.shape[3] and value.shape[2] > 1:
        return values.view(*values.shape[:-1], *value.shape[2:])
    return values


def _last(positions: Positions) -> int:
    if positions is None or isinstance(positions, slice):
        return -1
    chosen = torch.as_tensor(positions)
    if bool((chosen < 0).any()):
        raise ValueError("positions are counted from the text's first, which is 0")
    return int(chosen.max())


@dataclass(frozen=True)
class Parts:
    """What an SAE read in a run, before features were changed; both can be differentiated by.

    Shapes: feature_acts (batch, position, d_sae); error (batch, position, d_in).
    """

    feature_acts: Float[torch.Tensor, "batch position d_sae"]
    error: Float[torch.Tensor, "batch position d_in"]


@dataclass(frozen=True)
class Splice:
    """An SAE at its hook point. `change` makes other activations of its own; `error` takes the place of its own."""

    sae: SAE
    change: Callable[[torch.Tensor], torch.Tensor] | None = None
    error: Float[torch.Tensor, "batch position d_in"] | None = None

    def patch(self, keep: Callable[[str, Parts], None]) -> Patch:
        """The patch that a run makes of it; `keep` is given the parts."""

        def _change(x: torch.Tensor) -> torch.Tensor:
            acts = self.sae.encode(x)
            given = x.flatten(2)
            error = (given - self.sae.decode(acts, x)).detach() if self.error is None else self.error
            if torch.is_grad_enabled() and acts.requires_grad and not error.requires_grad:
                error.requires_grad_()
            keep(self.sae.hook_name, Parts(acts, error))
            shown = acts if self.change is None else self.change(acts)
            return (self.sae.decode(shown, x) + error).view_as(x)

        return Patch.of(self.sae.hook_name, _change)
