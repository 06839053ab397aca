"""What running a model in less than float32 changes of the activations of its SAEs, measured on texts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from ingest.encode.batch import BatchEncoder
from ingest.models.language_model import LanguageModel
from ingest.models.names import Precision
from ingest.models.sae import SAE

KEYS = ("window", "position", "feature")

MOST_CHARACTERS = 16_384
"""Of the texts that are compared: some 4,000 tokens, seconds of a small model."""


@dataclass(frozen=True)
class PrecisionChange:
    """Of an SAE, over all tokens of the texts: pairs of token and feature, and how far their activations are apart.

    either: active in this precision or in float32; both: in both; of those, largest and median are deviations from
    float32, the latter as a share of each activation; peak is the largest activation in float32.
    """

    sae: str
    precision: Precision
    texts: int
    either: int
    both: int
    largest: float
    median: float
    peak: float

    @property
    def shared(self) -> float:
        """The share of the active set that is the same."""
        return self.both / self.either if self.either else 1.0

    def __str__(self) -> str:
        return (
            f"{self.sae}: {self.precision} changes what float32 gives; compared on {self.texts:,} of these "
            f"texts, {self.shared:.1%} of the active set is the same, and its activations by {self.median:.2%} in the "
            f"median, by {self.largest:.3g} at most (the largest is {self.peak:.3g})"
        )


def changes_by_precision(
    model: LanguageModel,
    saes: Sequence[SAE],
    texts: Sequence[str],
    device: str = "cpu",
    most_characters: int = MOST_CHARACTERS,
) -> list[PrecisionChange]:
    """What each SAE gives of the first texts, in the model's precision and in float32."""
    sizes = np.cumsum([len(text) for text in texts])
    chosen = [text[:most_characters] for text in texts[: max(1, int((sizes <= most_characters).sum()))]]
    exact, rounded = (
        BatchEncoder.of(each, saes, device).encode(chosen, [""] * len(chosen), [[True] * len(chosen)] * len(saes))
        for each in (replace(model, precision="float32"), model)
    )
    return [
        _change(str(sae.name), model.precision, len(chosen), *tables)
        for sae, *tables in zip(saes, exact.activations, rounded.activations, strict=True)
    ]


def _change(sae: str, precision: Precision, texts: int, exact: pa.Table, rounded: pa.Table) -> PrecisionChange:
    pairs, at_exact, at_rounded = np.intersect1d(
        _pairs(exact), _pairs(rounded), assume_unique=True, return_indices=True
    )
    value, other = exact["activation"].to_numpy()[at_exact], rounded["activation"].to_numpy()[at_rounded]
    apart = np.abs(value - other)
    return PrecisionChange(
        sae,
        precision,
        texts,
        either=exact.num_rows + rounded.num_rows - len(pairs),
        both=len(pairs),
        largest=float(apart.max(initial=0)),
        median=float(np.median(apart / value)) if len(pairs) else 0.0,
        peak=float(exact["activation"].to_numpy().max(initial=0)),
    )


def _pairs(activations: pa.Table) -> np.ndarray:
    """A number for each pair of a token and a feature."""
    window, position, feature = (activations[name].to_numpy().astype(np.int64) for name in KEYS)
    pairs: np.ndarray = (window << 46) | (position << 30) | feature
    return pairs
