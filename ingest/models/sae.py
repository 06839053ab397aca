"""Sparse autoencoders: what they read of a hook point, what they give, and what they leave over.

SAELens' object is shared and never changed: what it computes with reshaping and normalisation of its own turned off is
computed by a view of it, which has the same weights; heads are laid side by side, and scales taken and given back,
here. Standard and JumpReLU encoders have b_dec folded into the bias where rows or single features are asked for.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float

from ingest.models.hook_points import hook_layer
from ingest.models.names import SAEName
from ingest.models.room import Room
from ingest.models.sae_activations import (
    CHUNK_ROWS,
    SCALED,
    DenseEncoder,
    Scale,
    SparseActivations,
    sparse_rows,
    take_sae_scale,
)
from ingest.models.screen import MOST_WEIGHTS, Screen, multiplies_bfloat16
from schema.errors import ModelError

X = Float[torch.Tensor, "*rows d_in"]
Acts = Float[torch.Tensor, "*rows d_sae"]


@dataclass(frozen=True)
class SAE:
    """An SAE with what SAELens knows of it; `module` is SAELens' own object.

    Shapes: x is what the hook point gives, (*rows, d_in), at hook_z also (*rows, head, d_head); activations
    (*rows, d_sae); log_sparsity (d_sae,), log10 of the share of tokens a feature fires on in training.
    """

    name: SAEName
    module: Any
    log_sparsity: Float[torch.Tensor, " d_sae"] | None
    model_name: str
    model_options: Mapping[str, Any]
    hook_name: str
    context_size: int
    prepend_bos: bool
    neuronpedia_id: str | None
    weights_sha256: str

    @property
    def d_in(self) -> int:
        """Width of its input."""
        return int(self.module.cfg.d_in)

    @property
    def d_sae(self) -> int:
        """Number of features."""
        return int(self.module.cfg.d_sae)

    @property
    def architecture(self) -> str:
        """SAELens' name of the architecture."""
        return str(self.module.cfg.architecture())

    @property
    def trained_as(self) -> str | None:
        """SAELens' name of what it was trained as, where its file names another; a BatchTopK is saved as a JumpReLU."""
        trained = self.module.cfg.metadata.training_architecture
        return str(trained) if trained and trained != self.architecture else None

    @property
    def normalize_activations(self) -> str:
        """SAELens' name of how its input is scaled."""
        return str(self.module.cfg.normalize_activations)

    @property
    def hook_layer(self) -> int:
        """Block of the hook."""
        return hook_layer(self.hook_name)

    @property
    def W_dec(self) -> Float[torch.Tensor, "d_sae d_in"]:
        """The decoder's rows: a direction for each feature."""
        W_dec: torch.Tensor = self.module.W_dec
        return W_dec.detach()

    @property
    def written_rows(self) -> Float[torch.Tensor, "d_sae d_in"]:
        """What one unit of each feature's activation adds: its decoder row, of length 1 where activations bear it."""
        if getattr(self.module.cfg, "rescale_acts_by_decoder_norm", False):
            return torch.nn.functional.normalize(self.W_dec, dim=1)
        return self.W_dec

    @property
    def b_dec(self) -> Float[torch.Tensor, " d_in"]:
        """What the decoder gives where nothing is active."""
        b_dec: torch.Tensor = self.module.b_dec
        return b_dec.detach()

    def encode(self, x: X) -> Acts:
        """Activations of every feature, as SAELens computes them."""
        return self._encode_side_by_side(self._side_by_side(x))

    def encode_features(self, x: X, features: Sequence[int]) -> Float[torch.Tensor, "*rows feature"]:
        """Activations of some features."""
        return self.feature_encoder(features)(x)

    def feature_encoder(self, features: Sequence[int]) -> Callable[[X], Float[torch.Tensor, "*rows feature"]]:
        """`encode_features` of these; in the type of x, and of their own columns alone, where no others matter."""
        chosen = list(features)
        if not self._is_linear:
            return lambda x: self.encode(x)[..., chosen]
        W, bias = self._linear(chosen)
        least = self._threshold[chosen]

        def linear(x: torch.Tensor) -> torch.Tensor:
            pre = self._side_by_side(x) @ W.to(x.dtype) + bias.to(x.dtype)
            return torch.where(pre > least, pre, 0)

        return linear

    def encoder_direction(self, feature: int) -> tuple[Float[torch.Tensor, " d_in"], float]:
        """A direction and a bias: the feature's pre-activation is x @ direction + bias, heads side by side.

        Raises:
            ModelError: the encoder is not linear in what it reads.
        """
        if not self._is_linear:
            scaled = "" if self.normalize_activations == "none" else f" with normalisation {self.normalize_activations}"
            raise ModelError(
                f"{self.name} has an encoder of architecture {self.architecture}{scaled}, whose pre-activations are "
                "not linear in what it reads; circuits of features need a standard or JumpReLU SAE, not normalised"
            )
        W, bias = self._linear([feature])
        return W[:, 0].detach(), float(bias[0])

    def sparse_rows(self, x: Float[torch.Tensor, "row d_in"], chunk_rows: int = CHUNK_ROWS) -> SparseActivations:
        """Features above zero, row by row; so many rows are encoded at a time.

        Raises:
            NotFiniteError: what is read or given is NaN, infinite or too large.
        """
        x = self._side_by_side(x)
        screen = self._screen if x.device.type == "cpu" and x.dtype == torch.float32 else None
        return sparse_rows(self._dense, x, chunk_rows, screen.active if screen else None)

    def decode(self, feature_acts: Acts, x: X | None = None) -> X:
        """What activations add up to, heads side by side; x is what they were read from.

        Raises:
            ModelError: x is not given, and the SAE scales what it reads by it.
        """
        if x is None and self.normalize_activations in SCALED:
            raise ModelError(f"{self.name} gives its input's scale back ({self.normalize_activations}): decode needs x")
        decoded: torch.Tensor = self._view.decode(feature_acts)
        return decoded if x is None else self._scale(self._side_by_side(x)).give_back(decoded)

    def reconstruct(self, x: X) -> X:
        """What is left of x after encoding and decoding, in its shape."""
        return self.decode(self.encode(x), x).view_as(x)

    def error(self, x: X) -> X:
        """What the SAE leaves over of x, in its shape."""
        return x - self.reconstruct(x)

    def added(self, x: X, written: Float[torch.Tensor, "*rows d_in"]) -> X:
        """x with more written on it by the decoder, heads side by side and at its input's scale; in the shape of x."""
        return (self._side_by_side(x) + self.at_scale(x, written)).view_as(x)

    def at_scale(self, x: X, written: Float[torch.Tensor, "*rows d_in"]) -> Float[torch.Tensor, "*rows d_in"]:
        """What the decoder writes, heads side by side, at the scale of the x that activations were read from."""
        give_back = self._scale(self._side_by_side(x)).give_back
        return give_back(written) - give_back(torch.zeros_like(written))

    @cached_property
    def _view(self) -> Any:
        """SAELens' object, with the same weights, that neither reshapes nor scales."""
        view = copy.copy(self.module)
        view.turn_off_forward_pass_hook_z_reshaping()
        if self.normalize_activations in SCALED:
            view.run_time_activation_norm_fn_in = view.run_time_activation_norm_fn_out = _as_it_is
        return view

    def _side_by_side(self, x: torch.Tensor) -> X:
        return x if x.shape[-1] == self.d_in else x.flatten(-2)

    def _scale(self, x: X) -> Scale:
        return take_sae_scale(x, self.normalize_activations)

    def _encode_side_by_side(self, x: X) -> Acts:
        scale = self._scale(x.to(self.module.W_dec.dtype))
        acts: torch.Tensor = self._view.encode(scale.scaled)
        return acts.to_dense() if acts.is_sparse else acts

    @property
    def _is_linear(self) -> bool:
        return self.architecture in ("standard", "jumprelu") and self.normalize_activations == "none"

    @property
    def _threshold(self) -> torch.Tensor:
        """What the pre-activation of an active feature exceeds."""
        threshold: torch.Tensor = self.module.threshold if self.architecture == "jumprelu" else 0 * self.module.b_enc
        return threshold.detach().clamp(min=0)

    def _linear(self, features: Any = slice(None)) -> tuple[torch.Tensor, torch.Tensor]:
        """W_enc and the bias of some features, b_dec folded in."""
        W = self.module.W_enc[:, features]
        bias = self.module.b_enc[features]
        return W, bias - self.module.b_dec @ W if self.module.cfg.apply_b_dec_to_input else bias

    @cached_property
    def _screen(self) -> Screen | None:
        if not self._is_linear or not multiplies_bfloat16() or self.d_in * self.d_sae > MOST_WEIGHTS:
            return None
        W, bias = self._linear()
        return Screen.of(W, bias, self._threshold, self.b_dec)

    @cached_property
    def _dense(self) -> DenseEncoder:
        """x W + b, and zeros where it does not exceed the threshold of a JumpReLU; others as SAELens has them."""
        if not self._is_linear:
            return self._encode_side_by_side
        W, bias = self._linear()
        if self.architecture == "standard":
            return lambda x: _room.affine(x, W, bias)
        threshold = self._threshold

        def jumprelu(x: torch.Tensor) -> torch.Tensor:
            pre = _room.affine(x, W, bias)
            return pre.masked_fill_(pre <= threshold, 0)

        return jumprelu


_room = Room()


def _as_it_is(x: torch.Tensor) -> torch.Tensor:
    return x
