"""Active features and the SAE's error as players: what a readout gives when only some are there.

    x_S = x - sum over i not in S of (f_i - m_i) d_i - [error not in S] e

With a baseline of zero (m = 0) nothing is b_dec and everything the true residual stream. At one
position, only that position runs from the hook on, over the cached keys and values of those before it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.attribution.readouts import Readout
from ingest.attribution.shapley import Coalitions
from ingest.models.block_arithmetic import Attend, Heads, causal_attention
from ingest.models.gpt2 import GPT2
from ingest.models.sae import SAE
from schema.errors import ModelError, SelectionError

ROWS = 1024
TOKENS = 4096
"""Rows, and positions where all are ablated, of one pass."""
DECODER_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Parts:
    """A residual stream taken apart: what each active feature adds to its baseline, and the error, as the last row.

    Shapes: features, activations (feature,); resid (position, d_model); contributions (player, position, d_model).
    """

    features: Int[np.ndarray, " feature"]
    activations: Float[np.ndarray, " feature"]
    resid: Float[torch.Tensor, "position d_model"]
    contributions: Float[torch.Tensor, "player position d_model"]


@torch.no_grad()
def players_and_remainder(
    sae: SAE, resid: Float[torch.Tensor, "position d_model"], baseline: Float[np.ndarray, " d_sae"] | None
) -> Parts:
    """The features active at the last position, what they add everywhere, and what the SAE leaves over.

    Raises:
        ModelError: its decoder is not b_dec plus one direction a feature.
        SelectionError: no feature is active there.
    """
    acts = sae.encode(resid)
    decoded = acts @ sae.written_rows + sae.b_dec
    if not torch.allclose(decoded, sae.decode(acts, resid.to(acts)), rtol=DECODER_TOLERANCE, atol=DECODER_TOLERANCE):
        raise ModelError(
            f"{sae.name} does not decode to b_dec and a direction a feature; its parts cannot be told apart"
        )
    active = (acts[-1] > 0).nonzero()[:, 0]
    if not len(active):
        raise SelectionError(f"no feature of {sae.name} is active there; choose another position")
    absent = torch.zeros_like(acts[0]) if baseline is None else torch.from_numpy(baseline).to(acts)
    excess = (acts[:, active] - absent[active]).T  # (feature, position)
    owed = excess[:, :, None] * sae.written_rows[active][:, None]  # (feature, position, d_model)
    contributions = torch.cat([owed.to(resid.dtype), (resid - decoded.to(resid.dtype))[None]])
    return Parts(active.cpu().numpy(), acts[-1, active].cpu().numpy(), resid, contributions)


class FeatureGame:
    """What a readout at the last position gives when only some parts of the residual stream are there.

    Parts are taken away at the last position alone, or at every position but BOS.
    """

    def __init__(
        self, gpt2: GPT2, readout: Readout, parts: Parts, first_block: int, *, every_position: bool, bos: bool = True
    ) -> None:
        self.gpt2, self.readout, self.first_block = gpt2, readout, first_block
        chosen = slice(int(bos), None) if every_position else slice(-1, None)
        self.full = parts.resid if every_position else parts.resid[-1:]  # (position, d_model)
        self.contributions = parts.contributions if every_position else parts.contributions[:, -1:]
        if every_position:
            kept = torch.zeros(len(parts.resid), 1, dtype=parts.resid.dtype, device=parts.resid.device)
            kept[chosen] = 1
            self.contributions = self.contributions * kept
        self.attend = causal_attention if every_position else self._over_prefix(parts.resid)
        self.rows = max(TOKENS // len(self.full), 1) if every_position else ROWS

    @torch.no_grad()
    def __call__(self, coalitions: Coalitions) -> Float[np.ndarray, "row output"]:
        """The values of coalitions."""
        present = torch.from_numpy(coalitions).to(self.full)
        values = [self.measure(self.stream(rows)) for rows in torch.split(present, self.rows)]
        return torch.cat(values).double().cpu().numpy()

    def stream(self, present: Float[torch.Tensor, "row player"]) -> Float[torch.Tensor, "row position d_model"]:
        """The residual stream with each part there by its share: 0 absent, 1 present."""
        absent: torch.Tensor = torch.tensordot(1 - present, self.contributions, dims=1)
        return self.full - absent

    def measure(self, resid: Float[torch.Tensor, "row position d_model"]) -> Float[torch.Tensor, "row output"]:
        """What the readout gives from these residual streams on."""
        return self.readout.measure(
            self.gpt2.value_at(self.readout.hook_name, resid, self.attend, self.first_block)[:, -1]
        )

    @torch.no_grad()
    def _over_prefix(self, resid: Float[torch.Tensor, "position d_model"]) -> Attend:
        """How one position attends to itself and to those before it, whose keys and values are run once."""
        before: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

        def remember(layer: int, q: Heads, k: Heads, v: Heads) -> Heads:
            before[layer] = (k[0].transpose(0, 1), v[0].transpose(0, 1))  # (head, position, d_head)
            return causal_attention(layer, q, k, v)

        if len(resid) > 1:
            self.gpt2.value_at(self.readout.hook_name, resid[None, :-1], remember, self.first_block)
        return _last_position_attention(before)


def _last_position_attention(before: dict[int, tuple[torch.Tensor, torch.Tensor]]) -> Attend:
    def _attend(layer: int, q: Heads, k: Heads, v: Heads) -> Heads:
        q = (q[:, 0] * q.shape[-1] ** -0.5).transpose(0, 1)  # (row, 1, head, d_head) -> (head, row, d_head)
        own_k, own_v = k[:, 0].transpose(0, 1), v[:, 0].transpose(0, 1)
        itself = (q * own_k).sum(-1, keepdim=True)
        if layer not in before:
            return v
        K, V = before[layer]
        weights = torch.cat([q @ K.transpose(-1, -2), itself], -1).softmax(-1)  # (head, row, position)
        z = weights[..., :-1] @ V + weights[..., -1:] * own_v
        return z.transpose(0, 1)[:, None]

    return _attend


def activation_gradient(game: FeatureGame) -> Float[np.ndarray, " player"]:
    """What each part adds times the gradient where everything is there: the first-order effect."""
    return _times_contributions(game, _gradient(game, torch.ones(1, len(game.contributions)).to(game.full))[0])


def integrated_gradients(game: FeatureGame, steps: int = 32) -> Float[np.ndarray, " player"]:
    """The same with the gradient averaged along the straight way from nothing to everything, by midpoints.

    Source: Sundararajan, Taly & Yan 2017, equation 3.
    """
    share = (torch.arange(steps).to(game.full) + 0.5) / steps
    gradients = [
        _gradient(game, part[:, None].expand(-1, len(game.contributions))) for part in torch.split(share, game.rows)
    ]
    return _times_contributions(game, torch.cat(gradients).mean(0))


def _gradient(game: FeatureGame, present: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad():
        resid = game.stream(present).detach().requires_grad_()
        gradient: torch.Tensor = torch.autograd.grad(game.measure(resid).sum(), resid)[0]
    return gradient


def _times_contributions(game: FeatureGame, gradient: torch.Tensor) -> np.ndarray:
    owed: np.ndarray = torch.tensordot(game.contributions, gradient, dims=2).double().cpu().numpy()
    return owed
