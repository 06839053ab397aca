"""Tokens as players: what a readout gives when only some tokens of a prompt are seen.

The coalitions are the leaves of a trie of prefixes, see `trie`. Each of its nodes runs once, and all of them at the
same time: in a block, a node reads only what the nodes before it had when they came into that block.
"""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.attribution.coalition_trie import BOS, NO_NODE, Trie, TrieAttention, build_trie, coalition_chunks
from ingest.attribution.computed_ahead import compute_ahead
from ingest.attribution.readouts import Readout
from ingest.attribution.shapley import Coalitions
from ingest.models.block_arithmetic import ROUNDED_TO, Heads
from ingest.models.gpt2 import GPT2
from ingest.models.hook_points import RESID_PRE, hook_at, hook_kind, hook_layer
from schema.errors import SelectionError

Baseline = Literal["end_of_text", "mean_embedding", "removal"]
BASELINES: tuple[Baseline, ...] = ("end_of_text", "mean_embedding", "removal")

MOST_NODES = 2048
"""Nodes of one pass: enough for matrices to be multiplied at full speed, in flat memory."""
THREADED_ROWS = 256
"""Coalitions from which on several threads run some of them each, where there are several."""


class TokenGame:
    """What a readout gives on a prompt of which only some tokens are seen.

    A hidden token is replaced by the end-of-text token or the mean embedding, or removed, so that later
    tokens move up. BOS, where there is one, is always seen. A largest value is at least 0, as of a feature.
    `threads`: how many may run the model and the readout at the same time.

    Raises:
        SelectionError: tokens are to be removed, and no BOS would be left.
    """

    def __init__(
        self,
        gpt2: GPT2,
        readout: Readout,
        tokens: Int[np.ndarray, " player"],
        bos: int | None,
        baseline: Baseline,
        threads: int = 1,
    ) -> None:
        if baseline == "removal" and bos is None:
            raise SelectionError("tokens cannot be removed without a BOS token that stays; choose another baseline")
        self.gpt2, self.readout, self.bos, self.removal = gpt2, readout, bos, baseline == "removal"
        self.players, self.threads = len(tokens), threads
        ids = torch.as_tensor(tokens, device=gpt2.W_E.device)
        hidden = gpt2.W_E.mean(0) if baseline == "mean_embedding" else gpt2.W_E[gpt2.end_of_text]
        always = gpt2.W_E[gpt2.end_of_text if bos is None else bos]
        self.embeddings = torch.cat([gpt2.W_E[ids], torch.stack([always, hidden])])  # each player's, BOS', a hidden one
        self.nodes = MOST_NODES

    def __call__(self, coalitions: Coalitions) -> Float[np.ndarray, "row output"]:
        """The values of coalitions."""
        distinct, place = np.unique(coalitions, axis=0, return_inverse=True)
        threads = self.threads if len(distinct) >= THREADED_ROWS else 1
        parts = coalition_chunks(distinct, -(-len(distinct) // threads), self.nodes)
        values = np.concatenate([value for _, value in compute_ahead(self._values, parts, threads)])
        return values[place.reshape(-1)]

    @torch.no_grad()
    def _values(self, rows: Coalitions) -> Float[np.ndarray, "row output"]:
        trie = build_trie(rows, bos=self.bos is not None, removal=self.removal)
        if self.readout.largest:
            largest = self._largest(trie, self._measured(trie, None)[: len(trie.before)])
            values = torch.cat([largest, torch.zeros_like(largest[:1])])[trie.leaf]  # NO_NODE is the last
        else:
            ends, place = np.unique(trie.leaf, return_inverse=True)
            values = self._measured(trie, torch.from_numpy(ends).to(self.embeddings.device))[place]
        return values.double().cpu().numpy()

    def _measured(self, trie: Trie, ends: torch.Tensor | None) -> Float[torch.Tensor, "end output"]:
        """What the readout gives at some nodes, or at all of them; the last block then runs for these alone."""
        inputs, which = self._inputs(trie)
        attention = self._attention(trie, len(which))
        resid, qkv = inputs[which], self.gpt2.qkv(0, inputs)[which]
        hook_name, layer = self.readout.hook_name, _last_attention(self.readout.hook_name)
        if ends is None or layer < 0:
            acts = self.gpt2.value_at(hook_name, resid, attention, qkv=qkv)
            return self.readout.measure(acts if ends is None else acts[ends])
        if layer:
            resid = self.gpt2.value_at(hook_at(layer, RESID_PRE), resid, attention, qkv=qkv)
            qkv = self.gpt2.qkv(layer, resid)
        _, k, v = qkv.view(len(qkv), 3, self.gpt2.n_heads, -1).unbind(1)

        def attend(layer: int, q: Heads, own_k: Heads, own_v: Heads) -> Heads:
            return attention.read(ends, q, k, v)

        return self.readout.measure(self.gpt2.value_at(hook_name, resid[ends], attend, layer, qkv[ends]))

    def _attention(self, trie: Trie, nodes: int) -> TrieAttention:
        before = np.full(nodes, NO_NODE)
        before[: len(trie.before)] = trie.before
        return TrieAttention(torch.from_numpy(before).to(self.embeddings.device), trie.depth)

    def _inputs(self, trie: Trie) -> tuple[Float[torch.Tensor, "input d_model"], Int[torch.Tensor, " node"]]:
        """The distinct embeddings at their positions, and which of them each node has.

        Nodes of no use make their number a round one, for the sake of `fused_linear`.
        """
        token = np.where(trie.seen, np.where(trie.player == BOS, self.players, trie.player), self.players + 1)
        distinct, which = np.unique(np.stack([token, trie.position]), axis=1, return_inverse=True)
        tokens, positions = torch.from_numpy(distinct).to(self.embeddings.device)
        padded = np.pad(which.reshape(-1), (0, -which.size % ROUNDED_TO))
        return self.embeddings[tokens] + self.gpt2.W_pos[positions], torch.from_numpy(padded).to(tokens.device)

    def _largest(self, trie: Trie, value: Float[torch.Tensor, "node output"]) -> Float[torch.Tensor, "node output"]:
        """The largest of each prefix, BOS left out: nodes come after those that they begin with."""
        largest = torch.where(torch.from_numpy(trie.player == BOS).to(value.device)[:, None], 0.0, value)
        for nodes in np.split(np.arange(len(value)), np.flatnonzero(np.diff(trie.player)) + 1):
            before = trie.before[nodes]
            kept = nodes[before != NO_NODE]
            largest[kept] = torch.maximum(largest[kept], largest[trie.before[kept]])
        return largest


def _last_attention(hook_name: str) -> int:
    """The last block whose attention comes before the hook; -1 where there is none."""
    return hook_layer(hook_name) - (hook_kind(hook_name) == RESID_PRE)
