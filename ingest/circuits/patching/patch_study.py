"""A pair of prompts patched both ways at every site: what is stored of it."""

from dataclasses import dataclass

import numpy as np

from ingest.circuits.patching.gradients import estimate_effects, rank_correlation
from ingest.circuits.patching.metrics import Metric
from ingest.circuits.patching.patched_runs import Patcher, PerSite, Side, normalised_effects
from ingest.circuits.patching.prompt_pairs import PromptPair
from ingest.circuits.patching.sites import Site, hook_sites, is_patching_site_before, patching_sites_before
from ingest.circuits.tracer import Tracer


@dataclass(frozen=True)
class OneWay:
    """What each site does in one direction.

    Shapes: values, effects, estimates (site,); agreement, the rank correlation of values and estimates at single sites.
    """

    values: PerSite
    effects: PerSite
    estimates: PerSite
    agreement: float | None


@dataclass(frozen=True)
class PatchedPair:
    """Denoised: clean values in the corrupted run; noised: corrupted values in the clean run.

    A site's SAE is its place among those of the tracer.
    """

    pair: PromptPair
    metric: Metric
    sites: list[Site]
    clean_value: float
    corrupted_value: float
    least_difference: float
    denoised: OneWay
    noised: OneWay


def patch_pair(tracer: Tracer, metric: Metric, pair: PromptPair, least_difference: float) -> PatchedPair:
    """Exchange the values of a pair at every site that leads to the metric."""
    last = metric.hook_names[0] if metric.hook_names else None
    names = patching_sites_before(last, tracer.hooked.n_layers, parallel=tracer.parallel)
    places = [
        place
        for place, sae in enumerate(tracer.saes)
        if is_patching_site_before(sae.hook_name, last, parallel=tracer.parallel)
    ]
    saes = [tracer.saes[place] for place in places]
    patcher = Patcher(tracer.hooked, metric, saes)
    clean, corrupted = (patcher.side(tracer.tokens(prompt), names) for prompt in (pair.clean, pair.corrupted))
    first = tracer.tokenization.first_position + pair.first_difference
    sites = list(hook_sites(names, range(first, metric.position + 1), tracer.n_heads))
    sites += patcher.feature_sites(clean, corrupted, first)
    single = np.array([site.position is not None for site in sites])

    def one_way(base: Side, other: Side) -> OneWay:
        values = patcher.patched(base, other, sites)
        estimates = estimate_effects(tracer.hooked, metric, saes, (base, other), sites)
        scaled = normalised_effects(values, clean.value, corrupted.value, least_difference)
        return OneWay(values, scaled, estimates, rank_correlation(values[single], estimates[single]))

    return PatchedPair(
        pair,
        metric,
        [site if site.sae is None else site._replace(sae=places[site.sae]) for site in sites],
        clean.value,
        corrupted.value,
        least_difference,
        one_way(corrupted, clean),
        one_way(clean, corrupted),
    )
