"""BatchTopK without its zeros: of 4,096 features 32 are active, and only these are decoded and differentiated.

SAELens computes with whole matrices; this is the same function with the same gradients (a test compares them).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
from sae_lens.saes.sae import TrainStepInput, TrainStepOutput
from torch import Tensor

from ingest.pocket.recipe.budget import mixed_precision

with warnings.catch_warnings():
    # PyTorch says once a process that this is new; said here, it is not said in the middle of a progress bar
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
    torch.eye(1).to_sparse_csr()

HANDICAP_STEP = 0.03
"""How far a handicap moves at a step, in the least value selected, where a feature fires twice as often as it may."""

SAMPLE_EVERY = 31
"""One value in so many proposes where the smallest of the largest values lies; odd, so that every feature has a say."""


class Selection(NamedTuple):
    """The active features of a batch, in the order of tokens."""

    token: Int[Tensor, " active"]
    feature: Int[Tensor, " active"]
    value: Float[Tensor, " active"]


def training_candidate_places(
    hidden: Float[Tensor, "token d_sae"], k: float
) -> tuple[Int[Tensor, " place"], Int[Tensor, " place"]]:
    """Token and feature of somewhat more than the `k` largest positive values a token, in the order of tokens.

    A sample says where the smallest of them lies, and the margin is wider than the error of bfloat16.
    """
    values, count = hidden.flatten(), int(k * len(hidden))
    sample = values[::SAMPLE_EVERY].float()
    guess = min(int(1.2 * count / SAMPLE_EVERY) + 64, len(sample))
    floor = 0.98 * float(torch.topk(sample, guess, sorted=False).values.min())
    index = (values > max(floor, 0.0)).nonzero()[:, 0]
    if len(index) < count:
        index = torch.arange(len(values), device=values.device)
    token = index // hidden.shape[1]
    return token, index - token * hidden.shape[1]


def select(
    x: Float[Tensor, "token d_in"],
    W_enc: Float[Tensor, "d_in d_sae"],
    b_enc: Float[Tensor, " d_sae"],
    k: float,
    handicap: Float[Tensor, " d_sae"],
) -> Selection:
    """The `k` values a token, counted over the batch, of x @ W_enc + b_enc that exceed their handicap by most.

    All are computed in the fast number format, to find where the largest are; those are computed again in float32.
    """
    with mixed_precision(x.device):
        token, feature = training_candidate_places(torch.addmm(b_enc - handicap, x, W_enc), k)
    places = sparse_training_matrix(token, feature, b_enc[feature], (len(x), len(b_enc)))
    value = torch.sparse.sampled_addmm(places, x, W_enc).values()
    excess = value - handicap[feature]
    least = torch.topk(excess, min(int(k * len(x)), len(excess)), sorted=False).values.min()
    kept = ((excess >= least) & (excess > 0)).nonzero()[:, 0]
    return Selection(token[kept], feature[kept], value[kept])


def sparse_training_matrix(
    row: Int[Tensor, " active"], column: Int[Tensor, " active"], value: Float[Tensor, " active"], size: tuple[int, int]
) -> Tensor:
    """A sparse matrix whose entries are given in the order of its rows."""
    starts = torch.zeros(size[0] + 1, dtype=torch.long, device=row.device)
    starts[1:] = torch.bincount(row, minlength=size[0]).cumsum(0)
    return torch.sparse_csr_tensor(starts, column, value, size, check_invariants=False)


@torch.no_grad()
def sparse_training_features(sae: Any, x: Float[Tensor, "token d_in"]) -> Selection:
    """What a JumpReLU autoencoder of SAELens encodes the activations as, without the zeros."""
    bias = sae.b_enc - sae.b_dec @ sae.W_enc if sae.cfg.apply_b_dec_to_input else sae.b_enc
    hidden = torch.addmm(bias, x, sae.W_enc)
    token, feature = (hidden > sae.threshold.clamp(min=0.0)).nonzero(as_tuple=True)
    return Selection(token, feature, hidden[token, feature])


@torch.no_grad()
def decode(sae: Any, chosen: Selection, tokens: int) -> Float[Tensor, "token d_in"]:
    """The reconstruction from the active features of that many tokens."""
    out: Tensor = sparse_training_matrix(*chosen, (tokens, len(sae.W_dec))) @ sae.W_dec + sae.b_dec
    return out


class _ActiveValues(torch.autograd.Function):
    """topk(x @ W_enc + b_enc) as its active features, with the gradients of these only."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, W_enc: Tensor, b_enc: Tensor, k: float, handicap: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Shapes: x (token, d_in), W_enc (d_in, d_sae), handicap (d_sae)."""
        chosen = select(x, W_enc, b_enc, k, handicap)
        ctx.save_for_backward(x, W_enc, chosen.token, chosen.feature)
        ctx.mark_non_differentiable(chosen.token, chosen.feature)
        return chosen

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """The gradient of the values; which were selected has none."""
        x, W_enc, token, feature = ctx.saved_tensors
        d_value, size = gradients[2], (len(x), W_enc.shape[1])
        order = torch.argsort(feature, stable=True)
        d_W_enc = (sparse_training_matrix(feature[order], token[order], d_value[order], size[::-1]) @ x).t()
        d_b_enc = torch.zeros_like(W_enc[0]).index_add_(0, feature, d_value)
        return (
            sparse_training_matrix(token, feature, d_value, size) @ W_enc.t().contiguous(),
            d_W_enc,
            d_b_enc,
            None,
            None,
        )


