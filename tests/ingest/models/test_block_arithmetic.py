"""An MLP, whose hidden layer lies in memory that is kept, against PyTorch's own."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F

from ingest.models import block_arithmetic
from ingest.models.block_arithmetic import Map, mlp
from ingest.models.room import Room

WIDE = 96


def drawn(*sizes: int) -> tuple[torch.Tensor, Map, Map]:
    """x, and the weights on its way in and out."""
    draw = torch.Generator().manual_seed(sum(sizes))
    x, *weights = (
        torch.randn(*shape, generator=draw) for shape in ((*sizes, 24), (WIDE, 24), (WIDE,), (24, WIDE), (24,))
    )
    return x, (weights[0], weights[1]), (weights[2], weights[3])


def expected(x: torch.Tensor, enter: Map, leave: Map) -> torch.Tensor:
    return F.linear(F.gelu(F.linear(x, *enter), approximate="tanh"), *leave)


@pytest.mark.parametrize("kept", [0, 7 * WIDE, None])
def test_the_hidden_layer_is_the_same_wherever_it_lies(kept: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_arithmetic, "_hidden", Room(kept))
    with torch.inference_mode():
        for sizes in ((5,), (9,), (2, 3), (0,), (1,), (2, 0), (4, 2, 3)):
            assert torch.equal(mlp(*drawn(*sizes)), expected(*drawn(*sizes)))


def test_a_gradient_goes_through_it() -> None:
    x, *weights = drawn(2, 5)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    (found,) = torch.autograd.grad(mlp(ours, *weights).sum(), ours)
    (wanted,) = torch.autograd.grad(expected(theirs, *weights).sum(), theirs)
    assert torch.equal(found, wanted)


def test_threads_do_not_share_it() -> None:
    def _run(rows: int) -> bool:
        with torch.inference_mode():
            return all(torch.equal(mlp(*drawn(rows)), expected(*drawn(rows))) for _ in range(50))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(_run, range(1, 40)))
