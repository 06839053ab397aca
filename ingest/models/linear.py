"""Linear maps of many rows: by oneDNN where nothing is differentiated, by PyTorch elsewhere.

On a processor oneDNN applies GELU to what it has just multiplied, while that is still near, and does not fall back to
older instructions on processors of other makers, as MKL does: 1.2 times the speed of `F.linear`, 1.5 times with GELU.

It prepares a program for each number of rows, which costs as much as running one. Numbers of rows are rounded up, so
that few programs serve all and its cache holds them. The last digits of a row depend on its place among the others, so
that equal prefixes differ a little: what is stored of every token is computed by PyTorch's own.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float

Activation = Literal["none", "gelu"]

ROUNDED_TO = 16
_onednn: Callable[..., torch.Tensor] | None = (
    getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch._C._has_mkldnn else None
)


def linear(
    x: Float[torch.Tensor, "*rows d_in"],
    W: Float[torch.Tensor, "d_out d_in"],
    b: Float[torch.Tensor, " d_out"],
    activation: Activation = "none",
) -> Float[torch.Tensor, "*rows d_out"]:
    """x W^T + b, then GPT-2's tanh-approximated GELU if asked for."""
    out = F.linear(x, W, b)
    return F.gelu(out, approximate="tanh") if activation == "gelu" else out


def fused_linear(
    x: Float[torch.Tensor, "*rows d_in"],
    W: Float[torch.Tensor, "d_out d_in"],
    b: Float[torch.Tensor, " d_out"],
    activation: Activation = "none",
) -> Float[torch.Tensor, "*rows d_out"]:
    """The same by oneDNN, where it can."""
    if _onednn is None or torch.is_grad_enabled() or x.device.type != "cpu" or x.dtype != torch.float32:
        return linear(x, W, b, activation)
    rows = x.reshape(-1, x.shape[-1])
    padded = F.pad(rows, (0, 0, 0, -len(rows) % ROUNDED_TO)) if len(rows) % ROUNDED_TO else rows
    out = _onednn(padded, W, b, activation, [], "tanh" if activation == "gelu" else "")
    return out[: len(rows)].view(*x.shape[:-1], len(W))
