"""What a head looks at, as a few numbers for each window: how much of BOS, of the token before, of the same token.

bos         weight on BOS
previous    weight on the token before
same        weight on earlier places of the same token, where there are any
induction   weight on what came after those places
term        weight on the span of the term, from the tokens after it
entropy     of the weights, in nats

Each is a mean over the tokens that it can be asked of.

Source: Olsson et al. 2022, "In-context learning and induction heads", prefix matching; Wang et al. 2023,
"Interpretability in the wild", duplicate token heads and previous token heads.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

MEASURES = ("bos", "previous", "same", "induction", "term", "entropy")
COMPARED = ("bos", "previous", "same", "induction", "entropy")
"""Those that documents without a term have, too."""


class Measured(NamedTuple):
    """Sums over the tokens of one window or more, and how many they are.

    Shapes: total (measure, layer, head); tokens (measure,), in the order of MEASURES.
    """

    total: Float[np.ndarray, "measure layer head"]
    tokens: Int[np.ndarray, " measure"]

    def __add__(self, other: object) -> "Measured":
        """Of the windows of both."""
        assert isinstance(other, Measured)
        return Measured(self.total + other.total, self.tokens + other.tokens)

    @property
    def mean(self) -> Float[np.ndarray, "measure layer head"]:
        """NaN where a measure can be asked of no token."""
        with np.errstate(invalid="ignore"):
            mean: Float[np.ndarray, "measure layer head"] = self.total / self.tokens[:, None, None]
        mean[self.tokens == 0] = np.nan
        return mean


def measure_attention(
    pattern: Float[torch.Tensor, "layer head query key"],
    token_ids: Int[np.ndarray, " position"],
    first: int,
    term: tuple[int, int] | None = None,
) -> Measured:
    """The measures of a window; `first` is its first token's position, `term` the positions of a term, half-open."""
    masks = _masks(token_ids, first, term)
    asked = masks.any(axis=2)
    weights = torch.as_tensor(masks, dtype=pattern.dtype, device=pattern.device)
    total = torch.einsum("lhqk, mqk -> mlh", pattern, weights).double().cpu().numpy()
    shown = pattern[:, :, first:].double()
    entropy = -torch.xlogy(shown, shown).sum((-2, -1)).cpu().numpy()
    tokens = np.append(asked.sum(axis=1), len(token_ids) - first)
    return Measured(np.concatenate([total, entropy[None]]), tokens)


def _masks(
    token_ids: Int[np.ndarray, " position"], first: int, term: tuple[int, int] | None
) -> Bool[np.ndarray, "measure query key"]:
    """Which weights each measure adds up, but for entropy."""
    place = np.arange(len(token_ids))
    query, key = place[:, None], place[None, :]
    text = (query >= first) & (key >= first)
    earlier = text & (key < query)
    same = earlier & (token_ids[:, None] == token_ids[None, :])
    after_same = np.zeros_like(same)
    after_same[:, 1:] = same[:, :-1]
    start, end = term or (0, 0)
    return np.stack(
        [
            (query >= first) & (key == 0) & (first == 1),
            text & (key == query - 1),
            same,
            after_same & earlier,
            (query >= end) & (key >= start) & (key < end),
        ]
    )
