"""Tokens as players: what a readout gives when only some tokens of a prompt are seen.

Coalitions that begin alike share the work for what they share: sorted, they are the
rows of a trie whose nodes are prefixes, and a node's keys and values serve all that
begins with it. All 2^n coalitions of n tokens cost 2^(n+1) positions, not n 2^n.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from ingest.attribution.readouts import Readout
from ingest.attribution.shapley import Coalitions
from ingest.attribution.trie_attention import GENERATIONS, Memory, TrieAttention
from ingest.models.gpt2 import GPT2
from ingest.models.sae import hook_layer
from schema.errors import SelectionError

Baseline = Literal["end_of_text", "mean_embedding", "removal"]
BASELINES: tuple[Baseline, ...] = ("end_of_text", "mean_embedding", "removal")

MEMORY_BYTES = 256 * 2**20
"""Keys and values of a chunk of coalitions; flat memory."""
MOST_ROWS = 2048


@dataclass(frozen=True)
class Level:
    """The distinct prefixes of one length, sorted.

    Shapes: parent, the place of each one token shorter; seen, whether its last token is; ends, whether nothing
    that is seen follows in one of the coalitions: each (node,).
    """

    parent: Int[torch.Tensor, " node"]
    seen: Bool[torch.Tensor, " node"]
    ends: Bool[torch.Tensor, " node"]


@dataclass(frozen=True)
class Nodes:
    """The prefixes of one length: where their keys and values lie, the slots that hold a token, what they give.

    `used` rows of the memory are taken; for `whole` generations every node has both children.
    Shapes: rows (slot, node); present (node, slot), None where every slot holds a token; value (node, output), None
    where not known.
    """

    used: int
    rows: Int[torch.Tensor, "slot node"]
    present: Bool[torch.Tensor, "node slot"] | None
    value: Float[torch.Tensor, "node output"] | None
    whole: int = 0


class TokenGame:
    """What a readout gives on a prompt of which only some tokens are seen.

    A hidden token is replaced by the end-of-text token or the mean embedding, or removed, so that later
    tokens move up. BOS, where there is one, is always seen.

    Raises:
        SelectionError: tokens are to be removed, and no BOS would be left.
    """

    def __init__(
        self, gpt2: GPT2, readout: Readout, tokens: Int[np.ndarray, " player"], bos: int | None, baseline: Baseline
    ) -> None:
        if baseline == "removal" and bos is None:
            raise SelectionError("tokens cannot be removed without a BOS token that stays; choose another baseline")
        self.gpt2, self.readout = gpt2, readout
        self.tokens = gpt2.W_E[torch.as_tensor(tokens, device=gpt2.W_E.device)]  # (player, d_model)
        self.hidden = _hidden_embedding(gpt2, baseline)
        self.bos = bos
        self.inner_hook = _last_attention(readout.hook_name)
        node_bytes = 2 * len(gpt2.blocks) * gpt2.W_E.shape[1] * gpt2.W_E.element_size()
        self.nodes = MEMORY_BYTES // node_bytes
        self.rows = MOST_ROWS

    @torch.no_grad()
    def __call__(self, coalitions: Coalitions) -> Float[np.ndarray, "row output"]:
        """The values of coalitions, those with one beginning together."""
        distinct, place = np.unique(coalitions, axis=0, return_inverse=True)
        values: np.ndarray = np.concatenate([self._chunk(rows) for rows in _chunks(distinct, self.rows, self.nodes)])
        return values[place.reshape(-1)]

    def _chunk(self, rows: Coalitions) -> Float[np.ndarray, "row output"]:
        levels = list(_levels(rows, self.tokens.device))
        memory = Memory(1 + sum(len(level.parent) for level in levels[:-1]))
        nodes = self._root(memory)
        for player, level in enumerate(levels):
            nodes = self._extend(memory, nodes, player, level)
        assert nodes.value is not None
        return nodes.value.double().cpu().numpy()

    def _root(self, memory: Memory) -> Nodes:
        """BOS, or nothing at all."""
        device, only = self.tokens.device, torch.zeros(1, dtype=torch.int64, device=self.tokens.device)
        nothing = torch.empty(0, 1, dtype=torch.int64, device=device)
        if self.bos is None:
            return Nodes(0, nothing, None, None)
        attention = TrieAttention(memory, nothing, only, None, 0)
        resid = self.gpt2.W_E[[self.bos]] + self.gpt2.W_pos[:1]
        given = self.readout.measure(self.gpt2.value_at(self.readout.hook_name, resid, attention))
        if self.hidden is not None:
            return Nodes(1, only[None], None, None)
        present = torch.ones(1, 1, dtype=torch.bool, device=device)
        return Nodes(1, only[None], present, torch.zeros_like(given) if self.readout.largest else given)

    def _extend(self, memory: Memory, nodes: Nodes, player: int, level: Level) -> Nodes:
        """The prefixes one token longer."""
        last = player == len(self.tokens) - 1
        if nodes.present is not None:
            return self._removed(memory, nodes, player, level)
        assert self.hidden is not None
        embedding = torch.where(level.seen[:, None], self.tokens[player], self.hidden)
        resid = embedding + self.gpt2.W_pos[int(self.bos is not None) + player]
        whole = nodes.whole + 1 if len(level.parent) == 2 * nodes.rows.shape[1] else 0
        together = min(whole, GENERATIONS, len(nodes.rows) + 1)
        attention = TrieAttention(memory, nodes.rows, level.parent, None, None if last else nodes.used, together)
        own = torch.arange(nodes.used, nodes.used + len(resid), device=resid.device)
        rows = torch.cat([nodes.rows[:, level.parent], own[None]])
        used, value = nodes.used + len(resid), None
        if last or self.readout.largest:
            value = self.readout.measure(self.gpt2.value_at(self.readout.hook_name, resid, attention))
            if self.readout.largest and nodes.value is not None:
                value = torch.maximum(value, nodes.value[level.parent])
        else:
            self.gpt2.value_at(self.inner_hook, resid, attention)
        return Nodes(used, rows, None, value, whole)

    def _removed(self, memory: Memory, nodes: Nodes, player: int, level: Level) -> Nodes:
        """Only nodes whose token is seen are computed; the others are their parents with an empty slot."""
        assert nodes.present is not None
        assert nodes.value is not None
        parent, chosen = level.parent, level.seen.nonzero()[:, 0]
        last, present = player == len(self.tokens) - 1, nodes.present[parent]
        attention = TrieAttention(memory, nodes.rows, parent[chosen], present[chosen], None if last else nodes.used)
        resid = self.tokens[player] + self.gpt2.W_pos[present[chosen].sum(1)]
        acts = self.gpt2.value_at(self.readout.hook_name, resid, attention)
        value = nodes.value[parent]
        if self.readout.largest:
            value[chosen] = torch.maximum(self.readout.measure(acts), value[chosen])
        else:
            ends = level.ends[chosen]
            value[chosen[ends]] = self.readout.measure(acts[ends])
        own = torch.zeros_like(parent)  # an empty slot is never read
        own[chosen] = torch.arange(nodes.used, nodes.used + len(chosen), device=own.device)
        rows = torch.cat([nodes.rows[:, parent], own[None]])
        return Nodes(nodes.used + len(chosen), rows, torch.cat([present, level.seen[:, None]], 1), value)


def _hidden_embedding(gpt2: GPT2, baseline: Baseline) -> torch.Tensor | None:
    return {"end_of_text": gpt2.W_E[gpt2.end_of_text], "mean_embedding": gpt2.W_E.mean(0), "removal": None}[baseline]


def _last_attention(hook_name: str) -> str:
    """The last hook before the readout that later positions see something of."""
    deepest = hook_layer(hook_name) - hook_name.endswith(".hook_resid_pre")
    return f"blocks.{deepest}.attn.hook_z" if deepest >= 0 else hook_name


def _fresh(rows: Coalitions) -> Bool[np.ndarray, "row player"]:
    """Where sorted rows begin a prefix that those before them do not have."""
    fresh = np.ones(rows.shape, dtype=bool)
    fresh[1:] = np.logical_or.accumulate(rows[1:] != rows[:-1], axis=1)
    return fresh


def _chunks(rows: Coalitions, most_rows: int, most_nodes: int) -> Iterator[Coalitions]:
    """Sorted rows, as many at a time as have room; the first of a chunk begins anew."""
    nodes = np.cumsum(_fresh(rows).sum(axis=1))  # (row,), distinct prefixes up to it
    start = 0
    while start < len(rows):
        room = max(most_nodes - rows.shape[1], 0) + nodes[start]
        end = min(int(np.searchsorted(nodes, room, side="right")), start + most_rows)
        yield rows[start : max(end, start + 1)]
        start = max(end, start + 1)


def _levels(rows: Coalitions, device: torch.device) -> Iterator[Level]:
    """For each length, each distinct prefix of sorted rows."""
    fresh = _fresh(rows)
    above = np.zeros(len(rows), dtype=np.int64)  # (row,), the row's node one level up
    for player in range(rows.shape[1]):
        first = np.flatnonzero(fresh[:, player])  # of the rows of a node, the one in which least follows
        columns = above[first], rows[first, player], ~rows[first, player + 1 :].any(axis=1)
        yield Level(*(torch.from_numpy(column).to(device) for column in columns))
        above = np.cumsum(fresh[:, player]) - 1
