"""Where values of two runs are exchanged: the stream, what attention and MLPs add to it, heads, features of an SAE.

A site is at one position, or at every one. Positions before the first token that differs are left out: a causal model
has the same there.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ingest.models.gpt2 import HOOK_POINTS
from ingest.models.hook_points import ATTN_OUT, MLP_OUT, RESID_POST, RESID_PRE, Z, hook_at, hook_kind, hook_layer

KINDS = (RESID_PRE, Z, ATTN_OUT, MLP_OUT)
"""Hook points of a block whose values are exchanged."""
OF_ATTENTION = frozenset({Z, ATTN_OUT})
OF_MLP = frozenset({MLP_OUT, "mlp.hook_pre", "mlp.hook_post", "mlp.hook_in", "ln2.hook_normalized"})


class Site(NamedTuple):
    """A place in the model; `sae` is a place among the SAEs whose features are exchanged, NULL elsewhere."""

    hook_name: str
    position: int | None
    head: int | None = None
    sae: int | None = None
    feature: int | None = None

    @property
    def layer(self) -> int:
        """Its block."""
        return hook_layer(self.hook_name)


def patching_sites_before(last: str | None, n_layers: int, *, parallel: bool = False) -> list[str]:
    """The hook points that lead to one, itself last, in the model's order; without one, those that lead to logits.

    In a parallel block the MLP does not read what attention adds.
    """
    if last is None:
        last = hook_at(n_layers - 1, RESID_POST)
    names = [hook_at(layer, kind) for layer in range(hook_layer(last) + 1) for kind in KINDS]
    found = [name for name in names if is_patching_site_before(name, last, parallel=parallel)]
    return [*found, last]


def is_patching_site_before(hook_name: str, other: str | None, *, parallel: bool = False) -> bool:
    """Whether a hook point is before another one; without one, before the logits."""
    if other is None:
        return True
    beside = parallel and hook_layer(hook_name) == hook_layer(other) and hook_kind(other) in OF_MLP
    return patching_site_place(hook_name) < patching_site_place(other) and not (
        beside and hook_kind(hook_name) in OF_ATTENTION
    )


def hook_sites(hook_names: Sequence[str], positions: range, n_heads: int) -> Iterator[Site]:
    """Every hook point at each position and at every position; heads one by one."""
    for name in hook_names:
        heads: Sequence[int | None] = range(n_heads) if hook_kind(name) == Z else (None,)
        for head in heads:
            yield Site(name, None, head)
            for position in positions:
                yield Site(name, position, head)


def patching_site_place(hook_name: str) -> tuple[int, int]:
    """What hook points are ordered by, as the model runs."""
    kind = hook_kind(hook_name)
    return hook_layer(hook_name), HOOK_POINTS.index(kind) if kind in HOOK_POINTS else len(HOOK_POINTS)
