"""Attention of a trie of prefixes: each node sees itself and its ancestors.

A node follows the way up to the root and reads as it goes: nothing is gathered, and the ancestors that neighbours
share stay in the processor's cache. Numba compiles that for a processor; on other devices PyTorch gathers what each
node reads.
"""

from collections.abc import Callable
from functools import cache, cached_property
from math import exp
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.models.gpt2 import Heads

NO_NODE = -1
"""In place of a node: nothing comes before."""

_compiling = Lock()
GATHERED_BYTES = 256 * 2**20
ASSUMED = {"reassoc", "contract", "arcp", "nsz"}
"""What the compiler may assume of sums; not that every number is finite."""
Nodes = Int[torch.Tensor, " node"]
Read = Float[torch.Tensor, "chosen head d_head"]


class TrieAttention:
    """How nodes attend. `before` is the node before each, or NO_NODE; `depth` is how many the longest prefix has."""

    def __init__(self, before: Nodes, depth: int) -> None:
        self.before, self.depth = before, depth
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
        read = read_by_following if q.device.type == "cpu" else read_by_gathering
        return read(self, chosen, q * q.shape[-1] ** -0.5, k.contiguous(), v.contiguous())


def read_by_gathering(trie: TrieAttention, chosen: Nodes, q: Read, k: Heads, v: Heads) -> Read:
    """`TrieAttention.read` of scaled queries, in PyTorch."""
    at_once = max(GATHERED_BYTES // (trie.depth * k[0].numel() * k.element_size()), 1)
    parts = zip(torch.split(chosen, at_once), torch.split(q, at_once), strict=True)
    return torch.cat([_gathered(trie.ways[nodes], own, k, v) for nodes, own in parts])


def _gathered(way: torch.Tensor, q: Read, k: Heads, v: Heads) -> Read:
    seen, absent = way.clamp(min=0), way == NO_NODE
    scores = torch.einsum("nhd, nshd -> nhs", q, k[seen]).masked_fill(absent[:, None], float("-inf"))
    return torch.einsum("nhs, nshd -> nhd", scores.softmax(-1), v[seen])


def read_by_following(trie: TrieAttention, chosen: Nodes, q: Read, k: Heads, v: Heads) -> Read:
    """The same, compiled."""
    z = torch.zeros_like(q)
    with _compiling:  # one for all threads
        follow = _compiled(q.shape[-1])
    follow(chosen.numpy(), q.numpy(), (k.numpy(), v.numpy()), (trie.before.numpy(), trie.depth), z.numpy())
    return z


@cache
def _compiled(d_head: int) -> Callable[..., None]:
    """For a width of heads that the compiler knows: up to four times as fast as for any width."""
    from numba import njit

    def follow(chosen: Any, q: Any, kept: Any, trie: Any, z: Any) -> None:
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

    compiled: Callable[..., None] = njit(nogil=True, fastmath=ASSUMED, error_model="numpy")(follow)
    return compiled
