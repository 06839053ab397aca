"""How much of a target is left where the model runs with a part of the graph alone, and without it.

The SAEs stand in the run one after another. At each, features and errors that are not to be there are taken out of
what it reads; those that stay are what they are in that run. Token embeddings always stay.

Source: Marks et al. 2024, "Sparse Feature Circuits", section 3: faithfulness and completeness.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from ingest.circuits.graphs.graph_edges import Traced
from ingest.circuits.graphs.graph_nodes import EMBEDDED, Level
from ingest.circuits.graphs.graph_readouts import Readout
from ingest.models.patch import Patch
from ingest.models.sae import SAE

ROWS = ("clean", "circuit", "empty", "rest")


@dataclass(frozen=True)
class Checked:
    """The target's value: as it is, with what is left of the graph alone, with nothing, and without what is left."""

    clean: float
    circuit: float
    empty: float
    rest: float

    def faithfulness(self, least: float) -> float | None:
        """The share of the target that what is left brings; None where there is nothing to bring."""
        return self._share(self.circuit, least)

    def completeness(self, least: float) -> float | None:
        """The share that the model still has without what is left of the graph: 0 where all that matters is in it."""
        return self._share(self.rest, least)

    def _share(self, value: float, least: float) -> float | None:
        apart = self.clean - self.empty
        return None if abs(apart) < least else (value - self.empty) / apart


@torch.no_grad()
def check_graph(
    traced: Traced,
    levels: Sequence[tuple[SAE, Level, Bool[np.ndarray, " node"]]],
    readout: Readout,
    weight: Float[np.ndarray, " read"],
    first: int,
) -> Checked:
    """Run with the nodes that are kept at each SAE; positions before `first` (BOS) stay as they are."""
    patches = [_patch(sae, level, kept, traced.tokens.shape[1], first) for sae, level, kept in levels]
    run = traced.resumed(EMBEDDED, len(ROWS), patches, [readout])
    values = readout.of(run).double().cpu().numpy() @ weight
    return Checked(*map(float, values))


def _patch(sae: SAE, level: Level, kept: Bool[np.ndarray, " node"], positions: int, first: int) -> Patch:
    inside = torch.zeros(positions, sae.d_sae + 1, dtype=torch.bool, device=sae.W_dec.device)  # the last is the error
    inside[level.position[kept], level.feature[kept]] = True
    present = torch.stack([torch.ones_like(inside), inside, torch.zeros_like(inside), ~inside])

    def change(x: torch.Tensor) -> torch.Tensor:
        acts = sae.encode(x)
        error = x - sae.decode(acts, x)
        shown = sae.decode(acts * present[..., :-1], x) + error * present[..., -1:]
        shown[:, :first] = x[:, :first]
        shown[0] = x[0]
        return shown

    return Patch.of(sae.hook_name, change)
