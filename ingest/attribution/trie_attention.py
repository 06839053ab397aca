"""Attention of a trie of prefixes: each node sees its ancestors, whose keys and values are kept once.

Every node writes its keys and values to a row of one memory; a prefix is a list of rows. They are gathered where
they are read, a block at a time. Where every node has both children, a family of them reads together: what its
members share is gathered once for all, and beside it the members of earlier generations, each hidden from the nodes
that do not descend from it.
"""

import torch
from jaxtyping import Bool, Float, Int

from ingest.models.gpt2 import Heads

Slots = Float[torch.Tensor, "slot node head d_head"]

GENERATIONS = 3
"""Most generations of a family that reads together: of ten tokens its 8 nodes gather 1.8 rows each instead of ten."""


class Memory:
    """Keys and values of the nodes of a trie, block by block."""

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes
        self.blocks: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def write(self, layer: int, first: int, k: Heads, v: Heads) -> None:
        """Keep the keys and values of nodes in a row of rows."""
        if layer not in self.blocks:
            empty = k.new_empty(self.nodes, *k.shape[1:])
            self.blocks[layer] = (empty, torch.empty_like(empty))
        for kept, own in zip(self.blocks[layer], (k, v), strict=True):
            kept[first : first + len(own)] = own

    def read(self, layer: int, rows: Int[torch.Tensor, "slot node"], like: Heads) -> tuple[Slots, Slots]:
        """The keys and values in those rows; slots come first, so that what is read can be multiplied as it lies."""
        if not len(rows):
            nothing = like.new_empty(0, rows.shape[1], *like.shape[1:])
            return nothing, nothing
        K, V = self.blocks[layer]
        flat, shape = rows.reshape(-1), (*rows.shape, *K.shape[1:])
        return K.index_select(0, flat).view(shape), V.index_select(0, flat).view(shape)


class TrieAttention:
    """How nodes of one depth attend: to their ancestors in memory, and to themselves.

    `first` is the row from which on their own keys and values are kept; None: nothing will read them.
    For so many `generations` every node has both children; with 0 each node reads for itself.
    Shapes: above (slot, parent), the rows of each parent and its ancestors; parent (node,), sorted;
    present (node, slot), None where every slot holds a token.
    """

    def __init__(
        self,
        memory: Memory,
        above: Int[torch.Tensor, "slot parent"],
        parent: Int[torch.Tensor, " node"],
        present: Bool[torch.Tensor, "node slot"] | None,
        first: int | None,
        generations: int = 0,
    ) -> None:
        self.memory, self.first = memory, first
        self.family = 2**generations
        if generations:
            self.above, self.hidden = _of_families(above, generations)
        else:
            self.above = above[:, parent]
            self.hidden = None if present is None else ~present[:, None, None]  # (node, 1, 1, slot)

    def __call__(self, layer: int, q: Heads, k: Heads, v: Heads) -> Heads:
        """The values each node reads; its own keys and values are kept."""
        if self.first is not None:
            self.memory.write(layer, self.first, k, v)
        K, V = self.memory.read(layer, self.above, k)
        q = q * q.shape[-1] ** -0.5
        q, k, v = (rows.reshape(-1, self.family, *rows.shape[1:]).transpose(1, 2) for rows in (q, k, v))
        before = torch.matmul(q, K.permute(1, 2, 3, 0))  # (family, head, member, slot)
        if self.hidden is not None:
            before.masked_fill_(self.hidden, float("-inf"))
        weights = torch.cat([before, (q * k).sum(-1, keepdim=True)], -1).softmax(-1)
        z = torch.matmul(weights[..., :-1], V.permute(1, 2, 0, 3)) + weights[..., -1:] * v
        return z.transpose(1, 2).flatten(0, 1)


def _of_families(
    above: Int[torch.Tensor, "slot parent"], generations: int
) -> tuple[Int[torch.Tensor, "slot family"], Bool[torch.Tensor, "member slot"] | None]:
    """The rows that each family reads, and which of them are hidden from which of its youngest members."""
    shared = len(above) - (generations - 1)
    rows = [above[:shared, :: 2 ** (generations - 1)]]
    member = torch.arange(2**generations, device=above.device)
    hidden = [torch.zeros(len(member), shared, dtype=torch.bool, device=above.device)]
    for generation in range(1, generations):  # of which a family has 2^generation members
        size, descends = 2**generation, member >> generations - generation
        of_all = above[shared + generation - 1, :: 2 ** (generations - 1 - generation)]
        rows.append(of_all.view(-1, size).T)
        hidden.append(descends[:, None] != torch.arange(size, device=above.device))
    return torch.cat(rows), torch.cat(hidden, 1) if generations > 1 else None
