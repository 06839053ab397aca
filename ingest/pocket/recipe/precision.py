"""Which number format matrices are multiplied in while training: bfloat16 where the hardware has it.

A processor with AVX512-BF16 multiplies it at more than twice the speed of float32, as measured; one without emulates
it, which is slower. Weights, gradients, sums and optimizers stay in float32.
"""

from __future__ import annotations

import torch


def product_dtype(device: str | torch.device) -> torch.dtype:
    """The format of matrix products on that device."""
    if torch.device(device).type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


def mixed(device: str | torch.device) -> torch.autocast:
    """A context in which PyTorch casts what it multiplies to that format, and leaves the rest as it is."""
    dtype = product_dtype(device)
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)
