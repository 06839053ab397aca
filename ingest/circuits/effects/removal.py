"""A feature taken out of documents: what each document's loss is with it and without it.

Where a feature is silent nothing is run again, since nothing changes there. x' = x - f d, so that the SAE's error and
every other feature stay.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int

from ingest.circuits.tracer import Tracer
from ingest.encode.passes import FORWARD_TOKENS, pad_windows, passes_alike_in_length
from ingest.encode.windows import Window
from ingest.models.hook_points import RESID_PRE, hook_at
from ingest.models.hooked import Run
from ingest.models.patch import Patch
from ingest.models.sae import SAE

LOGIT_ROWS = 512
"""Positions unembedded at a time: a vocabulary is wide."""


@dataclass(frozen=True)
class Losses:
    """Losses of windows, added up over their predicted tokens, as they are and without each of some features.

    Shapes: tokens, clean (window,); without, active (feature, window), active counts the tokens it fires on.
    Units: nats.
    """

    tokens: Int[np.ndarray, " window"]
    clean: Float[np.ndarray, " window"]
    without: Float[np.ndarray, "feature window"]
    active: Int[np.ndarray, "feature window"]

    @classmethod
    def of(cls, features: int, windows: int) -> "Losses":
        """Room for the losses of so many."""
        shape = features, windows
        return cls(np.zeros(windows, int), np.zeros(windows), np.zeros(shape), np.zeros(shape, int))


@dataclass(frozen=True)
class _Batch:
    """Windows of like length, as they are."""

    tokens: Int[torch.Tensor, "row position"]
    text: Bool[torch.Tensor, "row position"]
    resid: Float[torch.Tensor, "row position d_model"]
    acts: Float[torch.Tensor, "row position feature"]
    clean: Float[torch.Tensor, " row"]


@torch.no_grad()
def losses_without_features(
    tracer: Tracer, features: Sequence[int], windows: Sequence[Window], told: Callable[[int], object] = int
) -> Losses:
    """The losses of windows; `told` is how many are done."""
    first, done = tracer.tokenization.first_position, 0
    found = Losses.of(len(features), len(windows))
    for places in passes_alike_in_length(range(len(windows)), windows, first, FORWARD_TOKENS):
        batch = _read(tracer, features, [windows[place] for place in places])
        found.without[:, places] = _without(tracer, features, batch).cpu().numpy()
        found.active[:, places] = (batch.acts > 0).sum(1).T.cpu().numpy()
        found.clean[places] = batch.clean.cpu().numpy()
        found.tokens[places] = batch.text[:, 1:].sum(1).cpu().numpy()
        done += len(places)
        told(done)
    return found


def _read(tracer: Tracer, features: Sequence[int], windows: Sequence[Window]) -> _Batch:
    first, device = tracer.tokenization.first_position, tracer.model.W_U.device
    tokens, text = pad_windows(windows, first, tracer.model.padding_token_id, device)
    hook_name, block = tracer.sae.hook_name, hook_at(tracer.sae.hook_layer, RESID_PRE)
    run = tracer.hooked.run(tokens, [hook_name, block], logits=True)
    acts = tracer.sae.encode_features(run.values[hook_name].flatten(2), features) * text[..., None]
    return _Batch(tokens, text, run.values[block], acts, _row_nats(run, tokens, text))


def _without(tracer: Tracer, features: Sequence[int], batch: _Batch) -> Float[torch.Tensor, "feature row"]:
    """Every pair of a feature and a window on which it fires is a row of a batch that resumes from the hook's block."""
    without = batch.clean.expand(len(features), -1).clone()
    pairs = (batch.acts > 0).any(1).T.nonzero()  # (pair, 2): feature, row
    rows = max(1, FORWARD_TOKENS // batch.tokens.shape[1])
    directions = tracer.sae.written_rows[list(features)]
    for feature, row in (part.T for part in torch.split(pairs, rows)):
        written = -batch.acts[row, :, feature][..., None] * directions[feature][:, None]
        patch = _written(tracer.sae, written)
        run = tracer.hooked.resume(
            batch.resid[row], tracer.sae.hook_layer, patches=[patch], tokens=batch.tokens[row], logits=True
        )
        without[feature, row] = _row_nats(run, batch.tokens[row], batch.text[row])
    return without


def _written(sae: SAE, written: Float[torch.Tensor, "row position d_in"]) -> Patch:
    return Patch.of(sae.hook_name, lambda x: sae.added(x, written))


def _row_nats(
    run: Run, tokens: Int[torch.Tensor, "row position"], text: Bool[torch.Tensor, "row position"]
) -> Float[torch.Tensor, " row"]:
    """The cross-entropy of each row's tokens of text that something stands before, added up."""
    row, position = text[:, 1:].nonzero(as_tuple=True)
    wanted = tokens[:, 1:][text[:, 1:]]
    total = torch.zeros(len(tokens), dtype=torch.float64, device=tokens.device)
    for rows, places, ids in zip(*(torch.split(each, LOGIT_ROWS) for each in (row, position, wanted)), strict=True):
        nats = F.cross_entropy(run.logits((rows, places)), ids, reduction="none")
        total.index_add_(0, rows, nats.double())
    return total
