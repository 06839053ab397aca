"""Attention of a trie of prefixes: each node sees its ancestors, whose keys and values are kept once.

Every node writes its keys and values to a row of one memory; a prefix is a list of rows. They are gathered where
they are read, a block at a time, and where both children of a node are there, once for the two.
"""

import torch
from jaxtyping import Bool, Float, Int

from ingest.models.gpt2 import Heads

Slots = Float[torch.Tensor, "slot node head d_head"]


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
    ) -> None:
        self.memory, self.first = memory, first
        self.children = 2 if present is None and len(parent) == 2 * above.shape[1] else 1
        self.above = above if self.children == 2 else above[:, parent]
        self.hidden = None if present is None else ~present[:, None, None]  # (node, 1, 1, slot)

    def __call__(self, layer: int, q: Heads, k: Heads, v: Heads) -> Heads:
        """The values each node reads; its own keys and values are kept."""
        if self.first is not None:
            self.memory.write(layer, self.first, k, v)
        K, V = self.memory.read(layer, self.above, k)
        q = q * q.shape[-1] ** -0.5
        q, k, v = (rows.reshape(-1, self.children, *rows.shape[1:]).transpose(1, 2) for rows in (q, k, v))
        before = torch.matmul(q, K.permute(1, 2, 3, 0))  # (parent, head, child, slot)
        if self.hidden is not None:
            before.masked_fill_(self.hidden, float("-inf"))
        weights = torch.cat([before, (q * k).sum(-1, keepdim=True)], -1).softmax(-1)
        z = torch.matmul(weights[..., :-1], V.permute(1, 2, 0, 3)) + weights[..., -1:] * v
        return z.transpose(1, 2).flatten(0, 1)
