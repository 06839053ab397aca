"""Which token comes next: the likeliest, or one drawn by a seed, the same for a row whatever rows stand beside it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Sampling:
    """Temperature 0 takes the likeliest token; `top_k` draws among the k likeliest alone.

    With `common` all rows draw by the same random numbers, so that rows with the same chances get the same tokens.
    """

    temperature: float = 0.0
    top_k: int | None = None
    seed: int = 0
    common: bool = False


GREEDY = Sampling()


class Sampler:
    """Chooses tokens for the rows of a batch, step by step."""

    def __init__(self, sampling: Sampling, rows: int) -> None:
        self.sampling = sampling
        self.generators: list[torch.Generator] = []
        if sampling.temperature > 0:
            self.generators = [_generator(sampling.seed, 0 if sampling.common else row) for row in range(rows)]

    def choose(self, logits: Float[torch.Tensor, "row d_vocab"]) -> Int[torch.Tensor, " row"]:
        """A token for each row."""
        if not self.generators:
            return logits.argmax(-1)
        if self.sampling.top_k is not None:
            least = logits.topk(self.sampling.top_k, dim=-1).values[:, -1:]
            logits = logits.masked_fill(logits < least, float("-inf"))
        chances = (logits.double() / self.sampling.temperature).softmax(-1).cpu()
        pairs = zip(chances, self.generators, strict=True)
        return torch.cat([row.multinomial(1, generator=own) for row, own in pairs]).to(logits.device)


def _generator(seed: int, row: int) -> torch.Generator:
    return torch.Generator().manual_seed(int(np.random.SeedSequence([seed, row]).generate_state(1)[0]))
