"""The hidden layer of an MLP, in memory that is kept, against PyTorch's own."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F

from ingest.models import block_arithmetic
from ingest.models.block_arithmetic import linear
from ingest.models.room import Room

WIDE = 96


def drawn(*sizes: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """x, W and b."""
    draw = torch.Generator().manual_seed(sum(sizes))
    x, W, b = (torch.randn(*shape, generator=draw) for shape in ((*sizes, 24), (WIDE, 24), (WIDE,)))
    return x, W, b


def expected(x: torch.Tensor, W: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return F.gelu(F.linear(x, W, b), approximate="tanh")


@pytest.mark.parametrize("kept", [0, 7 * WIDE, None])
def test_the_hidden_layer_is_the_same_wherever_it_lies(kept: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_arithmetic, "_hidden", Room(kept))
    with torch.inference_mode():
        for sizes in ((5,), (9,), (2, 3), (1,), (4, 2, 3)):
            assert torch.equal(linear(*drawn(*sizes), activation="gelu"), expected(*drawn(*sizes)))


def test_a_gradient_goes_through_it() -> None:
    x, W, b = drawn(2, 5)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    (found,) = torch.autograd.grad(linear(ours, W, b, activation="gelu").sum(), ours)
    (wanted,) = torch.autograd.grad(expected(theirs, W, b).sum(), theirs)
    assert torch.equal(found, wanted)


def test_threads_do_not_share_it() -> None:
    def _run(rows: int) -> bool:
        with torch.inference_mode():
            return all(torch.equal(linear(*drawn(rows), activation="gelu"), expected(*drawn(rows))) for _ in range(50))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(_run, range(1, 40)))
