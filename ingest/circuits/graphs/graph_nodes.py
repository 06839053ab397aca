"""The nodes of a graph: token embeddings, and at each SAE the features that fire and the error that it leaves over.

At one hook point of the residual stream, what the nodes of a position write adds up to the stream there, but for what
is the same whatever the prompt: position embeddings, and the SAE's b_dec. BOS is no node, since it never varies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from ingest.circuits.patching.sites import patching_site_place
from ingest.circuits.tracer import Tracer
from ingest.models.gpt2 import is_plain_gpt2
from ingest.models.hook_points import RESID_MID, RESID_POST, RESID_PRE, hook_at, hook_kind
from ingest.models.sae import SAE
from schema.errors import SelectionError

NO_FEATURE = -1
STREAM = (RESID_PRE, RESID_MID, RESID_POST)
EMBEDDED = hook_at(0, RESID_PRE)
"""Where token embeddings are written."""


@dataclass(frozen=True)
class Level:
    """The nodes at one hook point; `sae` is a place among the tracer's SAEs, None for embeddings.

    Shapes: position, feature (node,), a feature of -1 being an embedding or an error; activation (node,); written
    (node, d_model), what each adds to the stream.
    """

    hook_name: str
    sae: int | None
    position: Int[np.ndarray, " node"]
    feature: Int[np.ndarray, " node"]
    activation: Float[np.ndarray, " node"]
    written: Float[torch.Tensor, "node d_model"]

    def __len__(self) -> int:
        return len(self.position)

    @property
    def of_feature(self) -> Bool[np.ndarray, " node"]:
        """Which nodes are features."""
        found: Bool[np.ndarray, " node"] = self.feature != NO_FEATURE
        return found

    def some(self, chosen: Int[np.ndarray, " chosen"] | slice) -> "Level":
        """Some of its nodes."""
        arrays = (self.position[chosen], self.feature[chosen], self.activation[chosen], self.written[chosen])
        return Level(self.hook_name, self.sae, *arrays)


def saes_on_the_way(tracer: Tracer, target: SAE | None) -> list[int]:
    """The places of the tracer's SAEs that come before a target's SAE, or before the logits, as the model runs.

    Raises:
        SelectionError: there is none, one does not read the residual stream, or two read one hook point.
    """
    for sae in tracer.saes:
        if hook_kind(sae.hook_name) not in STREAM:
            raise SelectionError(
                f"{sae.name} reads {sae.hook_name}; a graph needs SAEs of the residual stream, through which all "
                "passes: hook_resid_pre, hook_resid_mid or hook_resid_post"
            )
    last = None if target is None else patching_site_place(target.hook_name)
    places = [
        place for place, sae in enumerate(tracer.saes) if last is None or patching_site_place(sae.hook_name) < last
    ]
    places.sort(key=lambda place: patching_site_place(tracer.saes[place].hook_name))
    _check_apart([tracer.saes[place] for place in places])
    if not places:
        raise SelectionError(
            f"no SAE reads the stream before {target.name if target else 'the logits'}: a graph of its features needs "
            "an SAE of an earlier hook point; name it with --sae, once it is ingested"
        )
    return places


def _check_apart(saes: Sequence[SAE]) -> None:
    for one, other in pairwise(saes):
        if patching_site_place(one.hook_name) == patching_site_place(other.hook_name):
            raise SelectionError(
                f"{one.name} and {other.name} both read {one.hook_name}; a graph has one SAE at a hook point: name the "
                "SAEs it is to have, each with --sae"
            )


@torch.no_grad()
def node_levels(
    tracer: Tracer, places: Sequence[int], tokens: Int[torch.Tensor, " position"], values: dict[str, torch.Tensor]
) -> list[Level]:
    """Every node of a prompt, level by level; `values` are the stream's, of one row."""
    first = tracer.tokenization.first_position
    levels = [_embeddings(tracer, tokens, values[EMBEDDED][0], first)]
    for place in places:
        sae = tracer.saes[place]
        levels.append(_features_and_errors(sae, place, values[sae.hook_name][0], first))
    return levels


def _embeddings(
    tracer: Tracer, tokens: Int[torch.Tensor, " position"], x: Float[torch.Tensor, "position d_model"], first: int
) -> Level:
    """Tokens; where positions are not embedded apart, all that stands before the first block."""
    written = tracer.model.W_E[tokens] if is_plain_gpt2(tracer.model) else x
    position = np.arange(first, len(tokens))
    nothing = np.full(len(position), NO_FEATURE)
    return Level(EMBEDDED, None, position, nothing, np.zeros(len(position)), written[first:])


def _features_and_errors(sae: SAE, place: int, x: Float[torch.Tensor, "position d_model"], first: int) -> Level:
    acts = sae.encode(x)
    error = x - sae.decode(acts, x)
    acts[:first] = 0
    rows, features = (acts > 0).nonzero(as_tuple=True)
    active = acts[rows, features]
    written = sae.at_scale(x[rows], active[:, None] * sae.written_rows[features])
    others = np.arange(first, len(x))
    return Level(
        sae.hook_name,
        place,
        np.concatenate([rows.cpu().numpy(), others]),
        np.concatenate([features.cpu().numpy(), np.full(len(others), NO_FEATURE)]),
        np.concatenate([active.double().cpu().numpy(), np.zeros(len(others))]),
        torch.cat([written, error[first:]]),
    )


def strongest_graph_nodes(
    levels: Sequence[Level], gradients: dict[str, Float[torch.Tensor, "position d_model"]], most: int
) -> tuple[list[Level], int]:
    """Levels with the `most` features whose activation times gradient is largest, and how many are left out."""
    scores = [_moved(level, gradients[level.hook_name]) for level in levels]
    every = np.sort(np.concatenate([score[level.of_feature] for level, score in zip(levels, scores, strict=True)]))
    if len(every) <= most:
        return list(levels), 0
    least, kept = every[-most], []
    for level, score in zip(levels, scores, strict=True):
        kept.append(level.some(np.flatnonzero(~level.of_feature | (score >= least))))
    return kept, sum(map(len, levels)) - sum(map(len, kept))


def _moved(level: Level, gradient: Float[torch.Tensor, "position d_model"]) -> Float[np.ndarray, " node"]:
    found: Float[np.ndarray, " node"] = (level.written * gradient[level.position]).sum(1).abs().double().cpu().numpy()
    return found
