"""Hook points: the places in a model whose values can be read and patched, by TransformerLens' names."""

import re
from collections.abc import Iterable

from schema.errors import ModelError

HOOK_NAME = re.compile(r"blocks\.(\d+)\.([\w.]+)")

RESID_PRE, RESID_MID, RESID_POST = "hook_resid_pre", "hook_resid_mid", "hook_resid_post"
ATTN_OUT, MLP_OUT = "hook_attn_out", "hook_mlp_out"
Z, PATTERN = "attn.hook_z", "attn.hook_pattern"


def hook_layer(hook_name: str) -> int:
    """The block that a hook name speaks of.

    Raises:
        ModelError: it names no block.
    """
    return _parts(hook_name)[0]


def hook_kind(hook_name: str) -> str:
    """What stands after the block: `hook_resid_pre`, `attn.hook_z`.

    Raises:
        ModelError: it names no block.
    """
    return _parts(hook_name)[1]


def hook_at(layer: int, kind: str) -> str:
    """The hook point of that kind in a block."""
    return f"blocks.{layer}.{kind}"


def layers_of_hook_points(hook_names: Iterable[str], kind: str) -> frozenset[int]:
    """The blocks whose hook point of that kind is named."""
    return frozenset(hook_layer(name) for name in hook_names if hook_kind(name) == kind)


def _parts(hook_name: str) -> tuple[int, str]:
    match = HOOK_NAME.fullmatch(hook_name)
    if match is None:
        raise ModelError(f"hook '{hook_name}' is in no block; an atlas reads hooks such as blocks.8.hook_resid_pre")
    return int(match.group(1)), match.group(2)
