"""Running sums of what an SAE keeps of a corpus, and the figures that follow from them.

Sums of batches add up to those of the whole. The scatter about the mean is merged from the parts' own, so that
nothing large is ever taken from something large.

Source: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class Quality:
    """How well an SAE reconstructs a corpus, and what that costs the model's predictions.

    Units: l0 in features a token; ce_* in nats a token.
    """

    tokens: int
    explained_variance: float | None
    l0: float
    dead_share: float
    predicted_tokens: int
    ce_clean: float
    ce_sae: float
    ce_zero: float
    ce_uniform: float

    @property
    def ce_recovered(self) -> float | None:
        """Share of the cross-entropy lost to zeros that the reconstruction recovers; None where zeros cost nothing."""
        lost = self.ce_zero - self.ce_clean
        return (self.ce_zero - self.ce_sae) / lost if lost else None

    @property
    def ce_recovered_uniform(self) -> float | None:
        """The same against a uniform guess over the vocabulary; None where the model is no better than that."""
        gained = self.ce_uniform - self.ce_clean
        return (self.ce_uniform - self.ce_sae) / gained if gained > 0 else None

    @property
    def ce_rise(self) -> float:
        """What the reconstruction adds to the cross-entropy."""
        return self.ce_sae - self.ce_clean


@dataclass(frozen=True)
class Reconstruction:
    """Sums over tokens at the hook, BOS left out: x as it is, x̂ as the SAE gives it, its activations.

    Shapes: mean (d_in,), of x; scatter, sum of |x - mean|²; squared_error, sum of |x - x̂|²; fired (d_sae,).
    """

    tokens: int
    mean: Float[np.ndarray, " d_in"]
    scatter: float
    squared_error: float
    activations: int
    fired: Bool[np.ndarray, " d_sae"]

    @classmethod
    def of(
        cls,
        x: Float[torch.Tensor, "token d_in"],
        x_hat: Float[torch.Tensor, "token d_in"],
        feature_acts: Float[torch.Tensor, "token d_sae"],
    ) -> Self:
        """The sums of some tokens, at least one."""
        wide, active = x.double(), feature_acts > 0
        mean = wide.mean(0)
        return cls(
            tokens=len(x),
            mean=mean.cpu().numpy(),
            scatter=float((wide - mean).square().sum()),
            squared_error=float((wide - x_hat.double()).square().sum()),
            activations=int(active.sum()),
            fired=active.any(0).cpu().numpy(),
        )

    def __add__(self, other: Self) -> Self:
        """The sums of both."""
        tokens = self.tokens + other.tokens
        apart = other.mean - self.mean
        return type(self)(
            tokens=tokens,
            mean=self.mean + apart * (other.tokens / tokens),
            scatter=self.scatter + other.scatter + float(apart @ apart) * self.tokens * other.tokens / tokens,
            squared_error=self.squared_error + other.squared_error,
            activations=self.activations + other.activations,
            fired=self.fired | other.fired,
        )

    @property
    def explained_variance(self) -> float | None:
        """1 - E|x - x̂|² / E|x - x̄|²; None where x does not vary."""
        return 1 - self.squared_error / self.scatter if self.scatter else None


@dataclass(frozen=True)
class Losses:
    """Total cross-entropy of the predicted tokens: as the model is, with x̂ at the hook, with zeros there.

    Units: nats.
    """

    predicted_tokens: int
    clean: float
    sae: float
    zero: float

    def __add__(self, other: Self) -> Self:
        """Those of both."""
        return type(self)(
            self.predicted_tokens + other.predicted_tokens,
            self.clean + other.clean,
            self.sae + other.sae,
            self.zero + other.zero,
        )


def quality_figures(reconstruction: Reconstruction, losses: Losses, d_vocab: int) -> Quality:
    """The figures that follow from the sums of a corpus with at least one predicted token."""
    predicted = losses.predicted_tokens
    return Quality(
        tokens=reconstruction.tokens,
        explained_variance=reconstruction.explained_variance,
        l0=reconstruction.activations / reconstruction.tokens,
        dead_share=float((~reconstruction.fired).mean()),
        predicted_tokens=predicted,
        ce_clean=losses.clean / predicted,
        ce_sae=losses.sae / predicted,
        ce_zero=losses.zero / predicted,
        ce_uniform=math.log(d_vocab),
    )
