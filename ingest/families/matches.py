"""The same feature in another SAE of one model: the most alike by decoder, what is mutual, and splits.

By decoder: the cosine of the two directions, where both SAEs write into streams of one width; by activations:
`activation_matches`. A match is mutual where each is the other's best. Where several features here have one best match
there, each at least SPLIT alike, that one is split here.

Source: Bricken et al. 2023 (feature splitting; universality by correlation of activations); Balagansky et al. 2024,
"Mechanistic Permutability" (matching features across layers).
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, Self

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from ingest.families.neighbours import largest_of_rows

MOST = 3
"""Matches kept of each feature."""
SPLIT: dict[str, float] = {"cosine": 0.7, "correlation": 0.5}
"""How alike features must be to count as parts of one."""
LEVEL = 0.95
DRAWN = 2048
"""Random directions that tell what chance reaches."""
CHUNK_BYTES = 64 * 2**20
PAIRS_AT_ONCE = 4096

Measure = Literal["cosine", "correlation"]
Report = Callable[[int, int], None]


class Matches(NamedTuple):
    """The most alike features of another SAE, by feature and rank.

    Shapes: each (match,).
    """

    feature: Int[np.ndarray, " match"]
    other: Int[np.ndarray, " match"]
    rank: Int[np.ndarray, " match"]
    value: Float[np.ndarray, " match"]

    @property
    def best(self) -> Self:
        """The best match of each feature."""
        first = self.rank == 1
        return self._replace(**{name: held[first] for name, held in self._asdict().items()})


def matches_by_decoder(
    W_dec: Float[torch.Tensor, "d_sae d_in"],
    other: Float[torch.Tensor, "d_other d_in"],
    most: int = MOST,
    report: Report = lambda done, features: None,
    chunk_bytes: int = CHUNK_BYTES,
) -> Matches:
    """The decoder directions of another SAE with the largest cosine; what has no direction has and is no match.

    Raises:
        ValueError: the directions are of other widths.
    """
    if W_dec.shape[1] != other.shape[1]:
        raise ValueError(f"directions of width {W_dec.shape[1]} and {other.shape[1]} have no cosine")
    (one, known), (two, there) = _unit(W_dec), _unit(other)
    wanted = min(most, len(two))
    rows = max(1, chunk_bytes // (two.element_size() * len(two)))
    parts = []
    for first in range(0, len(one), rows):
        cosine = one[first : first + rows] @ two.T  # (rows, d_in) x (d_in, d_other) -> (rows, d_other)
        cosine[:, ~there] = -torch.inf
        cosine[~known[first : first + rows]] = -torch.inf
        value, found = largest_of_rows(cosine, wanted)
        row, place = np.nonzero(value.numpy() > -np.inf)
        parts.append(Matches(row + first, found.numpy()[row, place], place + 1, value.clamp(-1, 1).numpy()[row, place]))
        report(min(first + rows, len(one)), len(one))
    return Matches(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def pair_cosines(
    W_dec: Float[torch.Tensor, "d_sae d_in"],
    other: Float[torch.Tensor, "d_other d_in"],
    pairs: Matches,
) -> Float[np.ndarray, " match"]:
    """The cosine of each of the pairs; NaN where one has no direction."""
    (one, known), (two, there) = _unit(W_dec), _unit(other)
    feature, found = torch.from_numpy(pairs.feature), torch.from_numpy(pairs.other)
    value = torch.full((len(feature),), torch.nan, dtype=one.dtype)
    for first in range(0, len(value), PAIRS_AT_ONCE):
        here = slice(first, first + PAIRS_AT_ONCE)
        value[here] = (one[feature[here]] * two[found[here]]).sum(dim=1)
    value[~(known[feature] & there[found])] = torch.nan
    cosine: Float[np.ndarray, " match"] = value.clamp(-1, 1).numpy()
    return cosine


def mutual_matches(one: Matches, other: Matches) -> Bool[np.ndarray, " match"]:
    """Whether each match of one is the best both ways."""
    back = dict(zip(other.best.feature.tolist(), other.best.other.tolist(), strict=True))
    pairs = zip(one.feature.tolist(), one.other.tolist(), one.rank.tolist(), strict=True)
    return np.array([rank == 1 and back.get(there) == here for here, there, rank in pairs], bool)


def count_matches_shared(one: Matches, least: float) -> Int[np.ndarray, " match"]:
    """How many features have the same best match, all at least so alike; 0 where the match is no such one.

    2 or more: what is one feature there is several here.
    """
    counts = (one.rank == 1) & (one.value >= least)
    held = np.bincount(one.other[counts], minlength=int(one.other.max(initial=0)) + 1)
    return np.where(counts, held[one.other], 0)


def chance_of_directions(
    W_dec: Float[torch.Tensor, "d_sae d_in"], other: Float[torch.Tensor, "d_other d_in"], seed: int = 0
) -> float:
    """What the best cosine of a random direction reaches: its 95th percentile over DRAWN of them."""
    drawn = torch.randn(DRAWN, W_dec.shape[1], generator=torch.Generator().manual_seed(seed), dtype=other.dtype)
    found = matches_by_decoder(drawn, other, most=1).value
    return float(np.quantile(found, LEVEL)) if len(found) else 0.0


def _unit(rows: Float[torch.Tensor, "row d"]) -> tuple[Float[torch.Tensor, "row d"], Bool[torch.Tensor, " row"]]:
    """Rows of length 1, and which have a direction."""
    norm = rows.norm(dim=1, keepdim=True)
    return rows / norm.clamp(min=torch.finfo(rows.dtype).tiny), norm[:, 0] > 0
