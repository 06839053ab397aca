"""A circuit planted by hand comes first: its head, its source token, its upstream feature."""

from pathlib import Path

import pytest

from ingest.jobs.attention import AttentionRequest, attention
from ingest.jobs.contrast import ContrastRequest, contrast
from ingest.jobs.direct import DirectRequest, direct
from ingest.jobs.ingest import IngestRequest, ingest
from ingest.jobs.patch import PatchRequest, patch
from ingest.jobs.reader import Reader
from queries import run_query
from schema import open_atlas
from schema.verify import verify
from tests.made.planted_circuit import (
    CLEAN,
    CORRUPTED,
    EARLIER,
    HEAD,
    HERE,
    LATER,
    LAYER,
    SICK,
    save_documents,
    save_planted,
)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas of the planted model with everything that circuits store."""
    folder = tmp_path_factory.mktemp("planted")
    model, saes = save_planted(folder)
    reader = Reader(tuple(saes), model)
    path = folder / "atlas.duckdb"
    ingest(IngestRequest(path, tuple(map(str, save_documents(folder))), reader=reader))
    contrast(ContrastRequest(path, "sick", ("sick",), ("rain",), shuffles=5))
    patch(PatchRequest(path, (LATER,), pairs=((CLEAN, CORRUPTED),), reader=reader))
    patch(PatchRequest(path, (LATER,), sets=(("sick",), ("rain",)), reader=reader))
    one = Reader(tuple(saes[:1]), model)
    direct(DirectRequest(path, (LATER,), texts=(CLEAN,), reader=one))
    attention(AttentionRequest(path, documents=("sick",), contrasts=("sick",), reader=one))
    return path


def test_every_invariant_holds(traced: Path) -> None:
    with open_atlas(traced, read_only=True) as atlas:
        assert [finding for finding in verify(atlas) if finding.violations] == []


def test_patching_finds_the_head_the_source_and_the_feature(traced: Path) -> None:
    with open_atlas(traced, read_only=True) as atlas:
        label = atlas.rows("SELECT label FROM sae ORDER BY sae")[0][0]
        heads = run_query(atlas, "patched_heads", {"feature": LATER, "sae": label, "kind": "z"}).to_pylist()
        assert (heads[0]["layer"], heads[0]["head"], heads[0]["pairs"]) == (LAYER, HEAD, 9)
        assert heads[0]["denoised"] == pytest.approx(1, abs=1e-4)
        assert all(abs(row["denoised"]) < 1e-4 for row in heads[1:])
        found = atlas.rows("SELECT position FROM patch_pair WHERE patch_pair = 0")
        assert found == [(HERE,)]
        stream = run_query(atlas, "patch_map", {"patch_pair": 0}).to_pylist()
        carried = {(row["layer"], row["position"]) for row in stream if (row["denoised_effect"] or 0) > 0.5}
        assert carried == {(layer, position) for layer in (0, 1) for position in (SICK, None)}
        strong = "patch_pair = 0 AND kind = 'z' AND denoised_effect > 0.5"
        read = atlas.rows(f"SELECT layer, head, position FROM patch_effect WHERE {strong}")
        assert set(read) == {(LAYER, HEAD, HERE), (LAYER, HEAD, None)}
        upstream = run_query(atlas, "upstream_features", {"feature": LATER, "sae": label}).to_pylist()
        assert (upstream[0]["upstream_feature"], upstream[0]["pairs"]) == (EARLIER, 9)
        assert upstream[0]["denoised"] > 0.5
        every = run_query(atlas, "upstream_features", {"feature": LATER, "sae": label, "min_share": 0}).to_pylist()
        weak = [row for row in every if row not in upstream]
        assert {row["all_pairs"] for row in every} == {9}
        assert all(max(abs(row["denoised_all"]), abs(row["noised_all"])) < 0.01 for row in weak)
        assert all(max(abs(row["denoised_all"]), abs(row["noised_all"])) >= 0.01 for row in upstream)


def test_direct_attribution_and_attention_find_the_head_and_the_source(traced: Path) -> None:
    with open_atlas(traced, read_only=True) as atlas:
        first = run_query(atlas, "direct_values", {"direct_attribution": 0}).to_pylist()[0]
        assert (first["kind"], first["layer"], first["head"], first["source"]) == ("head", LAYER, HEAD, SICK)
        look = run_query(atlas, "attention_pairs", {"direct_attribution": 0}).to_pylist()[0]
        assert (look["layer"], look["head"], look["query"], look["source"]) == (LAYER, HEAD, HERE, SICK)
        looks = run_query(atlas, "attention_heads", {"corpus": "sick/sick"}).to_pylist()
        assert (looks[0]["layer"], looks[0]["head"]) == (LAYER, HEAD)
        found = run_query(atlas, "attention_differences", {"contrast": "sick", "limit": 200}).to_pylist()
        entropies = [row for row in found if row["measure"] == "entropy"]
        first = min(entropies, key=lambda row: row["mean_positive"] - row["mean_control"])
        assert (first["layer"], first["head"]) == (LAYER, HEAD)
        assert first["q"] < 0.05
