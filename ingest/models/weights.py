"""Weights: their identity, a SHA-256 over every tensor by name, that each is a number, and the device they lie on."""

import hashlib
from collections.abc import Iterable, Mapping

import torch

from schema.errors import ModelError


def weights_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, types, shapes and values, independent of order and device."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().contiguous().cpu()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def check_finite(of: object, weights: Iterable[tuple[str, torch.Tensor]], d_sae: int | None = None) -> None:
    """Look at every weight of an SAE or a model.

    Raises:
        ModelError: one is NaN or infinite; names the tensor, and the feature where a side of it is d_sae long.
    """
    for name, tensor in weights:
        if not tensor.is_floating_point() or torch.isfinite(tensor.sum()):
            continue
        wrong = (~torch.isfinite(tensor)).nonzero()
        if len(wrong):
            place = wrong[0].tolist()
            feature = [at for at, size in zip(place, tensor.shape, strict=True) if size == d_sae]
            value = float(tensor[tuple(place)])
            told = f"{value:g} at {name}{place}" + (f", feature {feature[0]}" if feature else "")
            raise ModelError(f"{of} cannot be used: {told}, and {len(wrong) - 1:,} more; get its weights anew")


def choose_device(name: str | None) -> str:
    """The device of that name, or CUDA if there is one, else the CPU.

    Raises:
        ModelError: there is no such device.
    """
    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"device '{name}' cannot be used: {str(error).splitlines()[0]}; try --device cpu") from error
    return name
