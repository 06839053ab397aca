"""The trie of coalitions of tokens: those that begin alike share what they begin with.

Its nodes are prefixes. All 2^n coalitions of n tokens have 2^(n+1) of them, and not n 2^n.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from ingest.attribution.shapley import Coalitions
from ingest.attribution.trie_attention import NO_NODE

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


def chunks(rows: Coalitions, most_rows: int, most_nodes: int) -> Iterator[Coalitions]:
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
