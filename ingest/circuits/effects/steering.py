"""Steering: a feature pushed in a run of the model, in many rows at once, each along a direction of its own.

    x' = x + (f' - f) d

f is the feature's activation, f' what it is made, and d its decoder row, so that all that the SAE leaves over stays.
f' is f + amount (add), amount (clamp) or 0 (remove). A control row writes the very same displacement, position for
position, along another feature's decoder row, which is brought to the length of d.

Source: Templeton et al. 2024, "Scaling Monosemanticity", appendix on steering (the error kept).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float

from ingest.models.patch import Patch
from ingest.models.sae import SAE

Kind = Literal["add", "clamp", "remove"]
KINDS: tuple[Kind, ...] = ("add", "clamp", "remove")

TINY = 1e-12


@dataclass(frozen=True)
class Lane:
    """One row of a batch: how much is added, or what is clamped to, and whose decoder row is written."""

    amount: float
    direction: int


@dataclass(frozen=True)
class Steering:
    """How a feature is changed, and where.

    `positions`, BOS being 0, are those that are steered; None: every one from `first_position` on, and what is
    generated. What is removed has no amount.
    """

    sae: SAE
    feature: int
    kind: Kind
    positions: tuple[int, ...] | None = None
    first_position: int = 1

    def patch(self, lanes: Sequence[Lane]) -> Patch:
        """The patch of a run whose rows are these."""
        directions = self._directions(lanes)
        amounts = torch.tensor([lane.amount for lane in lanes], dtype=directions.dtype, device=directions.device)

        def change(x: torch.Tensor, first: int) -> torch.Tensor:
            columns = torch.arange(first, first + x.shape[1], device=x.device)
            moved = self._moved(x, amounts[:, None]) * self.steered(columns)
            return self.sae.added(x, moved[..., None] * directions[:, None])

        return Patch(self.sae.hook_name, change)

    def steered(self, columns: torch.Tensor) -> Bool[torch.Tensor, " column"]:
        """Which of the positions of a text are steered."""
        if self.positions is None:
            return columns >= self.first_position
        return torch.isin(columns, torch.tensor(self.positions, device=columns.device))

    def activations(self, x: Float[torch.Tensor, "row position d_in"]) -> Float[torch.Tensor, "row position"]:
        """The feature's own, read of a stream."""
        return self.sae.encode_features(x.flatten(2), [self.feature])[..., 0]

    def _moved(self, x: torch.Tensor, amounts: Float[torch.Tensor, "row 1"]) -> Float[torch.Tensor, "row position"]:
        """f' - f."""
        if self.kind == "add":
            return amounts.expand(*x.shape[:2])
        return (amounts if self.kind == "clamp" else 0) - self.activations(x)

    def _directions(self, lanes: Sequence[Lane]) -> Float[torch.Tensor, "row d_in"]:
        """Decoder rows of one length; the feature's own is left as it is."""
        own = self.sae.written_rows[self.feature]
        written = self.sae.written_rows[[lane.direction for lane in lanes]]
        lengths = written.norm(dim=1, keepdim=True).clamp(min=TINY)
        is_own = torch.tensor([[lane.direction == self.feature] for lane in lanes], device=own.device)
        return torch.where(is_own, written, written * (own.norm() / lengths))
