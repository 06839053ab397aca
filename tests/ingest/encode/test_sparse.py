"""Sparse encoders give what SAELens' own `encode` gives, for every architecture."""

from typing import Any

import numpy as np
import pytest
import torch

from ingest.encode import sparse
from ingest.encode.sparse import SparseActivations, sparse_encoder
from tests.made.tiny_models import D_IN, D_SAE, dense, loaded, tiny_sae

CASES: dict[str, dict[str, Any]] = {
    "standard": {},
    "jumprelu": {},
    "topk": {"k": 5},
    "topk of unit rows": {"k": 5, "rescale_acts_by_decoder_norm": True},
    "gated": {},
    "matching_pursuit": {"residual_threshold": 1e-2, "max_iterations": 8},
}
X = torch.randn(30, D_IN, generator=torch.Generator().manual_seed(7)) * 3


@pytest.mark.parametrize("normalize_activations", ["none", "layer_norm"])
@pytest.mark.parametrize("apply_b_dec_to_input", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_every_architecture_equals_saelens(case: str, apply_b_dec_to_input: bool, normalize_activations: str) -> None:
    module = tiny_sae(
        case.partition(" ")[0],
        apply_b_dec_to_input=apply_b_dec_to_input,
        normalize_activations=normalize_activations,
        **CASES[case],
    )
    with torch.inference_mode():
        found = sparse_encoder(loaded(module))(X)
        expected = module.encode(X)
    expected = expected.to_dense() if expected.is_sparse else expected
    expected = expected.clamp(min=0)
    assert 0 < (expected > 0).float().mean() < 1
    np.testing.assert_allclose(dense(found, len(X), D_SAE), expected.numpy(), rtol=1e-4, atol=1e-5)
    assert (found.activation > 0).all()


@pytest.mark.parametrize("architecture", ["standard", "topk"])
def test_heads_that_come_flattened_are_read_so(architecture: str) -> None:
    options = {"k": 5} if architecture == "topk" else {}
    hook_name = "blocks.0.attn.hook_z"
    module = tiny_sae(architecture, reshape_activations="hook_z", hook_name=hook_name, **options)
    reference = tiny_sae(architecture, hook_name=hook_name, **options)
    with torch.inference_mode():
        found = sparse_encoder(loaded(module))(X)
        expected = reference.encode(X)
    np.testing.assert_allclose(dense(found, len(X), D_SAE), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_rows_come_in_order_with_the_types_of_the_tables() -> None:
    found = sparse_encoder(loaded(tiny_sae("standard")))(X)
    assert [column.dtype for column in found] == [np.int32, np.int32, np.float32]
    order = np.lexsort((found.feature, found.row))
    assert (order == np.arange(len(found))).all()


@pytest.mark.parametrize("rows", [1, 7, 29, 30, 31])
def test_chunks_do_not_matter(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = sparse_encoder(loaded(tiny_sae("jumprelu")))
    whole = encode(X)
    monkeypatch.setattr(sparse, "CHUNK_ROWS", rows)
    chunked = encode(X)
    assert (whole.row == chunked.row).all()
    assert (whole.feature == chunked.feature).all()
    np.testing.assert_allclose(whole.activation, chunked.activation, rtol=1e-4, atol=1e-6)


def test_no_rows_and_silent_rows_give_nothing() -> None:
    encode = sparse_encoder(loaded(tiny_sae("standard")))
    assert len(encode(X[:0])) == 0
    silent = tiny_sae("standard")
    silent.b_enc.data -= 1000
    found = sparse_encoder(loaded(silent))(X)
    assert isinstance(found, SparseActivations)
    assert len(found) == 0
    assert [column.dtype for column in found] == [np.int32, np.int32, np.float32]


def test_a_threshold_below_zero_lets_nothing_negative_through() -> None:
    module = tiny_sae("jumprelu")
    module.threshold.data = -module.threshold.data
    with torch.inference_mode():
        found = sparse_encoder(loaded(module))(X)
        expected = module.encode(X)
    np.testing.assert_allclose(dense(found, len(X), D_SAE), expected.numpy(), rtol=1e-4, atol=1e-5)
