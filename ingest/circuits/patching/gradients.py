"""Attribution patching: what patching would give, to first order and for all sites at once.

The metric's gradient by a site's value, times how far the other prompt's value is from it.

Source: Nanda 2023, "Attribution patching: activation patching at industrial scale".
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import rankdata

from ingest.circuits.patching.metrics import Metric
from ingest.circuits.patching.patched_runs import PerSite, Side
from ingest.circuits.patching.sites import Site
from ingest.models.hooked import HookedModel
from ingest.models.patch import Splice
from ingest.models.sae import SAE


def estimate_effects(
    hooked: HookedModel, metric: Metric, saes: Sequence[SAE], sides: tuple[Side, Side], sites: Sequence[Site]
) -> PerSite:
    """The metric of the first side's run, for each site with the second one's value there, by gradients."""
    base, other = sides
    found = np.zeros(len(sites))
    names = sorted({site.hook_name for site in sites if site.feature is None})
    moved = _moved(hooked, metric, base, other, names) if names else {}
    for place, site in enumerate(sites):
        if site.feature is None:
            positions = slice(None) if site.position is None else site.position
            product = moved[site.hook_name][positions]  # (position, d), or (position, head, d_head)
            found[place] = float((product if site.head is None else product[..., site.head, :]).sum())
    for number, sae in enumerate(saes):
        own = [place for place, site in enumerate(sites) if site.sae == number]
        if own:
            product = _features_moved(hooked, metric, base, other, sae)
            found[own] = [float(product[sites[place].position, sites[place].feature]) for place in own]
    shown: PerSite = base.value + found
    return shown


def _moved(
    hooked: HookedModel, metric: Metric, base: Side, other: Side, names: Sequence[str]
) -> dict[str, torch.Tensor]:
    """Gradient times difference of every value, by hook point."""
    run = hooked.run(base.tokens, {*names, *metric.hook_names}, logits=not metric.hook_names, grad=True)
    values = [run.values[name] for name in names]
    gradients = torch.autograd.grad(metric.of(run).sum(), values, materialize_grads=True)  # 0 for what leads nowhere
    apart = [(other.values[name] - base.values[name])[0] for name in names]
    return {name: gradient[0] * far for name, gradient, far in zip(names, gradients, apart, strict=True)}


def _features_moved(
    hooked: HookedModel, metric: Metric, base: Side, other: Side, sae: SAE
) -> Float[torch.Tensor, "position d_sae"]:
    """Gradient times difference of every activation; the SAE's error stays."""
    run = hooked.run(base.tokens, metric.hook_names, splices=[Splice(sae)], logits=not metric.hook_names, grad=True)
    acts = run.features[sae.hook_name].feature_acts
    (gradient,) = torch.autograd.grad(metric.of(run).sum(), [acts], materialize_grads=True)
    with torch.no_grad():
        product: torch.Tensor = gradient[0] * (sae.encode(other.values[sae.hook_name]) - acts)[0]
    return product


def rank_correlation(one: PerSite, other: PerSite) -> float | None:
    """Spearman's; None where one of them does not vary."""
    ranks = [rankdata(values) for values in (one, other)]
    if not len(one) or min(float(np.ptp(rank)) for rank in ranks) == 0:
        return None
    return float(np.corrcoef(*ranks)[0, 1])