class _Decoded(torch.autograd.Function):
    """The active features' values times their rows of W_dec, summed by token."""

    @staticmethod
    def forward(ctx: Any, token: Tensor, feature: Tensor, value: Tensor, W_dec: Tensor, tokens: int) -> Tensor:
        """Shapes: token, feature and value (active), W_dec (d_sae, d_in); returns (token, d_in)."""
        ctx.save_for_backward(token, feature, value, W_dec)
        return sparse_training_matrix(token, feature, value, (tokens, len(W_dec))) @ W_dec

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor, Tensor, None]:
        """The gradients of the values and of the decoder."""
        token, feature, value, W_dec = ctx.saved_tensors
        size = (len(gradients[0]), len(W_dec))
        places = sparse_training_matrix(token, feature, torch.zeros_like(value), size)
        d_value = torch.sparse.sampled_addmm(places, gradients[0], W_dec.t()).values()
        order = torch.argsort(feature, stable=True)
        d_W_dec = sparse_training_matrix(feature[order], token[order], value[order], size[::-1]) @ gradients[0]
        return None, None, d_value, d_W_dec, None


_active_values: Callable[..., tuple[Tensor, Tensor, Tensor]] = _ActiveValues.apply
_decoded: Callable[..., Tensor] = _Decoded.apply


def nested_reconstructions(
    chosen: Selection, W_dec: Float[Tensor, "d_sae d_in"], tokens: int, widths: Sequence[int]
) -> Iterator[Float[Tensor, "token d_in"]]:
    """What the first `width` features reconstruct, without the decoder's bias, for each of the rising widths."""
    total: Tensor | None = None
    for begin, end in pairwise((0, *widths)):
        inside = ((chosen.feature >= begin) & (chosen.feature < end)).nonzero()[:, 0]
        here = chosen if len(inside) == len(chosen.token) else Selection(*(each[inside] for each in chosen))
        part = _decoded(here.token, here.feature, here.value, W_dec, tokens)
        total = part if total is None else total + part
        yield total


