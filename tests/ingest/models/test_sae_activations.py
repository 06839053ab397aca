"""An SAE computes what SAELens' own does, for every architecture, scaling and shape, and leaves that as it is."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ingest.models.sae import SAE
from ingest.models.sae_activations import SparseActivations
from ingest.models.sae_files import load_sae
from schema import ModelError
from tests.made.tiny_models import D_IN, D_SAE, dense, loaded, save_sae, tiny_sae

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
        found = loaded(module).sparse_rows(X)
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
        found = loaded(module).sparse_rows(X)
        expected = reference.encode(X)
    np.testing.assert_allclose(dense(found, len(X), D_SAE), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_rows_come_in_order_with_the_types_of_the_tables() -> None:
    found = loaded(tiny_sae("standard")).sparse_rows(X)
    assert [column.dtype for column in found] == [np.int32, np.int32, np.float32]
    order = np.lexsort((found.feature, found.row))
    assert (order == np.arange(len(found))).all()


@pytest.mark.parametrize("rows", [1, 7, 29, 30, 31])
def test_chunks_do_not_matter(rows: int) -> None:
    encode = loaded(tiny_sae("jumprelu")).sparse_rows
    whole = encode(X)
    chunked = encode(X, rows)
    assert (whole.row == chunked.row).all()
    assert (whole.feature == chunked.feature).all()
    np.testing.assert_allclose(whole.activation, chunked.activation, rtol=1e-4, atol=1e-6)


def test_no_rows_and_silent_rows_give_nothing() -> None:
    encode = loaded(tiny_sae("standard")).sparse_rows
    assert len(encode(X[:0])) == 0
    silent = tiny_sae("standard")
    silent.b_enc.data -= 1000
    found = loaded(silent).sparse_rows(X)
    assert isinstance(found, SparseActivations)
    assert len(found) == 0
    assert [column.dtype for column in found] == [np.int32, np.int32, np.float32]


def test_a_threshold_below_zero_lets_nothing_negative_through() -> None:
    module = tiny_sae("jumprelu")
    module.threshold.data = -module.threshold.data
    with torch.inference_mode():
        found = loaded(module).sparse_rows(X)
        expected = module.encode(X)
    np.testing.assert_allclose(dense(found, len(X), D_SAE), expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_a_file_in_half_precision_encodes_as_its_weights_in_single(
    case: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    """Every weight is exact in float32, so that activations are those of SAELens with the same weights."""
    module = tiny_sae(case.partition(" ")[0], **CASES[case]).to(dtype=dtype)
    sae = load_sae(save_sae(module, tmp_path / "sae"))
    held = load_file(tmp_path / "sae" / "sae_weights.safetensors")
    assert {each.dtype for each in held.values()} == {dtype}
    assert {each.dtype for each in sae.module.state_dict().values()} == {torch.float32}
    own = copy.deepcopy(module).to(dtype=torch.float32)
    assert all(torch.equal(own.state_dict()[name], each) for name, each in sae.module.state_dict().items())
    with torch.inference_mode():
        expected = own.encode(X)
        found = sae.sparse_rows(X)
    expected = (expected.to_dense() if expected.is_sparse else expected).clamp(min=0)
    np.testing.assert_allclose(dense(found, len(X), D_SAE), expected.numpy(), rtol=1e-4, atol=1e-5)
    assert len(found) == int((expected > 0).sum()) > 0


@pytest.mark.parametrize("case", CASES)
def test_batches_of_any_size_give_the_same(case: str) -> None:
    """Active sets alike, of 1, 8 and 64 tokens at a time; of an SAE that looks at its rows one by one."""
    x = torch.randn(64, D_IN, generator=torch.Generator().manual_seed(11)) * 3
    sae = loaded(tiny_sae(case.partition(" ")[0], **CASES[case]))
    with torch.inference_mode():
        whole = dense(sae.sparse_rows(x), len(x), D_SAE)
        for size in (1, 8):
            parts = [dense(sae.sparse_rows(rows), len(rows), D_SAE) for rows in x.split(size)]
            np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-4, atol=1e-6)
            assert ((np.concatenate(parts) > 0) == (whole > 0)).all()


SCALINGS = ["none", "layer_norm", "constant_norm_rescale", "expected_average_only_in"]


def everything(sae: SAE, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """What an SAE makes of x: activations, some of them, what they add up to, and what is left over."""
    acts = sae.encode(x)
    return acts, sae.encode_features(x, [7, 3, 30]), sae.decode(acts, x), sae.error(x)


@pytest.mark.parametrize("hook_z", [False, True])
@pytest.mark.parametrize("normalize_activations", SCALINGS)
@pytest.mark.parametrize("case", CASES)
def test_all_that_it_computes_is_saelens_own_whatever_ran_before(
    case: str, normalize_activations: str, hook_z: bool
) -> None:
    options: dict[str, Any] = {}
    if hook_z:
        options |= {"reshape_activations": "hook_z", "hook_name": "blocks.0.attn.hook_z"}
    options |= {"normalize_activations": normalize_activations, **CASES[case]}
    module, own = (tiny_sae(case.partition(" ")[0], **options) for _ in range(2))
    x = X.view(5, 6, 3, 4) if hook_z else X.view(5, 6, D_IN)
    with torch.no_grad():
        expected = own.encode(x)
        dense_acts = expected.to_dense() if expected.is_sparse else expected
        decoded = own.decode(expected)
        sae = loaded(module)
        sae.sparse_rows(X)
        found = [everything(sae, x), everything(sae, x.flatten(2))]
        for acts, some, x_hat, error in found:
            torch.testing.assert_close(acts, dense_acts, rtol=1e-6, atol=1e-6)
            torch.testing.assert_close(some, dense_acts[..., [7, 3, 30]], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(x_hat.view_as(decoded), decoded, rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(error.view_as(x), x - decoded, rtol=1e-5, atol=1e-4)
        assert found[0][3].shape == x.shape
        assert torch.equal(module.decode(module.encode(x)), decoded), "SAELens' object is as it was"


def test_a_scale_is_given_back_to_what_is_known_to_have_had_it() -> None:
    sae = loaded(tiny_sae("standard", normalize_activations="layer_norm"))
    with pytest.raises(ModelError, match=r"layer_norm\): decode needs x"):
        sae.decode(sae.encode(X))


def test_features_are_computed_in_the_type_of_what_is_read() -> None:
    sae = loaded(tiny_sae("jumprelu"))
    found = sae.encode_features(X.double(), range(D_SAE))
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), sae.encode(X).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_a_feature_writes_what_decoding_it_alone_adds(case: str) -> None:
    module = tiny_sae(case.partition(" ")[0], **CASES[case])
    with torch.no_grad():
        module.W_dec *= torch.linspace(0.5, 3, D_SAE)[:, None]
        sae = loaded(module)
        alone = sae.decode(torch.eye(D_SAE)) - sae.b_dec
    torch.testing.assert_close(sae.written_rows, alone, rtol=1e-5, atol=1e-6)


def test_a_chunk_that_is_as_large_as_the_last_leaves_what_came_of_that_one() -> None:
    sae = loaded(tiny_sae("standard"))
    with torch.inference_mode():
        first = sae.sparse_rows(X)
        kept = [column.copy() for column in first]
        sae.sparse_rows(-X)
        again = loaded(tiny_sae("jumprelu")).sparse_rows(X)
    assert all((ours == theirs).all() for ours, theirs in zip(first, kept, strict=True))
    assert len(again) != len(first)
    with torch.no_grad():
        assert all((a == b).all() for a, b in zip(sae.sparse_rows(X), kept, strict=True))
    assert all(np.allclose(a, b) for a, b in zip(sae.sparse_rows(X), kept, strict=True))
