"""The trie of coalitions of tokens: those that begin alike share what they begin with, and are run once.

Its nodes are prefixes. All 2^n coalitions of n tokens have 2^(n+1) of them, and not n 2^n.

A node sees itself and its ancestors: attention follows the way up to the root and reads as it goes. Nothing is
gathered, and the ancestors that neighbours share stay in the processor's cache. Numba compiles that for a processor;
on other devices PyTorch gathers what each node reads.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from math import exp
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from ingest.attribution.shapley import Coalitions
from ingest.models.block_arithmetic import Heads

NO_NODE = -1
"""In place of a node: nothing comes before."""

_compiling = Lock()
GATHERED_BYTES = 256 * 2**20
ASSUMED = {"reassoc", "contract", "arcp", "nsz"}
"""What the compiler may assume of sums; not that every number is finite."""
Nodes = Int[torch.Tensor, " node"]
Read = Float[torch.Tensor, "chosen head d_head"]
Reader = Callable[["TrieAttention", Nodes, Read, Heads, Heads], Read]


class TrieAttention:
    """How nodes attend. `before` is the node before each, or NO_NODE; `depth` is how many the longest prefix has.

    read: how they read their prefixes, by default what is fastest on the device; gathered_bytes: most that
    `read_trie_by_gathering` puts side by side at a time.
    """

    def __init__(
        self, before: Nodes, depth: int, read: Reader | None = None, gathered_bytes: int = GATHERED_BYTES
    ) -> None:
        self.before, self.depth = before, depth
        self.reader, self.gathered_bytes = read, gathered_bytes
        self.every_node = torch.arange(len(before), device=before.device)

    def __call__(self, layer: int, q: Heads, k: Heads, v: Heads) -> Heads:
        """The values that every node reads."""
        return self.read(self.every_node, q, k, v)

    @cached_property
    def ways(self) -> Int[torch.Tensor, "node step"]:
        """The way from each node up to the root, then NO_NODE."""
        way = [self.every_node]
        for _ in range(self.depth - 1):
            way.append(torch.where(way[-1] == NO_NODE, NO_NODE, self.before[way[-1]]))
        return torch.stack(way, 1)

    def read(self, chosen: Nodes, q: Read, k: Heads, v: Heads) -> Read:
        """The values that chosen nodes read, by their own queries, from the keys and values of all nodes."""
        read = self.reader or (read_trie_by_following if q.device.type == "cpu" else read_trie_by_gathering)
        return read(self, chosen, q * q.shape[-1] ** -0.5, k.contiguous(), v.contiguous())


def read_trie_by_gathering(trie: TrieAttention, chosen: Nodes, q: Read, k: Heads, v: Heads) -> Read:
    """`TrieAttention.read` of scaled queries, in PyTorch."""
    at_once = max(trie.gathered_bytes // (trie.depth * k[0].numel() * k.element_size()), 1)
    parts = zip(torch.split(chosen, at_once), torch.split(q, at_once), strict=True)
    return torch.cat([_gathered(trie.ways[nodes], own, k, v) for nodes, own in parts])


def _gathered(way: torch.Tensor, q: Read, k: Heads, v: Heads) -> Read:
    seen, absent = way.clamp(min=0), way == NO_NODE
    scores = torch.einsum("nhd, nshd -> nhs", q, k[seen]).masked_fill(absent[:, None], float("-inf"))
    return torch.einsum("nhs, nshd -> nhd", scores.softmax(-1), v[seen])


def read_trie_by_following(trie: TrieAttention, chosen: Nodes, q: Read, k: Heads, v: Heads) -> Read:
    """What chosen nodes read by scaled queries, each along its way to the root; Numba compiles it for a processor."""
    z = torch.zeros_like(q)
    with _compiling:  # one for all threads
        follow = _compiled(q.shape[-1])
    follow(chosen.numpy(), q.numpy(), (k.numpy(), v.numpy()), (trie.before.numpy(), trie.depth), z.numpy())
    return z


@cache
def _compiled(d_head: int) -> Callable[..., None]:
    """For a width of heads that the compiler knows: up to four times as fast as for any width."""
    from numba import njit

    def _follow(chosen: Any, q: Any, kept: Any, trie: Any, z: Any) -> None:
        (k, v), (before, depth), heads = kept, trie, q.shape[1]
        way = np.empty(depth, np.int64)
        weight = np.empty((depth, heads), q.dtype)
        largest, total = np.empty(heads, q.dtype), np.empty(heads, q.dtype)
        for place in range(len(chosen)):
            steps, node = 0, chosen[place]
            while node >= 0:
                way[steps] = node
                node = before[node]
                steps += 1
            for step in range(steps):
                node = way[step]
                for head in range(heads):
                    score = q.dtype.type(0)
                    for dim in range(d_head):
                        score += q[place, head, dim] * k[node, head, dim]
                    weight[step, head] = score
            largest[:] = -np.inf
            for step in range(steps):
                for head in range(heads):
                    largest[head] = max(largest[head], weight[step, head])
            total[:] = 0
            for step in range(steps):
                for head in range(heads):
                    weight[step, head] = exp(weight[step, head] - largest[head])
                    total[head] += weight[step, head]
            for step in range(steps):
                node = way[step]
                for head in range(heads):
                    share = weight[step, head] / total[head]
                    for dim in range(d_head):
                        z[place, head, dim] += share * v[node, head, dim]

    compiled: Callable[..., None] = njit(nogil=True, fastmath=ASSUMED, error_model="numpy")(_follow)
    return compiled


BOS = -1
"""In place of a player: the token before all of them."""


@dataclass(frozen=True)
class Trie:
    """Prefixes by their last token; those of one player lie together, shorter ones first.

    Shapes: before, the node one token shorter, or NO_NODE; player, that token, or BOS; seen, whether it is seen or
    hidden; position, how many come before: each (node,). leaf (row,), the node of each coalition, or NO_NODE.
    """

    before: Int[np.ndarray, " node"]
    player: Int[np.ndarray, " node"]
    seen: Bool[np.ndarray, " node"]
    position: Int[np.ndarray, " node"]
    leaf: Int[np.ndarray, " row"]

    @property
    def depth(self) -> int:
        """How many tokens the longest prefix has."""
        return int(self.position.max(initial=-1)) + 1


def build_trie(rows: Coalitions, *, bos: bool, removal: bool) -> Trie:
    """The trie of sorted coalitions; with `removal` a hidden token has no node, and those after it move up."""
    fresh = _fresh(rows)
    leaf = np.full(len(rows), 0 if bos else NO_NODE)
    levels = [(np.array([NO_NODE]), np.array([BOS]), np.array([True]), np.array([0]))] if bos else []
    nodes = len(levels)
    for player, seen in enumerate(rows.T):
        there = seen | (not removal)
        first = np.flatnonzero(fresh[:, player] & there)
        before = rows[first, :player].sum(axis=1) if removal else np.full(len(first), player)
        levels.append((leaf[first], np.full(len(first), player), seen[first], before + int(bos)))
        leaf = np.where(there, nodes - 1 + np.cumsum(fresh[:, player] & there), leaf)
        nodes += len(first)
    before, tokens, shown, position = map(np.concatenate, zip(*levels, strict=True))
    return Trie(before, tokens, shown, position, leaf)


def coalition_chunks(rows: Coalitions, most_rows: int, most_nodes: int) -> Iterator[Coalitions]:
    """Sorted coalitions, as many at a time as have room; the first of a chunk begins anew."""
    nodes = np.cumsum(_fresh(rows).sum(axis=1))  # (row,), distinct prefixes up to it
    start = 0
    while start < len(rows):
        room = max(most_nodes - rows.shape[1], 0) + nodes[start]
        end = min(int(np.searchsorted(nodes, room, side="right")), start + most_rows)
        yield rows[start : max(end, start + 1)]
        start = max(end, start + 1)


def _fresh(rows: Coalitions) -> Bool[np.ndarray, "row player"]:
    """Where sorted rows begin a prefix that those before them do not have."""
    fresh = np.ones(rows.shape, dtype=bool)
    fresh[1:] = np.logical_or.accumulate(rows[1:] != rows[:-1], axis=1)
    return fresh
