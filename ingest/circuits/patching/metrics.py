"""What of a run is looked at: a feature's pre-activation at a position, a logit there, or the difference of two."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from jaxtyping import Float

from ingest.models.hooked import Run
from ingest.models.sae import SAE

Values = Float[torch.Tensor, " row"]


class Metric(Protocol):
    """A number for each row of a run, and what the run must give for it."""

    @property
    def name(self) -> str:
        """pre_activation, logit or logit_difference."""

    @property
    def position(self) -> int:
        """Where it is read, BOS being 0."""

    @property
    def hook_names(self) -> Sequence[str]:
        """Hook points that it reads; without any it reads logits."""

    def of(self, run: Run) -> Values:
        """The metric of each row."""


@dataclass(frozen=True)
class FeatureMetric:
    """A feature's pre-activation: what its encoder reads, before negative values become 0."""

    name: ClassVar[str] = "pre_activation"
    sae: SAE
    feature: int
    position: int

    @property
    def hook_names(self) -> Sequence[str]:
        """The SAE's own."""
        return (self.sae.hook_name,)

    def of(self, run: Run) -> Values:
        """x @ direction + bias at the position."""
        direction, bias = self.sae.encoder_direction(self.feature)
        x = run.values[self.sae.hook_name][:, self.position].flatten(1)
        read: Values = x @ direction + bias
        return read


@dataclass(frozen=True)
class LogitMetric:
    """The logit of a token after the position, or how far it is above that of another."""

    position: int
    target_id: int
    against_id: int | None = None
    hook_names: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Of one token, or of two."""
        return "logit" if self.against_id is None else "logit_difference"

    def of(self, run: Run) -> Values:
        """Logits after the position."""
        logits = run.logits((slice(None), self.position))
        target: Values = logits[:, self.target_id]
        return target if self.against_id is None else target - logits[:, self.against_id]
