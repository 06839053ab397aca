"""Patching: a value of one run in the place of another's, one site at a time, and what becomes of a metric.

Every site of a block is a row of one batch that is taken up at that block.

Source: Zhang & Nanda 2024, "Towards best practices of activation patching in language models".
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from ingest.circuits.patching.metrics import Metric
from ingest.circuits.patching.sites import Site
from ingest.models.hook_points import RESID_PRE, hook_at
from ingest.models.hooked import HookedModel
from ingest.models.patch import Patch
from ingest.models.sae import SAE

TOKENS_AT_ONCE = 4096
"""Rows times positions of one pass."""
DECODED_AT_ONCE = 256

Values = Mapping[str, torch.Tensor]
PerSite = Float[np.ndarray, " site"]


@dataclass(frozen=True)
class Side:
    """One of two prompts as the model runs it, BOS first.

    Shapes: tokens (1, position); values by hook point, each of one row; value, the metric.
    """

    tokens: Int[torch.Tensor, "1 position"]
    values: Values
    value: float


@dataclass(frozen=True)
class Patcher:
    """A model, what is read of it, and the SAEs whose features are exchanged beside the model's own values."""

    hooked: HookedModel
    metric: Metric
    saes: Sequence[SAE] = ()
    tokens_at_once: int = TOKENS_AT_ONCE

    @torch.no_grad()
    def side(self, tokens: Int[torch.Tensor, " position"], hook_names: Sequence[str]) -> Side:
        """A prompt with its values; those of the stream before each block are always among them."""
        names = {*hook_names, *(sae.hook_name for sae in self.saes), *self.metric.hook_names}
        names |= {hook_at(_layer(name), RESID_PRE) for name in names}
        run = self.hooked.run(tokens[None], names, logits=not self.metric.hook_names)
        return Side(tokens[None], run.values, float(self.metric.of(run)[0]))

    @torch.no_grad()
    def feature_sites(self, one: Side, other: Side, first: int) -> list[Site]:
        """The features whose activations differ, at each position from `first` on."""
        found = []
        for place, sae in enumerate(self.saes):
            acts = [sae.encode(side.values[sae.hook_name][0]) for side in (one, other)]
            differing = (acts[0] != acts[1]).nonzero().tolist()
            found += [Site(sae.hook_name, p, None, place, feature) for p, feature in differing if p >= first]
        return found

    @torch.no_grad()
    def patched(self, base: Side, other: Side, sites: Sequence[Site]) -> PerSite:
        """The metric of the base's run, for each site with the other's value there."""
        found = np.empty(len(sites))
        for layer, chosen in self._batches(sites, base.tokens.shape[1]):
            patches = [*self._patches(base, other, [sites[place] for place in chosen])]
            resid = base.values[hook_at(layer, RESID_PRE)].expand(len(chosen), -1, -1)
            run = self.hooked.resume(
                resid,
                layer,
                self.metric.hook_names,
                patches,
                tokens=base.tokens.expand(len(chosen), -1),
                logits=not self.metric.hook_names,
            )
            found[chosen] = self.metric.of(run).double().cpu().numpy()
        return found

    def _batches(self, sites: Sequence[Site], positions: int) -> Iterator[tuple[int, list[int]]]:
        """Places of sites of one block, as many as are run at once."""
        of_layer: dict[int, list[int]] = defaultdict(list)
        for place, site in enumerate(sites):
            of_layer[site.layer].append(place)
        rows = max(self.tokens_at_once // positions, 1)
        for layer, places in sorted(of_layer.items()):
            for first in range(0, len(places), rows):
                yield layer, places[first : first + rows]

    def _patches(self, base: Side, other: Side, sites: Sequence[Site]) -> Iterator[Patch]:
        """A patch for the sites that are indexed alike; row i is that of site i."""
        alike: dict[tuple[str, bool, bool, int | None], list[int]] = defaultdict(list)
        for row, site in enumerate(sites):
            alike[site.hook_name, site.position is None, site.head is None, site.sae].append(row)
        for (name, everywhere, headless, sae), rows in alike.items():
            chosen = [sites[row] for row in rows]
            positions = None if everywhere else [int(site.position or 0) for site in chosen]
            heads = None if headless else [int(site.head or 0) for site in chosen]
            if sae is not None:
                yield Patch.add(name, _deltas(self.saes[sae], base, other, chosen), rows=rows, positions=positions)
                continue
            values = other.values[name][0]  # (position, d), or (position, head, d_head)
            if heads is not None:
                values = values[:, heads].transpose(0, 1) if everywhere else values[positions, heads]
            elif not everywhere:
                values = values[positions]
            yield Patch.replace(name, values, rows=rows, positions=positions, heads=heads)


def _layer(hook_name: str) -> int:
    return Site(hook_name, None).layer


def _deltas(sae: SAE, base: Side, other: Side, sites: Sequence[Site]) -> Float[torch.Tensor, "site d_in"]:
    """What each feature's other activation adds to what its SAE reads; the SAE's error stays as it is."""
    x, theirs = base.values[sae.hook_name][0], other.values[sae.hook_name][0]
    acts, changed_to, found = sae.encode(x), sae.encode(theirs), []
    for first in range(0, len(sites), DECODED_AT_ONCE):
        part = sites[first : first + DECODED_AT_ONCE]
        positions, features = [site.position for site in part], [site.feature for site in part]
        own = acts[positions]
        changed = own.clone()
        changed[torch.arange(len(part)), features] = changed_to[positions, features]
        found.append(sae.decode(changed, x[positions]) - sae.decode(own, x[positions]))
    return torch.cat(found)


def normalised_effects(values: PerSite, clean: float, corrupted: float, least: float) -> Float[np.ndarray, " site"]:
    """Values on a scale where the corrupted prompt is 0 and the clean one 1; NaN where they are no further apart."""
    if abs(clean - corrupted) < least:
        return np.full(len(values), np.nan)
    scaled: Float[np.ndarray, " site"] = (values - corrupted) / (clean - corrupted)
    return scaled
