"""Stored activations as matrices, chunk by chunk: put together they are the whole, and no chunk outgrows its bound."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array, vstack

from ingest.families.coactive_pairs import features_firing_with
from ingest.families.firing import coverage_hash, read_firing, read_shared_firing, shared_firing_hash
from schema import Atlas, open_atlas
from tests.made.tiny_atlas import FEATURES

SIZES = [1, 7, 60, 300, 1_000_000]
"""Activations of a chunk."""


@pytest.fixture(scope="module")
def uneven(tiny: Path) -> Path:
    """The tiny atlas with other activations of both SAEs: none in some windows, nearly all in others."""
    rng = np.random.default_rng(7)
    with open_atlas(tiny) as atlas:
        atlas.rows("DELETE FROM activation")
        places = np.array(atlas.rows("SELECT context, position FROM token ORDER BY ALL"))
        for sae in (1, 0):  # one after the other, as later SAEs lie behind those before
            chance = rng.choice([0.0, 0.05, 0.2, 0.9], places[:, 0].max() + 1)
            token, feature = np.nonzero(rng.random((len(places), FEATURES)) < chance[places[:, 0]][:, None])
            columns = {"feature": feature, "context": places[token, 0], "position": places[token, 1]}
            rows = pa.table(columns | {"activation": rng.gamma(1.0, size=len(token)).astype(np.float32)})
            with atlas.registered(rows=rows):
                atlas.rows(f"INSERT INTO activation BY NAME SELECT {sae} AS sae, * FROM rows")
        tokens = atlas.rows("SELECT DISTINCT context, position FROM activation ORDER BY ALL")
        if len(tokens) % 2 == 0:  # of an odd number, half there and half back are not the same
            atlas.rows("DELETE FROM activation WHERE context = ? AND position = ?", tokens[0])
    return tiny


def on_tokens(atlas: Atlas, saes: tuple[int, ...]) -> list[np.ndarray]:
    """What each SAE gives on the tokens on which any of them fires, written out row by row."""
    rows = atlas.rows(f"SELECT * FROM activation WHERE sae IN ({', '.join(map(str, saes))})")
    place = {token: row for row, token in enumerate(sorted({(context, at) for _, _, context, at, _ in rows}))}
    written = {sae: np.zeros((len(place), FEATURES), np.float32) for sae in saes}
    for sae, feature, context, position, activation in rows:
        written[sae][place[context, position], feature] = activation
    return [written[sae] for sae in saes]


def whole(parts: list[csr_array]) -> np.ndarray:
    return np.asarray(vstack(parts).toarray())


def window_sizes(atlas: Atlas) -> list[int]:
    """Activations of both SAEs in each window."""
    return [size for (size,) in atlas.rows("SELECT COUNT(*) FROM activation GROUP BY context")]


@pytest.mark.parametrize("size", SIZES)
def test_chunks_are_the_tokens_in_their_order(uneven: Path, size: int) -> None:
    with open_atlas(uneven) as atlas:
        for sae in (0, 1):
            firing = read_firing(atlas, sae, size)
            for _ in range(2):  # they are read anew
                np.testing.assert_array_equal(whole(list(firing.chunks)), on_tokens(atlas, (sae,))[0])
            assert firing.tokens == atlas.rows("SELECT SUM(tokens) FROM context")[0][0]


@pytest.mark.parametrize("size", SIZES)
def test_a_chunk_holds_one_window_more_than_it_may_at_most(uneven: Path, size: int) -> None:
    """Windows are of uneven sizes: some are larger than the bound, and in others nothing fires."""
    with open_atlas(uneven) as atlas:
        largest, all_of_them = max(window_sizes(atlas)), sum(window_sizes(atlas))
        assert largest > 60
        held = [chunk.nnz for chunk in read_firing(atlas, 0, size).chunks]
        together = [one.nnz + other.nnz for one, other in read_shared_firing(atlas, 0, 1, size)[0].paired.chunks]
        for sizes in (held, together):
            assert max(sizes) < size + largest
        assert sum(together) == all_of_them
        assert len(together) >= all_of_them // (size + largest)


@pytest.mark.parametrize("size", SIZES)
def test_either_way_the_rows_of_the_other_are_shifted_by_half_their_number(uneven: Path, size: int) -> None:
    with open_atlas(uneven) as atlas:
        for saes, shared in zip(((0, 1), (1, 0)), read_shared_firing(atlas, 0, 1, size), strict=True):
            one, other = on_tokens(atlas, saes)
            assert len(one) % 2 == 1
            chunks, shifted = list(shared.paired.chunks), list(shared.shifted.chunks)
            for expected, found in ((other, chunks), (np.roll(other, len(other) // 2, axis=0), shifted)):
                np.testing.assert_array_equal(whole([here for here, _ in found]), one)
                np.testing.assert_array_equal(whole([there for _, there in found]), expected)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_shifted_is_of_one_chunk_on_either_side(uneven: Path, size: int) -> None:
    """So that no more is read at a time than of two chunks."""
    with open_atlas(uneven) as atlas:
        shared = read_shared_firing(atlas, 0, 1, size)[0]
        ends = np.cumsum([one.shape[0] for one, _ in shared.paired.chunks])
        cuts = np.cumsum([0, *(one.shape[0] for one, _ in shared.shifted.chunks)])
        rows = int(ends[-1])
        for first, stop in pairwise(cuts.tolist()):
            for start in (first, (first - rows // 2) % rows):
                last = start + stop - first - 1
                assert np.searchsorted(ends, start, "right") == np.searchsorted(ends, last, "right")


def test_an_sae_that_has_encoded_nothing_has_no_chunks(uneven: Path, tmp_path: Path) -> None:
    with open_atlas(uneven) as atlas, atlas.transaction():
        for table in ("activation", "coverage"):
            atlas.rows(f"CREATE TEMP TABLE kept_{table} AS FROM {table}")
            atlas.rows(f"DELETE FROM {table} WHERE sae = 1")
        firing, shared = read_firing(atlas, 1), read_shared_firing(atlas, 0, 1)[0]
        found = features_firing_with(firing)
        assert (found.tokens, found.features, len(found.pairs.feature)) == (0, 0, 0)
        assert list(shared.paired.chunks) == list(shared.shifted.chunks) == []
        assert shared.paired.tokens == 0
        assert coverage_hash(atlas, 1) == shared_firing_hash(atlas, 0, 1) == ""
        for table in ("activation", "coverage"):
            atlas.rows(f"DELETE FROM {table}")
            atlas.rows(f"INSERT INTO {table} FROM kept_{table}")
