"""Where models run."""

import torch

from schema.errors import ModelError


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
