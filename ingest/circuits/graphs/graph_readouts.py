"""What is read of a run for the nodes of a graph: activations of features, or logits.

A logit is read less the mean of all: what moves every logit alike moves no probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.circuits.graphs.graph_nodes import Level
from ingest.models.hooked import Run
from ingest.models.sae import SAE

Rows = Float[torch.Tensor, "row node"]


class Readout(Protocol):
    """Nodes that are read of each row of a run."""

    @property
    def hook_names(self) -> Sequence[str]:
        """Hook points that are read; without any it reads logits."""

    @property
    def position(self) -> Int[np.ndarray, " node"]:
        """Where each node is read."""

    def of(self, run: Run) -> Rows:
        """The value of each node in each row."""

    def some(self, nodes: slice) -> "Readout":
        """Some of its nodes."""

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class FeatureReadout:
    """Activations of features of one SAE.

    Shapes: position, feature (node,).
    """

    sae: SAE
    position: Int[np.ndarray, " node"]
    feature: Int[np.ndarray, " node"]

    @classmethod
    def of_level(cls, sae: SAE, level: Level) -> "FeatureReadout":
        """The features of a level, its errors left out."""
        return cls(sae, level.position[level.of_feature], level.feature[level.of_feature])

    def __len__(self) -> int:
        return len(self.position)

    @property
    def hook_names(self) -> Sequence[str]:
        """The SAE's own."""
        return (self.sae.hook_name,)

    def of(self, run: Run) -> Rows:
        """Position by position, the features that are read there alone."""
        x = run.values[self.sae.hook_name]
        parts, order = [], []
        for position in np.unique(self.position):
            chosen = np.flatnonzero(self.position == position)
            parts.append(self.sae.encode_features(x[:, int(position)], self.feature[chosen].tolist()))
            order.append(chosen)
        place = np.argsort(np.concatenate(order)) if order else np.empty(0, int)
        return torch.cat(parts, 1)[:, place] if parts else x.new_zeros(len(x), 0)

    def some(self, nodes: slice) -> "FeatureReadout":
        """Some of its nodes."""
        return FeatureReadout(self.sae, self.position[nodes], self.feature[nodes])


@dataclass(frozen=True)
class LogitReadout:
    """Logits of tokens after a position, less the mean of all.

    Shapes: token_ids (node,).
    """

    at: int
    token_ids: Int[np.ndarray, " node"]
    hook_names: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.token_ids)

    @property
    def position(self) -> Int[np.ndarray, " node"]:
        """The one position, for each token."""
        return np.full(len(self), self.at)

    def of(self, run: Run) -> Rows:
        """The vocabulary is wide: at the one position alone."""
        logits = run.logits((slice(None), self.at))
        found: Rows = logits[:, self.token_ids.tolist()] - logits.mean(1, keepdim=True)
        return found

    def some(self, nodes: slice) -> "LogitReadout":
        """Some of its nodes."""
        return LogitReadout(self.at, self.token_ids[nodes])


def tokens_to_trace(
    logits: Float[torch.Tensor, " d_vocab"], most: int, share: float
) -> tuple[Int[np.ndarray, " token"], Float[np.ndarray, " token"]]:
    """The likeliest tokens, at most so many, until they have that share of the probability; their probabilities.

    Source: circuit-tracer, which takes 10 to 0.95.
    """
    chances, order = logits.double().softmax(0).sort(descending=True, stable=True)
    needed = int((chances.cumsum(0) < share).sum()) + 1
    kept = slice(0, min(most, needed, len(order)))
    return order[kept].cpu().numpy(), chances[kept].cpu().numpy()
