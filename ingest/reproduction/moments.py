"""The study's moments of logit weights, and its lists of the ten features with the highest and the lowest of each.

Its logit weights are `W_dec @ W_U` with the columns of W_U brought to length 1, ln_final folded into it before.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ingest.models.circuit_weights import stream_directions
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.reproduction.printed import End, Heading
from ingest.statistics.logit_weights import logit_weights

LISTED = 10
HEADINGS: tuple[Heading, ...] = ("std", "skewness", "kurtosis")
ENDS: tuple[End, ...] = ("highest", "lowest")

Lists = Mapping[tuple[Heading, End], tuple[int, ...]]


@dataclass(frozen=True)
class Moments:
    """Moments of each feature's logit weights; skewness and kurtosis are NaN where these do not vary.

    Shapes: each (d_sae,), float64.
    """

    std: Float[np.ndarray, " d_sae"]
    skewness: Float[np.ndarray, " d_sae"]
    kurtosis: Float[np.ndarray, " d_sae"]

    def extreme(self, moment: Heading, end: End) -> tuple[int, ...]:
        """The ten features with the highest or the lowest of a moment, as pandas' nlargest and nsmallest order them."""
        values: Float[np.ndarray, " d_sae"] = getattr(self, moment)
        known = np.flatnonzero(np.isfinite(values))
        order = np.argsort(-values[known] if end == "highest" else values[known], kind="stable")
        return tuple(known[order][:LISTED].tolist())

    def by_the_study(self) -> Lists:
        """The study's six lists: those under Skewness are sorted by kurtosis, as its cells are."""
        sorted_by: dict[Heading, Heading] = {"std": "std", "skewness": "kurtosis", "kurtosis": "kurtosis"}
        return {(heading, end): self.extreme(sorted_by[heading], end) for heading in HEADINGS for end in ENDS}


def study_moments(model: LanguageModel, sae: SAE) -> Moments | None:
    """The moments of an SAE's logit weights as the study had them; None where it writes nothing to the stream."""
    directions = stream_directions(model, sae)
    if directions is None:
        return None
    found = logit_weights(directions, model.W_U, mode="cosine")
    return Moments(found.std, found.skewness, found.kurtosis)


def list_overlap(one: Lists, other: Lists) -> tuple[int, int]:
    """How many entries the lists of one heading and end share, and how many there are, over those that both have."""
    keys = one.keys() & other.keys()
    return sum(len(set(one[key]) & set(other[key])) for key in keys), sum(len(one[key]) for key in keys)
