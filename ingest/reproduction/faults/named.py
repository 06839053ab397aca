"""Faults 2, 3, 4 and 9: which SAE lists are of, which feature a label is of, and what high moments go with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr

from ingest.reproduction.faults import Fault, Figure, fault_share, study_fault_untold
from ingest.reproduction.moments import ENDS, LISTED, Moments, list_overlap
from ingest.reproduction.printed import PrintedLists

EXPECTED = {"token_entropy": 1, "document_entropy": 1, "top_token_share": -1, "f1": -1, "auroc": -1}
"""How each measure of meaning one thing would go with a moment, if high moments meant many meanings."""


@dataclass(frozen=True)
class Correlated:
    """A moment against a measure of meaning: the partial rank correlation, its ends NaN where they are not known."""

    moment: str
    evidence: str
    rho: float
    low: float
    high: float


def wrong_sae(names: tuple[str, str], measured: Moments, loaded: Moments, printed: PrintedLists) -> Fault:
    """Fault 2: whose lists the study's are; names are those of the SAE that was measured and of the one loaded."""
    of_loaded, of_measured = loaded.by_the_study(), measured.by_the_study()
    shared, entries = list_overlap(of_loaded, of_measured)
    figures: dict[str, Figure] = {"entries": entries, "shared": shared}
    if not printed:
        told = f"the six lists of {names[1]} share {fault_share(shared, entries)} entries with those of {names[0]}"
        return Fault(2, shared < entries, told, figures)
    hits, missed = (list_overlap(printed, found)[0] for found in (of_loaded, of_measured))
    figures |= {"printed_in_loaded": hits, "printed_in_measured": missed}
    told = (
        f"of {entries:,} printed entries the lists of {names[1]} have {hits:,}, those of {names[0]}, which was "
        f"measured, {missed:,}"
    )
    return Fault(2, hits > missed, told, figures)


def label_elsewhere(
    names: tuple[str, str],
    number: int,
    measured: Float[np.ndarray, "d_sae d_model"],
    loaded: Float[np.ndarray, "d_sae d_model"],
) -> Fault:
    """Fault 3: how near the feature whose page was opened is to the one measured, by what each writes to the stream."""
    if not 1 <= number < min(len(measured), len(loaded)):
        return study_fault_untold(3, f"{number} is no feature's number in both SAEs")
    direction = measured[number - 1]
    lengths = np.linalg.norm(loaded, axis=1) * np.linalg.norm(direction)
    cosine = loaded @ direction / np.where(lengths > 0, lengths, np.inf)
    nearest = int(cosine.argmax())
    figures = {"number": number, "cosine": float(cosine[number]), "nearest": nearest}
    figures["nearest_cosine"] = float(cosine[nearest])
    told = (
        f"the page opened for {number} is that of {names[1]}#{number}, at a cosine of {figures['cosine']:.3f} to "
        f"{names[0]}#{number - 1}, which was measured; nearest to this is {names[1]}#{nearest} at "
        f"{figures['nearest_cosine']:.3f}"
    )
    return Fault(3, nearest != number, told, figures)


def wrong_sort(loaded: Moments, printed: PrintedLists) -> Fault:
    """Fault 4: how the lists by kurtosis, printed under Skewness, share with those by skewness."""
    shared = {end: set(loaded.extreme("kurtosis", end)) & set(loaded.extreme("skewness", end)) for end in ENDS}
    known = np.isfinite(loaded.skewness) & np.isfinite(loaded.kurtosis)
    rho = float(spearmanr(loaded.skewness[known], loaded.kurtosis[known]).statistic) if known.sum() > 2 else np.nan
    count, entries = sum(map(len, shared.values())), LISTED * len(ENDS)
    figures: dict[str, Figure] = {"shared": count, "entries": entries}
    figures["rho"] = rho if np.isfinite(rho) else None
    twice = ""
    if printed:
        same = sum(printed["skewness", end] == printed["kurtosis", end] for end in ENDS)
        figures["printed_twice"] = same
        twice = f"{fault_share(same, len(ENDS))} lists printed under Skewness are those under Kurtosis; "
    told = (
        f"{twice}the ten highest and the ten lowest by kurtosis hold {fault_share(count, entries)} of those by skewness"
        + ("" if figures["rho"] is None else f" (rank correlation of the two {rho:.2f})")
    )
    return Fault(4, count < entries, told, figures)


def moments_hypothesis(rows: Sequence[Correlated]) -> Fault:
    """Fault 9: for how many of the correlations the hypothesis holds, that high moments mean many meanings."""
    known = [row for row in rows if np.isfinite(row.low)]
    if not known:
        return study_fault_untold(9, "too few features fire to correlate moments with what they mean")
    as_said = sum(_side(row) == EXPECTED[row.evidence] for row in known)
    against = sum(_side(row) == -EXPECTED[row.evidence] for row in known)
    open_ = len(known) - as_said - against
    most = max(known, key=lambda row: abs(row.rho))
    figures: dict[str, Figure] = {"correlations": len(known), "as_said": as_said, "against": against}
    figures |= {"not_told_from_none": open_, "largest_rho": most.rho}
    told = (
        f"of {len(known)} rank correlations of a moment with how many things a feature means, frequency held fixed, "
        f"{as_said} are as the study says, {against} the other way, {open_} not told from none; the largest is "
        f"{most.rho:.2f} ({most.low:.2f} to {most.high:.2f}), {most.moment} with {most.evidence}"
    )
    return Fault(9, as_said < len(known), told, figures)


def _side(row: Correlated) -> int:
    """1 where the interval is above 0, -1 where it is below, 0 where it holds 0."""
    return int(row.low > 0) - int(row.high < 0)
