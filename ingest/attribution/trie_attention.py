"""Attention of a trie of prefixes: each node sees its ancestors, whose keys and values are kept once.

Slots come first, so that a node's own keys and values are appended, and those of its ancestors
copied, without touching anything twice.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int

from ingest.models.gpt2 import GPT2, Heads

Slots = Float[torch.Tensor, "slot node head d_head"]
Cache = Mapping[int, tuple[Slots, Slots]]
"""A block's keys and values of nodes and their ancestors."""


class TrieAttention:
    """How nodes of one depth attend: to the ancestors in their parents' cache, and to themselves.

    Shapes: parent (node,); present (node, slot), None where every slot holds a token. Nodes are sorted by parent.
    """

    def __init__(
        self, cache: Cache, parent: Int[torch.Tensor, " node"], present: Bool[torch.Tensor, "node slot"] | None
    ) -> None:
        self.cache, self.parent, self.present = cache, parent, present
        self.own: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.grown: dict[int, tuple[Slots, Slots]] = {}
        parents = next(iter(cache.values()))[0].shape[1] if cache else len(parent)
        # Where each parent has both children, the two share one product and nothing is copied.
        self.paired = present is None and len(parent) == 2 * parents

    def __call__(self, layer: int, q: Heads, k: Heads, v: Heads) -> Heads:
        """The values each node reads; its own keys and values are kept."""
        self.own[layer] = (k, v)
        q = q * q.shape[-1] ** -0.5
        return self._read_paired(layer, q, k, v) if self.paired else self._read(layer, q, k, v)

    def _read(self, layer: int, q: Heads, k: Heads, v: Heads) -> Heads:
        K, V = (_appended(before, self.parent, own) for before, own in zip(self.cache[layer], (k, v), strict=True))
        self.grown[layer] = (K, V)
        scores = torch.matmul(q[:, :, None], K.permute(1, 2, 3, 0))  # (node, head, 1, slot)
        if self.present is not None:
            scores[..., :-1].masked_fill_(~self.present[:, None, None], float("-inf"))
        return torch.matmul(scores.softmax(-1), V.permute(1, 2, 0, 3))[:, :, 0]

    def _read_paired(self, layer: int, q: Heads, k: Heads, v: Heads) -> Heads:
        K, V = self.cache[layer]
        q, k, v = (rows.view(-1, 2, *rows.shape[1:]).transpose(1, 2) for rows in (q, k, v))  # (parent, head, 2, d_head)
        before = torch.matmul(q, K.permute(1, 2, 3, 0))  # (parent, head, 2, slot)
        weights = torch.cat([before, (q * k).sum(-1, keepdim=True)], -1).softmax(-1)
        z = torch.matmul(weights[..., :-1], V.permute(1, 2, 0, 3)) + weights[..., -1:] * v
        return z.transpose(1, 2).flatten(0, 1)


def empty_cache(gpt2: GPT2) -> Cache:
    """The cache of a root without tokens."""
    d_model = gpt2.W_E.shape[1]
    nothing = gpt2.W_E.new_empty(0, 1, gpt2.n_heads, d_model // gpt2.n_heads)
    return dict.fromkeys(range(len(gpt2.blocks)), (nothing, nothing))


def grown_cache(attention: TrieAttention, nodes: tuple[torch.Tensor, torch.Tensor] | None) -> Cache:
    """The cache of nodes that have attended, with their own keys and values as one more slot.

    `nodes`, if there are more than have attended: the parent of each, and the places of those that have.
    """
    if nodes is None and not attention.paired:
        return attention.grown
    parent = attention.parent if nodes is None else nodes[0]

    def grow(before: Slots, own: Heads) -> Slots:
        if nodes is None:
            return _appended(before, parent, own)
        slot = own.new_zeros(len(parent), *own.shape[1:])
        slot[nodes[1]] = own
        return _appended(before, parent, slot)

    return {
        layer: (grow(attention.cache[layer][0], k), grow(attention.cache[layer][1], v))
        for layer, (k, v) in attention.own.items()
    }


def _appended(before: Slots, parent: Int[torch.Tensor, " node"], own: Heads) -> Slots:
    """The slots of each node's parent, then its own."""
    slots = own.new_empty(before.shape[0] + 1, *own.shape)
    torch.index_select(before, 1, parent, out=slots[:-1])
    slots[-1] = own
    return slots
