"""What a screen in bfloat16 leaves out is active by no arithmetic, and what it gives is float32's.

The screens are computed on every processor; an SAE uses one where the processor multiplies bfloat16.
"""

import numpy as np
import pytest
import torch

from ingest.models.screen import MOST, Screen, multiplies_bfloat16
from tests.made.tiny_models import dense, loaded, tiny_sae

ROWS, D_IN, D_SAE = 96, 40, 2_000
FEW_ROWS = 64

Parts = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
"""x, W, bias, threshold, centre."""


def drawn(seed: int, *, active: float = 0.004) -> Parts:
    """Numbers over many orders, a few of them massive, features of any length, and so many pre-activations active."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw)

    massive = 1 + 100 * (torch.rand(D_IN, generator=draw) < 0.1)
    x = (normal(ROWS, D_IN) * massive + 5 * normal(D_IN)) * 10 ** normal(ROWS, 1)
    W = normal(D_IN, D_SAE) * 10 ** normal(D_SAE)
    bias = normal(D_SAE) * W.norm(dim=0)
    threshold = ((x @ W + bias).quantile(1 - active, dim=0)).clamp(min=0)
    return x, W, bias, threshold, x.median(dim=0).values * (seed % 2)


def pairs(feature: np.ndarray, row: np.ndarray) -> set[tuple[int, int]]:
    return set(zip(feature.tolist(), row.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_no_feature_that_is_active_in_any_precision_is_left_out(seed: int) -> None:
    x, W, bias, threshold, centre = drawn(seed)
    kept = pairs(*Screen.of(W, bias, threshold, centre).candidates(x))
    for dtype in (torch.float32, torch.float64):
        active = (x.to(dtype) @ W.to(dtype) + bias.to(dtype) > threshold.to(dtype)).T
        assert active.any()
        assert pairs(*np.nonzero(active.numpy())) <= kept


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_rounding_that_goes_one_way_in_every_product_is_allowed_for(sign: float) -> None:
    """All numbers are rounded down by the most that there is; what is active is so by a millionth."""
    below_half = 1 + 2**-8 * (1 - 2**-10)
    assert float(torch.tensor(below_half).bfloat16()) == 1.0
    x, W = torch.full((FEW_ROWS, D_IN), below_half), torch.full((D_IN, D_SAE), sign * below_half)
    pre = (x.double() @ W.double())[0, 0].item()
    threshold = torch.full((D_SAE,), max(pre, 0.0) * (1 - 1e-6))
    bias = torch.full((D_SAE,), -min(pre, 0.0) * (1 + 1e-6))
    screen = Screen.of(W, bias, threshold, torch.zeros(D_IN))
    assert len(screen.candidates(x)[0]) == FEW_ROWS * D_SAE


@pytest.mark.parametrize("seed", range(6))
def test_sums_that_float32_rounds_are_allowed_for(seed: int) -> None:
    """Numbers that bfloat16 holds exactly, and thresholds just below what they add up to in float64."""
    draw = torch.Generator().manual_seed(seed)
    x, W = (torch.randn(*shape, generator=draw).bfloat16().float() for shape in ((FEW_ROWS, 512), (512, D_SAE)))
    pre = (x.double() @ W.double())[0]
    below = torch.nextafter(pre.float(), torch.tensor(float("-inf")))
    threshold, bias = below.clamp(min=0), -below.clamp(max=0)
    kept = pairs(*Screen.of(W, bias, threshold, torch.zeros(512)).candidates(x))
    assert {(feature, 0) for feature in range(D_SAE)} <= kept


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_rows_that_are_all_but_the_centre_are_told_apart(scale: float) -> None:
    """What is left of them is small beside what float32 rounds of them."""
    draw = torch.Generator().manual_seed(2)
    centre = torch.randn(D_IN, generator=draw) * scale
    W = torch.randn(D_IN, D_SAE, generator=draw)
    x = centre + 1e-7 * scale * torch.randn(FEW_ROWS, D_IN, generator=draw)
    bias, threshold = -(centre @ W), torch.zeros(D_SAE)
    kept = pairs(*Screen.of(W, bias, threshold, centre).candidates(x))
    active = (x @ W + bias > threshold).T
    assert pairs(*np.nonzero(active.numpy())) <= kept


@pytest.mark.parametrize(("weights", "rows"), [(1e-19, 1.0), (1.0, 1e-19), (1e-38, 1e-38)])
def test_numbers_that_vanish_in_bfloat16_are_not_screened(weights: float, rows: float) -> None:
    x, W, _, threshold, _ = drawn(0)
    screen = Screen.of(weights * W / W.norm(), torch.zeros(D_SAE), 0 * threshold, torch.zeros(D_IN))
    assert screen.active(rows * x / x.norm(dim=1)[:, None]) is None


def test_a_bias_is_as_exact_as_in_float32() -> None:
    """It takes away nearly all that a product gives."""
    x, W = torch.ones(FEW_ROWS, 1), -torch.ones(1, D_SAE)
    bias = torch.full((D_SAE,), 1 + 2**-12)
    screen = Screen.of(W, bias, torch.zeros(D_SAE), torch.zeros(1))
    assert len(screen.candidates(x)[0]) == FEW_ROWS * D_SAE


@pytest.mark.parametrize("seed", range(6))
def test_what_is_given_is_what_float32_gives_in_the_same_order(seed: int) -> None:
    x, W, bias, threshold, centre = drawn(seed)
    found = Screen.of(W, bias, threshold, centre).active(x)
    assert found is not None
    pre = x @ W + bias
    row, feature = (pre > threshold).nonzero(as_tuple=True)
    near = (pre - threshold).abs() < 1e-5 * (x.norm(dim=1)[:, None] * W.norm(dim=0) + bias.abs())
    assert {tuple(pair) for pair in zip(found.row, found.feature, strict=True)} ^ {
        tuple(pair) for pair in zip(row.tolist(), feature.tolist(), strict=True)
    } <= {tuple(pair) for pair in near.nonzero().tolist()}
    assert (np.diff(found.row.astype(np.int64) * D_SAE + found.feature) > 0).all()
    scale = (x.norm(dim=1)[found.row] * W.norm(dim=0)[found.feature]).numpy()
    assert (np.abs(found.activation - pre[found.row, found.feature].numpy()) <= 1e-6 * scale).all()
    assert found.row.dtype == found.feature.dtype == np.int32
    assert found.activation.dtype == np.float32


def test_few_more_are_computed_than_are_active() -> None:
    draw = torch.Generator().manual_seed(0)
    x, W = torch.randn(ROWS, 256, generator=draw), torch.randn(256, D_SAE, generator=draw) / 16
    threshold = torch.full((D_SAE,), 2.6)
    bias = torch.zeros(D_SAE)
    active = int((x @ W > threshold).sum())
    kept = len(Screen.of(W, bias, threshold, torch.zeros(256)).candidates(x)[0])
    assert active < kept < 1.3 * active


def test_what_a_screen_does_not_pay_for_is_left_to_all_at_once() -> None:
    x, W, bias, threshold, centre = drawn(1)
    screen = Screen.of(W, bias, threshold, centre)
    assert screen.active(x) is not None
    assert screen.active(x[:0]) is None
    longer = torch.where(torch.arange(9 * ROWS) == 7, 1e36, 1)[:, None]
    assert screen.active(longer * x.repeat(9, 1)) is None, "too long a row"
    dense_one = Screen.of(W, bias, 0 * threshold - 1e9, centre)
    assert dense_one.active(x) is None, f"more than {MOST} of all"


needs_bfloat16 = pytest.mark.skipif(not multiplies_bfloat16(), reason="the processor does not multiply bfloat16")


@needs_bfloat16
@pytest.mark.parametrize("architecture", ["standard", "jumprelu"])
@pytest.mark.parametrize("apply_b_dec_to_input", [True, False])
def test_an_sae_with_its_screen_gives_what_saelens_gives(architecture: str, apply_b_dec_to_input: bool) -> None:
    module = tiny_sae(architecture, D_IN, D_SAE, apply_b_dec_to_input=apply_b_dec_to_input)
    with torch.inference_mode():
        x = 3 * torch.randn(ROWS, D_IN, generator=torch.Generator().manual_seed(3))
        if architecture == "jumprelu":
            module.threshold.data = module.encode(x).quantile(0.995, dim=0).clamp(min=0.1)
        else:
            module.b_enc.data -= module.encode(x).quantile(0.995, dim=0)
        sae = loaded(module)
        expected = module.encode(x).numpy()
        found = sae.sparse_rows(x)
    assert sae._screen is not None
    assert sae._screen.active(x) is not None
    assert 0 < (expected > 0).mean() < MOST
    np.testing.assert_allclose(dense(found, ROWS, D_SAE), expected, rtol=1e-4, atol=1e-4)


@needs_bfloat16
def test_dense_features_are_encoded_without_it() -> None:
    sae = loaded(tiny_sae("standard", D_IN, D_SAE))
    x = torch.randn(3 * FEW_ROWS, D_IN, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        expected = sae.module.encode(x).numpy()
        found = sae.sparse_rows(x, chunk_rows=FEW_ROWS)
    assert sae._screen is not None
    assert sae._screen.active(x) is None
    assert (expected > 0).mean() > MOST
    np.testing.assert_allclose(dense(found, len(x), D_SAE), expected, rtol=1e-4, atol=1e-5)
