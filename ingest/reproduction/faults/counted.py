"""Faults 1, 6, 7 and 8: how features are numbered, what is averaged, what is left unsaid, what controls differ in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ingest.reproduction.faults import Fault, Figure, fault_share, study_fault_untold
from ingest.reproduction.means import PromptMeans
from ingest.reproduction.printed import Printed
from ingest.statistics.fisher import fisher_exact

SMALL_P = 0.05
MARKS = {
    "brackets": re.compile(r"[()\[\]{}]"),
    "digits": re.compile(r"\d"),
    "acronyms": re.compile(r"\b[A-Z]{2,}\b"),
    "lists": re.compile(r",.*,|;|:"),
}
"""What a prompt may hold besides its topic: each a pattern."""


@dataclass(frozen=True)
class Survival:
    """Of the features that the study's method prints, how many each correction leaves, and what both halves say.

    found: features at q; discovery_printed: what the method prints of one half alone, discovery_confirmed: how many of
    them the other half bears out. None where nothing tells it.
    """

    printed: int
    at_q: int
    family_wise: int | None
    matched: int | None
    found: int
    discovery_printed: int
    discovery_confirmed: int | None


def one_based(means: PromptMeans, printed: Printed | None) -> Fault:
    """Fault 1: which feature a printed number fits, the one below it or the one of that index."""
    difference = means.difference()
    if printed is None:
        feature = means.printed()
        following = np.minimum(feature + 1, len(difference) - 1)
        also = len(np.intersect1d(feature, following))
        figures = {"rows": len(feature), "also_listed": also, "mean_difference": float(difference[feature].mean())}
        figures["mean_difference_of_number"] = float(difference[following].mean())
        told = (
            f"numbered from one, {len(feature):,} features are listed by the index of their neighbour: these differ by "
            f"{figures['mean_difference_of_number']:.4g} on average, not {figures['mean_difference']:.4g}, and "
            f"{fault_share(also, len(feature))} are in the list themselves"
        )
        return (
            Fault(1, also < len(feature), told, figures) if len(feature) else study_fault_untold(1, "nothing is listed")
        )
    inside = printed.number < len(difference)
    below, at = (np.abs(difference[index[inside]] - printed.difference[inside]) for index in _readings(printed))
    nearer = int((below < at).sum())
    figures = {"rows": len(printed), "fit_below": nearer, "deviation_below": float(below.max(initial=0.0))}
    figures["deviation_at"] = float(at.max(initial=0.0))
    told = (
        f"{fault_share(nearer, len(printed))} printed differences fit the feature below the printed number better than "
        f"that of the number: off by {figures['deviation_below']:.4g} at most, against {figures['deviation_at']:.4g}"
    )
    return Fault(1, 2 * nearer > len(printed), told, figures)


def _readings(printed: Printed) -> tuple[np.ndarray, np.ndarray]:
    return printed.feature, printed.number


def bos_counted(means: PromptMeans) -> Fault:
    """Fault 6: what of the list stays where BOS is left out."""
    with_bos, without = means.printed(), means.printed(bos=False)
    stays = len(np.intersect1d(with_bos, without))
    moved = np.abs(means.difference() - means.difference(bos=False))
    figures = {"printed": len(with_bos), "stay": stays, "largest_move": float(moved.max(initial=0.0))}
    figures["feature_moved"] = int(moved.argmax())
    told = (
        f"{fault_share(stays, len(with_bos))} features that are printed with BOS counted are printed without it; the "
        f"difference of feature {figures['feature_moved']} moves most, by {figures['largest_move']:.4g}"
    )
    return Fault(6, stays < len(with_bos), told, figures)


def no_uncertainty(survival: Survival, shuffled: tuple[np.ndarray, np.ndarray], largest: float) -> Fault:
    """Fault 7: what is left under corrections, and what the method prints where lists are exchanged by chance."""
    counts, differences = shuffled
    figures = {name: getattr(survival, name) for name in ("printed", "at_q", "family_wise", "found")}
    figures |= {"discovery_printed": survival.discovery_printed, "discovery_confirmed": survival.discovery_confirmed}
    figures |= {"printed_by_chance": float(np.median(counts)), "largest": largest}
    figures["largest_by_chance"] = float(np.quantile(differences, 0.95))
    half = survival.discovery_printed, survival.discovery_confirmed
    family = "" if survival.family_wise is None else f" and {survival.family_wise:,} of them for all features at once"
    confirmed = (
        "no half is large enough to confirm the other"
        if half[1] is None
        else f"of {half[0]:,} printed of one half the other confirms {half[1]:,}"
    )
    told = (
        f"{fault_share(survival.at_q, survival.printed)} printed features are told from chance (q){family}; {confirmed}"
        f"; with prompts exchanged between the lists the method prints {figures['printed_by_chance']:.4g} features, of "
        f"differences up to {figures['largest_by_chance']:.4g} (measured: {largest:.4g})"
    )
    return Fault(7, bool(np.median(counts) > 0), told, figures)


def unmatched_lists(
    lists: tuple[Sequence[str], Sequence[str]], lengths: tuple[float, float, float], survival: Survival
) -> Fault:
    """Fault 8: in what else the lists differ; lengths are both medians in tokens, and p that both are alike."""
    counts = {name: [sum(bool(mark.search(text)) for text in texts) for texts in lists] for name, mark in MARKS.items()}
    sizes = len(lists[0]), len(lists[1])
    p = {name: float(fisher_exact(np.array(n[:1]), np.array(n[1:]), sizes)[0]) for name, n in counts.items()}
    median_positive, median_control, length_p = lengths
    apart = [name for name, value in p.items() if value <= SMALL_P]
    figures: dict[str, Figure] = {"median_positive": median_positive, "median_control": median_control}
    figures |= {"length_p": length_p, "matched": survival.matched, "printed": survival.printed}
    for name, count in counts.items():
        figures |= {f"{name}_positive": count[0], f"{name}_control": count[1], f"{name}_p": p[name]}
    marks = ", ".join(f"{name} {counts[name][0]} and {counts[name][1]} (p {p[name]:.2g})" for name in MARKS)
    held = (
        ""
        if survival.matched is None
        else f"; on pairs of one template {fault_share(survival.matched, survival.printed)} printed features hold"
    )
    told = (
        f"medians of {median_positive:.4g} and {median_control:.4g} tokens (p {length_p:.2g} for the difference); of "
        f"{sizes[0]:,} and {sizes[1]:,} prompts these have {marks}{held}"
    )
    return Fault(8, bool(apart) or length_p <= SMALL_P, told, figures)