class SparseBatchTopKTrainingSAE(BatchTopKTrainingSAE):  # type: ignore[misc]
    """SAELens' BatchTopK autoencoder with a faster pass; its Matryoshka one where inner `widths` are given.

    The first features, as many as an inner width says, then also reconstruct by themselves. A feature that fires on
    more than `most_density` of the tokens gets a handicap, which grows until it does not, and becomes part of its
    threshold: what a feature that fires nearly everywhere says is left to several, each of something in particular.
    Source: Bussmann et al. 2025, "Learning Multi-Level Features with Matryoshka Sparse Autoencoders", arXiv 2503.17547;
    Wang et al. 2024, "Auxiliary-Loss-Free Load Balancing Strategy for Mixture-of-Experts", arXiv 2408.15664.
    """

    handicap: Tensor

    def __init__(self, cfg: BatchTopKTrainingSAEConfig, widths: Sequence[int] = (), most_density: float = 1.0) -> None:
        super().__init__(cfg)
        self.widths = (*widths, cfg.d_sae)
        self.most_density = most_density
        self.register_buffer("handicap", torch.zeros_like(self.b_enc))
        self.further_loss: Callable[[Tensor], Tensor] | None = None
        """What is asked of a reconstruction (token, d_in) beside its likeness; as large as the error at each step."""

    def training_forward_pass(self, step_input: TrainStepInput) -> TrainStepOutput:
        """What SAELens' trainer calls at each step."""
        x = self.process_sae_in(step_input.sae_in)
        norm = self.W_dec.norm(dim=-1)
        W_enc, b_enc, W_dec = self.W_enc * norm, self.b_enc * norm, self.W_dec / norm[:, None]
        chosen = Selection(*_active_values(x, W_enc, b_enc, self.cfg.k, self.handicap))
        losses = {}
        for width, centred in zip(self.widths, nested_reconstructions(chosen, W_dec, len(x), self.widths), strict=True):
            sae_out = centred + self.b_dec
            error = sae_out - step_input.sae_in
            losses[f"mse_loss_{width}"] = error.pow(2).sum(-1).mean()
        if self.further_loss is not None:
            further = self.further_loss(sae_out)
            losses["further_loss"] = further * (losses[f"mse_loss_{width}"] / further).detach()
        if step_input.dead_neuron_mask is not None:
            dead = step_input.dead_neuron_mask.nonzero()[:, 0]
            losses["auxiliary_reconstruction_loss"] = self.cfg.aux_loss_coefficient * auxiliary_loss(
                torch.addmm(b_enc[dead], x, W_enc[:, dead]), W_dec[dead], -error.detach()
            )
        self._update_thresholds(chosen, len(x))
        return TrainStepOutput(
            sae_in=step_input.sae_in,
            sae_out=sae_out,
            feature_acts=torch.sparse_coo_tensor(
                torch.stack([chosen.token, chosen.feature]),
                chosen.value,
                (len(x), len(W_dec)),
                is_coalesced=True,
                check_invariants=False,
            ),
            hidden_pre=x.new_zeros(0),
            loss=torch.stack(list(losses.values())).sum(),
            losses=losses,
        )

    @torch.no_grad()
    def _update_thresholds(self, chosen: Selection, tokens: int) -> None:
        """Follow the least that was selected, and raise or lower the handicaps by a share of it."""
        excess = chosen.value - self.handicap[chosen.feature]
        self.update_topk_threshold(excess)
        if self.most_density < 1.0:
            density = torch.bincount(chosen.feature, minlength=len(self.handicap)) / tokens
            step = (density / self.most_density - 1).clamp(-1.0, 2.0) * HANDICAP_STEP * excess.min()
            self.handicap = (self.handicap + step).clamp(min=0.0)

    @torch.no_grad()
    def fold_activation_norm_scaling_factor(self, scaling_factor: float) -> None:
        """As SAELens does, the handicaps with the threshold."""
        super().fold_activation_norm_scaling_factor(scaling_factor)
        self.handicap /= scaling_factor

    def process_state_dict_for_saving_inference(self, state_dict: dict[str, Any]) -> None:
        """As SAELens does, each feature's handicap in its threshold."""
        handicap = state_dict.pop("handicap")
        super().process_state_dict_for_saving_inference(state_dict)
        state_dict["threshold"] = state_dict["threshold"] + handicap


def auxiliary_loss(
    hidden: Float[Tensor, "token dead"], W_dec: Float[Tensor, "dead d_in"], error: Float[Tensor, "token d_in"]
) -> Float[Tensor, ""]:
    """How badly the dead features reconstruct what the others leave over; SAELens' loss, from the dead columns alone.

    Source: Gao et al. 2024, "Scaling and evaluating sparse autoencoders", arXiv 2406.04093, appendix A.2.
    """
    at_most = W_dec.shape[1] // 2
    top = hidden.topk(min(at_most, len(W_dec)), dim=-1, sorted=False)
    feature_acts = torch.zeros_like(hidden).scatter(-1, top.indices, top.values)
    scale = min(len(W_dec) / at_most, 1.0)
    return scale * (feature_acts @ W_dec - error).pow(2).sum(-1).mean()
