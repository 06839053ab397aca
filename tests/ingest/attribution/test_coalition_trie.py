"""The trie of coalitions, and how its nodes attend: compiled, gathered, and each prefix by itself."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ingest.attribution.coalition_trie import (
    BOS,
    NO_NODE,
    Reader,
    Trie,
    TrieAttention,
    build_trie,
    coalition_chunks,
    read_trie_by_following,
    read_trie_by_gathering,
)
from ingest.attribution.shapley import Coalitions, every_coalition

ROWS = st.tuples(st.integers(1, 40), st.integers(1, 9)).flatmap(lambda shape: arrays(np.bool_, shape))
HEADS, D_HEAD = 3, 4


def way(trie: Trie, node: int) -> list[int]:
    """The nodes of a prefix, in the order of its tokens."""
    found: list[int] = []
    while node != NO_NODE:
        found.insert(0, node)
        node = int(trie.before[node])
    return found


@given(rows=ROWS, bos=st.booleans())
def test_each_coalition_ends_a_way_of_its_tokens(rows: Coalitions, bos: bool) -> None:
    rows = np.unique(rows, axis=0)
    trie = build_trie(rows, bos=bos, removal=False)
    for row, leaf in zip(rows, trie.leaf, strict=True):
        nodes = way(trie, leaf)
        assert trie.player[nodes].tolist() == [BOS] * bos + list(range(len(row)))
        assert trie.seen[nodes].tolist() == [True] * bos + row.tolist()
        assert trie.position[nodes].tolist() == list(range(len(nodes)))
    prefixes = {row[:end].tobytes() for row in rows for end in range(1, rows.shape[1] + 1)}
    assert len(trie.before) == bos + len({(prefix, len(prefix)) for prefix in prefixes})
    assert trie.depth == bos + rows.shape[1]


@given(rows=ROWS)
def test_a_removed_token_has_no_node(rows: Coalitions) -> None:
    rows = np.unique(rows, axis=0)
    trie = build_trie(rows, bos=True, removal=True)
    for row, leaf in zip(rows, trie.leaf, strict=True):
        nodes = way(trie, leaf)
        assert trie.player[nodes].tolist() == [BOS, *np.flatnonzero(row)]
        assert trie.position[nodes].tolist() == list(range(len(nodes)))
    assert trie.seen.all()


def test_every_coalition_costs_two_nodes() -> None:
    assert len(build_trie(every_coalition(8), bos=False, removal=False).before) == 2**9 - 2


@given(rows=ROWS, most_rows=st.integers(1, 20), most_nodes=st.integers(1, 60))
def test_chunks_hold_every_row_once_and_have_room(rows: Coalitions, most_rows: int, most_nodes: int) -> None:
    rows = np.unique(rows, axis=0)
    parts = list(coalition_chunks(rows, most_rows, most_nodes))
    np.testing.assert_array_equal(np.concatenate(parts), rows)
    for part in parts:
        assert len(part) <= most_rows
        nodes = len(build_trie(part, bos=False, removal=False).before)
        assert nodes <= most_nodes or len(part) == 1


@pytest.mark.parametrize("read", [read_trie_by_following, read_trie_by_gathering])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("removal", [False, True])
def test_a_node_reads_what_its_prefix_reads(read: Reader, dtype: torch.dtype, removal: bool) -> None:
    trie = build_trie(every_coalition(5), bos=True, removal=removal)
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, len(trie.before), HEADS, D_HEAD, generator=generator, dtype=dtype)
    attention = TrieAttention(torch.from_numpy(trie.before), trie.depth, read, gathered_bytes=2000)  # in parts
    z = attention(0, q, k, v)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    for node in range(len(q)):
        nodes = way(trie, node)
        alone = F.scaled_dot_product_attention(
            q[node][None, :, None], *(part[nodes].transpose(0, 1)[None] for part in (k, v))
        )
        torch.testing.assert_close(z[node], alone[0, :, 0], atol=tolerance, rtol=0)
    chosen = torch.tensor([7, 2, len(q) - 1])
    torch.testing.assert_close(attention.read(chosen, q[chosen], k, v), z[chosen], atol=tolerance, rtol=0)


def test_a_number_that_is_none_spoils_those_who_read_it_alone() -> None:
    trie = build_trie(every_coalition(2), bos=True, removal=False)
    q, k, v = torch.ones(3, len(trie.before), HEADS, D_HEAD)
    k[3] = float("nan")
    attention = TrieAttention(torch.from_numpy(trie.before), trie.depth)
    spoilt = attention(0, q, k, v).isnan().flatten(1).all(1)
    assert spoilt.tolist() == [3 in way(trie, node) for node in range(len(q))]
