"""Memory for what is read at once and then no more: the activations of a chunk, the hidden layer of an MLP."""

import threading

import torch
from jaxtyping import Float


class Room(threading.local):
    """Memory of a product, kept for the next one, a thread its own.

    The kernel clears what is asked for anew, page by page: an eighth of the time of the product that goes there.
    most: numbers that are kept, at most; a larger product goes where there is memory, and is given back.
    """

    def __init__(self, most: int | None = None) -> None:
        self._held = torch.empty(0)
        self._most = most

    def affine(
        self, x: Float[torch.Tensor, "row d_in"], W: Float[torch.Tensor, "d_in d_out"], bias: torch.Tensor
    ) -> Float[torch.Tensor, "row d_out"]:
        """x W + bias, which holds until the next call; on a GPU, or where gradients are recorded, anew."""
        size = len(x) * W.shape[1]
        if x.device.type != "cpu" or torch.is_grad_enabled() or (self._most is not None and size > self._most):
            return torch.addmm(bias, x, W)
        if self._held.numel() < size or self._held.dtype != x.dtype:
            with torch.inference_mode(mode=False):
                self._held = torch.empty(size, dtype=x.dtype)
        return torch.addmm(bias, x, W, out=self._held[:size].view(len(x), W.shape[1]))
