"""What becomes of the next token: how far its distribution moves, and which tokens rise and fall.

Source: Kullback & Leibler 1951; KL(before || after) is the nats lost by who still believes what was before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float

Moved = list[tuple[int, float, float]]
"""Token ids, each with its probability before and after."""


@dataclass(frozen=True)
class NextToken:
    """The distribution before, and those of rows after.

    Shapes: before (d_vocab,); after (row, d_vocab); log-probabilities in float64. Units: nats.
    """

    before: Float[torch.Tensor, " d_vocab"]
    after: Float[torch.Tensor, "row d_vocab"]

    @classmethod
    def of(cls, before: Float[torch.Tensor, " d_vocab"], after: Float[torch.Tensor, "row d_vocab"]) -> "NextToken":
        """From logits."""
        return cls(before.double().log_softmax(-1), after.double().log_softmax(-1))

    def divergence(self) -> Float[torch.Tensor, " row"]:
        """KL(before || after) of each row; what rounding takes below 0 is 0."""
        return (self.before.exp() * (self.before - self.after)).sum(-1).clamp(min=0)

    def probability(self, tokens: Sequence[int]) -> tuple[float, Float[torch.Tensor, " row"]]:
        """That it is one of these tokens, before and after."""
        chosen = list(tokens)
        return float(self.before[chosen].exp().sum()), self.after[:, chosen].exp().sum(-1)

    def raised(self, wanted: int) -> list[Moved]:
        """Of each row the tokens that gain most probability, most first."""
        return [self.of_tokens(row, ids) for row, ids in enumerate(self._gained.topk(wanted).indices.tolist())]

    def lowered(self, wanted: int) -> list[Moved]:
        """Of each row the tokens that lose most probability, most first."""
        return [
            self.of_tokens(row, ids)
            for row, ids in enumerate(self._gained.topk(wanted, largest=False).indices.tolist())
        ]

    def of_tokens(self, row: int, tokens: Sequence[int]) -> Moved:
        """These tokens in a row, in their order."""
        chosen = list(tokens)
        pair = self.before[chosen].exp().tolist(), self.after[row, chosen].exp().tolist()
        return list(zip(chosen, *pair, strict=True))

    @cached_property
    def _gained(self) -> Float[torch.Tensor, "row d_vocab"]:
        return self.after.exp() - self.before.exp()


def rank_among_controls(own: float, controls: Sequence[float]) -> int:
    """The rank of a figure among its controls', 1 where none is as large; a tie counts against it."""
    return 1 + sum(other >= own for other in controls)
