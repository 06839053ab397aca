"""BatchTopK without its zeros: of 4,096 features 32 are active, and only these are decoded and differentiated.

SAELens decodes densely; this is the same function with the same gradients (a test compares them) in about a third
of the time. When features are dead, SAELens' own pass with its auxiliary loss takes turns with this one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE
from sae_lens.saes.sae import TrainStepInput, TrainStepOutput
from torch import Tensor, nn

with warnings.catch_warnings():
    # PyTorch says once a process that this is new; said here, it is not said in the middle of a progress bar
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
    torch.eye(1).to_sparse_csr()

AUXILIARY_EVERY = 4
"""Steps from one auxiliary loss to the next, while features are dead."""


class Selection(NamedTuple):
    """The active features of a batch, in the order of tokens."""

    token: Int[Tensor, " active"]
    feature: Int[Tensor, " active"]
    value: Float[Tensor, " active"]


def kth_largest(values: Float[Tensor, " value"], k: int) -> Float[Tensor, ""]:
    """The k-th largest value, exactly: a sample proposes a floor, and only what lies above it is sorted."""
    sample = values[::16]
    guess = min(int(1.25 * k / 16) + 64, len(sample))
    candidates = values[values >= torch.topk(sample, guess, sorted=False).values.min()]
    if len(candidates) < k:
        candidates = values
    return torch.topk(candidates, min(k, len(candidates)), sorted=False).values.min()


def select(hidden: Float[Tensor, "token d_sae"], k: float) -> Selection:
    """The `k` largest positive values a token, counted over the batch."""
    least = kth_largest(hidden.flatten(), int(k * len(hidden)))
    token, feature = ((hidden >= least) & (hidden > 0)).nonzero(as_tuple=True)
    return Selection(token, feature, hidden[token, feature])


def sparse_product(
    row: Int[Tensor, " active"],
    column: Int[Tensor, " active"],
    value: Float[Tensor, " active"],
    dense: Tensor,
    rows: int,
) -> Float[Tensor, "row column_of_dense"]:
    """A sparse matrix of `rows` rows, its entries in the order of rows, times a dense one."""
    starts = torch.zeros(rows + 1, dtype=torch.long, device=row.device)
    starts[1:] = torch.bincount(row, minlength=rows).cumsum(0)
    size = (rows, len(dense))
    out: Tensor = torch.sparse_csr_tensor(starts, column, value, size, check_invariants=False) @ dense
    return out


@torch.no_grad()
def active_features(sae: Any, x: Float[Tensor, "token d_in"]) -> Selection:
    """What a JumpReLU autoencoder of SAELens encodes the activations as, without the zeros."""
    bias = sae.b_enc - sae.b_dec @ sae.W_enc if sae.cfg.apply_b_dec_to_input else sae.b_enc
    hidden = torch.addmm(bias, x, sae.W_enc)
    token, feature = (hidden > sae.threshold.clamp(min=0.0)).nonzero(as_tuple=True)
    return Selection(token, feature, hidden[token, feature])


@torch.no_grad()
def decode(sae: Any, chosen: Selection, tokens: int) -> Float[Tensor, "token d_in"]:
    """The reconstruction from the active features of that many tokens."""
    out: Tensor = sparse_product(chosen.token, chosen.feature, chosen.value, sae.W_dec, tokens) + sae.b_dec
    return out


class _Reconstruction(torch.autograd.Function):
    """decode(topk(x @ W_enc + b_enc)), with the gradients of the active features only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, W_enc: Tensor, b_enc: Tensor, W_dec: Tensor, k: float) -> tuple[Tensor, ...]:
        """Shapes: x (token, d_in), W_enc (d_in, d_sae), W_dec (d_sae, d_in)."""
        token, feature, value = select(torch.addmm(b_enc, x, W_enc), k)
        out = sparse_product(token, feature, value, W_dec, len(x))
        ctx.save_for_backward(x, W_enc, W_dec, token, feature, value)
        ctx.mark_non_differentiable(token, feature, value)
        return out, token, feature, value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        """The gradient of the output alone; what was selected has none."""
        x, W_enc, W_dec, token, feature, value = ctx.saved_tensors
        d_value = (gradients[0] @ W_dec.t())[token, feature]
        order = torch.argsort(feature, stable=True)
        by_feature, by_token, d_sae = feature[order], token[order], len(W_dec)
        d_W_dec = sparse_product(by_feature, by_token, value[order], gradients[0], d_sae)
        d_W_enc = sparse_product(by_feature, by_token, d_value[order], x, d_sae).t()
        d_b_enc = torch.zeros(d_sae, dtype=x.dtype, device=x.device).index_add_(0, feature, d_value)
        d_x = sparse_product(token, feature, d_value, W_enc.t().contiguous(), len(x))
        return d_x, d_W_enc, d_b_enc, d_W_dec, None


_reconstruct: Callable[..., tuple[Tensor, ...]] = _Reconstruction.apply


class SparseBatchTopKTrainingSAE(BatchTopKTrainingSAE):  # type: ignore[misc]
    """SAELens' BatchTopK autoencoder with a faster pass for the steps without an auxiliary loss."""

    def training_forward_pass(self, step_input: TrainStepInput) -> TrainStepOutput:
        """What SAELens' trainer calls at each step."""
        dead = step_input.dead_neuron_mask is not None and bool(step_input.dead_neuron_mask.any())
        if dead and step_input.n_training_steps % AUXILIARY_EVERY == 0:
            return super().training_forward_pass(step_input)
        x = self.process_sae_in(step_input.sae_in)
        norm = self.W_dec.norm(dim=-1)
        encoder, decoder = (self.W_enc * norm, self.b_enc * norm), self.W_dec / norm[:, None]
        centred, *active = _reconstruct(x, *encoder, decoder, self.cfg.k)
        sae_out = centred + self.b_dec
        loss = (sae_out - step_input.sae_in).pow(2).sum(-1).mean()
        token, feature, value = active
        feature_acts = torch.sparse_coo_tensor(
            torch.stack([token, feature]), value, (len(x), self.cfg.d_sae), is_coalesced=True, check_invariants=False
        )
        self.update_topk_threshold(value)
        return TrainStepOutput(
            sae_in=step_input.sae_in,
            sae_out=sae_out,
            feature_acts=feature_acts,
            hidden_pre=x.new_zeros(0),
            loss=loss,
            losses={"mse_loss": loss},
        )

    def get_activation_fn(self) -> Callable[[Tensor], Tensor]:
        """What SAELens' own pass calls between encoder and decoder."""
        return SelectTopK(self.cfg.k)


class SelectTopK(nn.Module):
    """SAELens' BatchTopK, found by a cut-off value and not by sorting a whole batch."""

    def __init__(self, k: float) -> None:
        super().__init__()
        self.k = k

    def forward(self, hidden: Float[Tensor, "token d_sae"]) -> Float[Tensor, "token d_sae"]:
        """The `k` largest positive values a token, counted over the batch; zero elsewhere."""
        with torch.no_grad():
            least = kth_largest(hidden.flatten(), int(self.k * hidden.shape[:-1].numel()))
            keep = (hidden >= least) & (hidden > 0)
        return hidden * keep
