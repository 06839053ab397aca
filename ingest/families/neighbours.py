"""Which features of an SAE write in nearly the same direction, and which against each other: decoder rows by cosine."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

NEIGHBOURS, OPPOSITES = 10, 3
CHUNK_BYTES = 64 * 2**20
"""Cosines held at a time; memory does not grow with d_sae squared."""
Report = Callable[[int, int], None]


class Neighbours(NamedTuple):
    """The nearest rows of each row, nearest first; `other` is -1 and cosine NaN where there is no more.

    Shapes: other, cosine (d_sae, neighbours).
    """

    other: Int[np.ndarray, "d_sae neighbours"]
    cosine: Float[np.ndarray, "d_sae neighbours"]


def opposite_rows(W_dec: Float[torch.Tensor, "d_sae d_in"], opposites: int = OPPOSITES) -> Neighbours:
    """The other rows that point most against each row, the most negative cosine first; else as `nearest_rows`."""
    found = nearest_rows(W_dec, opposites, sign=-1)
    return Neighbours(found.other, -found.cosine)


@torch.inference_mode()
def nearest_rows(
    W_dec: Float[torch.Tensor, "d_sae d_in"],
    neighbours: int = NEIGHBOURS,
    report: Report = lambda done, rows: None,
    sign: int = 1,
    chunk_bytes: int = CHUNK_BYTES,
) -> Neighbours:
    """The nearest other rows of each row by cosine; of equal ones, those with the lower index.

    A row of zeros has no direction: it has no neighbour and is none. A `sign` of -1 turns all other rows round.
    """
    norm = W_dec.norm(dim=1, keepdim=True)
    unit, silent = W_dec / norm.clamp(min=torch.finfo(W_dec.dtype).tiny), norm[:, 0] == 0
    wanted = min(neighbours, len(unit) - 1)
    other = torch.full((len(unit), neighbours), -1)
    cosine = torch.full((len(unit), neighbours), torch.nan)
    rows = max(1, chunk_bytes // (unit.element_size() * len(unit)))
    for first in range(0, len(unit), rows):
        here = slice(first, first + rows)
        cosines = sign * (unit[here] @ unit.T)
        cosines[:, silent] = -torch.inf
        cosines[silent[here]] = -torch.inf
        cosines.diagonal(first).fill_(-torch.inf)
        values, found = largest_of_rows(cosines, wanted)
        known = values > -torch.inf
        other[here, :wanted] = torch.where(known, found, -1).cpu()
        cosine[here, :wanted] = torch.where(known, values, torch.nan).clamp(-1, 1).cpu()
        report(min(first + rows, len(unit)), len(unit))
    return Neighbours(other.numpy(), cosine.numpy())


def largest_of_rows(
    values: Float[torch.Tensor, "row column"], wanted: int
) -> tuple[Float[torch.Tensor, "row wanted"], Int[torch.Tensor, "row wanted"]]:
    """The largest values of each row and their columns; of equal values, the first columns.

    topk picks at will among values that equal the last of its own: the few rows that have such are sorted whole.
    """
    if wanted == values.shape[1]:
        whole = values.sort(dim=1, descending=True, stable=True)
        return whole.values, whole.indices
    more, places = values.topk(wanted + 1, dim=1)
    largest, found = more[:, :wanted], places[:, :wanted]
    tied = (more[:, wanted] == more[:, wanted - 1]).nonzero()[:, 0]
    if len(tied):
        found[tied] = values[tied].sort(dim=1, descending=True, stable=True).indices[:, :wanted]
        largest[tied] = values[tied].gather(1, found[tied])
    columns = found.argsort(dim=1)  # by column, then stably by value
    found, largest = found.gather(1, columns), largest.gather(1, columns)
    order = largest.sort(dim=1, descending=True, stable=True).indices
    return largest.gather(1, order), found.gather(1, order)
