"""Edges of a graph: what becomes of a node further on when one node is taken out of the stream.

A hook point of the residual stream is all that the rest of the model sees of what came before. So the effect of a node
on features of the next SAE passes no other node, and edges join one level to the next.

ablation     exactly: the model runs without what the node writes, one node a row
gradient     to first order: what the node writes, times the gradient of what is read by the stream
integrated   the same, the gradient a mean over ten points from a stream without any node to the whole stream

Source: Marks et al. 2024, "Sparse Feature Circuits", sections 2 and 3, for effects by gradients and by integrated
gradients; Sundararajan et al. 2017, "Axiomatic attribution for deep networks".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.circuits.graphs.graph_nodes import Level
from ingest.circuits.graphs.graph_readouts import Readout
from ingest.models.hook_points import RESID_PRE, hook_at, hook_layer
from ingest.models.hooked import HookedModel, Run
from ingest.models.patch import Patch

Method = Literal["ablation", "gradient", "integrated"]
Effects = Float[np.ndarray, "node read"]

TOKENS_AT_ONCE = 8192
"""Rows times positions of one pass."""
STEPS = 10
"""Points of integrated gradients, in the middle of equal parts of the way."""


@dataclass(frozen=True)
class Traced:
    """A prompt as it runs, with the values of the stream at every level and before its block.

    Shapes: tokens (1, position); values by hook point, each (1, position, d_model).
    """

    hooked: HookedModel
    tokens: Int[torch.Tensor, "1 position"]
    values: dict[str, torch.Tensor]

    def resumed(self, hook_name: str, rows: int, patches: Sequence[Patch], readouts: Sequence[Readout]) -> Run:
        """As many rows of the prompt, taken up at the block of a hook point, as far as the readouts need."""
        block = hook_layer(hook_name)
        return self.hooked.resume(
            self.values[hook_at(block, RESID_PRE)].expand(rows, -1, -1),
            block,
            {name for readout in readouts for name in readout.hook_names},
            patches,
            tokens=self.tokens.expand(rows, -1),
            logits=any(not readout.hook_names for readout in readouts),
        )

    def batches(self, count: int) -> Iterator[slice]:
        """Rows that are run at once."""
        rows = max(TOKENS_AT_ONCE // self.tokens.shape[1], 1)
        for first in range(0, count, rows):
            yield slice(first, min(first + rows, count))


@torch.no_grad()
def graph_edges_by_ablation(traced: Traced, level: Level, readouts: Sequence[Readout]) -> list[Effects]:
    """How far each readout falls where one node is taken out, for every node of a level.

    An undisturbed row goes along with each batch, so that taking out nothing changes nothing at all. What is read
    before a node does not know of it: rows of one pass may round apart there, and are set to 0.
    """
    found: list[list[np.ndarray]] = [[] for _ in readouts]
    for chosen in traced.batches(len(level)):
        part = level.some(chosen)
        rows = range(len(part))
        out = Patch.add(level.hook_name, -part.written, rows=rows, positions=part.position.tolist())
        run = traced.resumed(level.hook_name, len(part) + 1, [out], readouts)
        for each, readout in zip(found, readouts, strict=True):
            values = readout.of(run).double()
            fallen = (values[-1:] - values[:-1]).cpu().numpy()
            fallen[part.position[:, None] > readout.position] = 0
            each.append(fallen)
    return [np.concatenate(parts) if parts else np.empty((0, len(r))) for parts, r in zip(found, readouts, strict=True)]


def graph_edges_by_gradient(
    traced: Traced, level: Level, readout: Readout, points: Sequence[float] = (1.0,)
) -> Effects:
    """What each node of a level writes times the gradient of each read node, a mean over points of the way.

    At point 1 the stream is the prompt's; at 0 it is without any node.
    """
    x = traced.values[level.hook_name]
    parts = torch.zeros_like(x[0]).index_add_(0, torch.as_tensor(level.position, device=x.device), level.written)
    found = np.zeros((len(level), len(readout)))
    for point in points:
        for chosen in traced.batches(len(readout)):
            gradient = _gradients(traced, level.hook_name, x - (1 - point) * parts, readout.some(chosen))
            moved = torch.einsum("rnd, nd -> nr", gradient[:, level.position], level.written)
            found[:, chosen] += moved.double().cpu().numpy() / len(points)
    return found


def integrated_effects(traced: Traced, level: Level, readout: Readout) -> Effects:
    """By integrated gradients: over all nodes they add up to what taking out all does, as near as ten steps come."""
    return graph_edges_by_gradient(traced, level, readout, [(step + 0.5) / STEPS for step in range(STEPS)])


def _gradients(
    traced: Traced, hook_name: str, x: Float[torch.Tensor, "1 position d_model"], readout: Readout
) -> Float[torch.Tensor, "read position d_model"]:
    """The gradient of each read node by the stream, a row each."""
    with torch.enable_grad():
        leaf = x.expand(len(readout), -1, -1).clone().requires_grad_()
        run = traced.resumed(hook_name, len(readout), [Patch.of(hook_name, lambda _: leaf)], [readout])
        (gradient,) = torch.autograd.grad(readout.of(run).diagonal().sum(), [leaf], materialize_grads=True)
    return gradient
