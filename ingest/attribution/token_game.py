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
from ingest.attribution.trie_attention import Cache, TrieAttention, empty_cache, grown_cache
from ingest.models.gpt2 import GPT2
from ingest.models.sae import hook_layer
from schema.errors import SelectionError

Baseline = Literal["end_of_text", "mean_embedding", "removal"]
BASELINES: tuple[Baseline, ...] = ("end_of_text", "mean_embedding", "removal")

CACHE_BYTES = 256 * 2**20
"""Keys and values of a chunk of coalitions; flat memory."""
MOST_ROWS = 1024


@dataclass(frozen=True)
class Nodes:
    """The prefixes of one length: their keys and values, the slots that hold a token, what they give.

    Shapes: present (node, slot), None where every slot holds one; value (node, output), None where not known.
    """

    cache: Cache
    present: Bool[torch.Tensor, "node slot"] | None
    value: Float[torch.Tensor, "node output"] | None


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
        self.inner_hook = _last_attention(readout.hook_name)
        self.first_position = int(bos is not None)
        slots = self.first_position + len(tokens)
        row_bytes = 2 * len(gpt2.blocks) * slots * gpt2.W_E.shape[1] * gpt2.W_E.element_size()
        self.rows = min(max(CACHE_BYTES // row_bytes, 16), MOST_ROWS)
        self.root = self._root(bos)

    @torch.no_grad()
    def __call__(self, coalitions: Coalitions) -> Float[np.ndarray, "row output"]:
        """The values of coalitions, those with one beginning together."""
        distinct, place = np.unique(coalitions, axis=0, return_inverse=True)
        chunks = (distinct[first : first + self.rows] for first in range(0, len(distinct), self.rows))
        values: np.ndarray = np.concatenate([self._chunk(rows) for rows in chunks])
        return values[place.reshape(-1)]

    def _chunk(self, rows: Coalitions) -> Float[np.ndarray, "row output"]:
        nodes = self.root
        for player, (parent, seen) in enumerate(_prefixes(rows)):
            nodes = self._extend(nodes, player, parent, seen)
        assert nodes.value is not None
        return nodes.value.double().cpu().numpy()

    @torch.no_grad()
    def _root(self, bos: int | None) -> Nodes:
        if bos is None:
            return Nodes(empty_cache(self.gpt2), None, None)
        attention = TrieAttention(empty_cache(self.gpt2), torch.zeros(1, dtype=torch.int64), None)
        resid = self.gpt2.W_E[[bos]] + self.gpt2.W_pos[:1]
        given = self.readout.measure(self.gpt2.value_at(self.readout.hook_name, resid, attention))
        cache = grown_cache(attention, None)
        if self.hidden is not None:
            return Nodes(cache, None, None)
        present = torch.ones(1, 1, dtype=torch.bool, device=resid.device)
        return Nodes(cache, present, torch.zeros_like(given) if self.readout.largest else given)

    def _extend(self, nodes: Nodes, player: int, parent: torch.Tensor, seen: torch.Tensor) -> Nodes:
        """The prefixes one token longer."""
        parent, seen = parent.to(self.tokens.device), seen.to(self.tokens.device)
        last = player == len(self.tokens) - 1
        if nodes.present is None:
            assert self.hidden is not None
            embedding = torch.where(seen[:, None], self.tokens[player], self.hidden)
            resid = embedding + self.gpt2.W_pos[self.first_position + player]
            return self._replaced(nodes, TrieAttention(nodes.cache, parent, None), resid, last=last)
        return self._removed(nodes, player, parent, seen)

    def _replaced(self, nodes: Nodes, attention: TrieAttention, resid: torch.Tensor, *, last: bool) -> Nodes:
        """Every node holds a token: its own, or what stands for a hidden one."""
        if not (last or self.readout.largest):
            self.gpt2.value_at(self.inner_hook, resid, attention)
            return Nodes(grown_cache(attention, None), None, None)
        value = self.readout.measure(self.gpt2.value_at(self.readout.hook_name, resid, attention))
        if self.readout.largest and nodes.value is not None:
            value = torch.maximum(value, nodes.value[attention.parent])
        return Nodes({} if last else grown_cache(attention, None), None, value)

    def _removed(self, nodes: Nodes, player: int, parent: torch.Tensor, seen: torch.Tensor) -> Nodes:
        """Only nodes whose token is seen are computed; the others are their parents with an empty slot."""
        assert nodes.present is not None
        assert nodes.value is not None
        present = torch.cat([nodes.present[parent], seen[:, None]], 1)
        value, chosen = nodes.value[parent], seen.nonzero()[:, 0]
        attention = TrieAttention(nodes.cache, parent[chosen], nodes.present[parent[chosen]])
        resid = self.tokens[player] + self.gpt2.W_pos[nodes.present[parent[chosen]].sum(1)]
        given = self.readout.measure(self.gpt2.value_at(self.readout.hook_name, resid, attention))
        value[chosen] = torch.maximum(given, value[chosen]) if self.readout.largest else given
        return Nodes(grown_cache(attention, (parent, chosen)), present, value)


def _hidden_embedding(gpt2: GPT2, baseline: Baseline) -> torch.Tensor | None:
    return {"end_of_text": gpt2.W_E[gpt2.end_of_text], "mean_embedding": gpt2.W_E.mean(0), "removal": None}[baseline]


def _last_attention(hook_name: str) -> str:
    """The last hook before the readout that later positions see something of."""
    deepest = hook_layer(hook_name) - hook_name.endswith(".hook_resid_pre")
    return f"blocks.{deepest}.attn.hook_z" if deepest >= 0 else hook_name


def _prefixes(rows: Coalitions) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """For each length, each distinct prefix of sorted rows: its parent's place, and whether its last token is seen."""
    fresh = np.ones(rows.shape, dtype=bool)
    fresh[1:] = np.logical_or.accumulate(rows[1:] != rows[:-1], axis=1)
    above = np.zeros(len(rows), dtype=np.int64)  # (row,), the row's node one level up
    for player in range(rows.shape[1]):
        first = np.flatnonzero(fresh[:, player])
        yield torch.from_numpy(above[first]), torch.from_numpy(rows[first, player])
        above = np.cumsum(fresh[:, player]) - 1
