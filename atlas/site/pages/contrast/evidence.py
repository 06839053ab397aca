"""What speaks for a contrast's best features and what against them, in sentences made of its numbers."""

from dataclasses import dataclass

from atlas.site.pages.contrast.null import Null
from atlas.site.pages.rows import Row
from ingest.statistics.groups import MIN_GROUPS

STALE = "It is to be computed again, since its documents or the rules have changed: the next ingest does so."
FEW_DOCUMENTS = 30
MANY_ON_ONE_TOKEN = 0.5
UNLIKE = 0.05


@dataclass(frozen=True)
class Evidence:
    """The numbers of a contrast on one SAE that a verdict rests on."""

    contrast: Row
    names: tuple[str, str]
    found: Row
    survivors: Row
    best: Row | None
    weakest: Row | None
    null: Null | None


def speaks_for(evidence: Evidence) -> list[str]:
    """Sentences that support the candidates."""
    said = [_found(evidence)] if evidence.found["favour_positive"] else []
    best = evidence.best
    if best is not None and best["auroc"] > 0.5:
        said.append(
            f"Feature {best['feature']} is the first candidate: a {evidence.names[0]} document outranks a "
            f"{evidence.names[1]} one in {_percent(best['auroc'])} of all pairs, ties counting half."
        )
        if best["auroc_low"] is not None and best["auroc_low"] > 0.5:
            said.append(
                f"On the confirmation half of the documents by itself that is "
                f"{_percent(best['auroc_confirmation'])} ({_percent(best['auroc_low'])} to "
                f"{_percent(best['auroc_high'])} with 95 % confidence)."
            )
        if best["matched_q"] is not None and best["matched_q"] <= 0.05 and best["matched_share"] > 0.5:
            said.append(
                f"It also holds within pairs of documents that share a sentence template: "
                f"{_percent(best['matched_share'])}, q {best['matched_q']:.2g}."
            )
    null = evidence.null
    if null is not None and not (null.shuffled >= null.found).any():
        said.append(
            f"None of {len(null.shuffled):,} shuffles of the labels gives any feature an AUROC of "
            f"{null.found:.3f}; the luckiest reaches {null.shuffled.max():.3f}."
        )
    return said


def speaks_against(evidence: Evidence) -> list[str]:
    """Sentences that caution, and say what is missing."""
    said = [*_against_the_best(evidence), *_missing(evidence)]
    if evidence.contrast["stale"]:
        said.insert(0, STALE)
    else:
        said = [*_called(evidence), *_against_the_print(evidence), *said]
    null = evidence.null
    if null is not None and (reached := int((null.shuffled >= null.found).sum())):
        said.append(
            f"{reached:,} of {len(null.shuffled):,} shuffles of the labels do as well as the feature of the largest "
            "AUROC."
        )
    smaller = min(evidence.contrast["documents_positive"], evidence.contrast["documents_control"])
    if smaller < FEW_DOCUMENTS:
        said.append(f"One side has {smaller} documents only; an interval from so few is wide.")
    return said


def _found(evidence: Evidence) -> str:
    number, tested = evidence.found["favour_positive"], evidence.contrast["features_tested"]
    features = "feature favours" if number == 1 else "features favour"
    return (
        f"{number:,} {features} the {evidence.names[0]} documents at a false-discovery rate of 5 %, of {tested:,} "
        f"that fire often enough to be tested."
    )


def _called(evidence: Evidence) -> list[str]:
    if evidence.found["favour_positive"]:
        return []
    return ["No feature favours the positive documents at a false-discovery rate of 5 %."]


def _against_the_print(evidence: Evidence) -> list[str]:
    printed, kept = evidence.survivors["printed"] or 0, evidence.survivors["printed_at_q"] or 0
    if kept >= printed:
        return []
    return [
        f"Of the {printed} features that the study's method prints, {printed - kept} do not survive a correction for "
        f"testing {evidence.contrast['features_tested']:,}."
    ]


def _against_the_best(evidence: Evidence) -> list[str]:
    best, said = evidence.best, []
    if best is None:
        return []
    share = best["top_token_share"]
    if share is not None and share > MANY_ON_ONE_TOKEN:
        token = f" ({best['top_tokens'][0].strip()!r})" if best["top_tokens"] else ""
        said.append(
            f"{_percent(share)} of the tokens on which feature {best['feature']} fires are one token{token}: "
            f"it may stand for a word rather than for the concept."
        )
    weakest = evidence.weakest
    if weakest is not None and weakest["fires"]:
        compared = "windows" if evidence.contrast["unit"] == "window" else "documents"
        said.append(
            f"Feature {best['feature']} is weakest against {weakest['domain']} (AUROC {weakest['auroc']:.3f}, "
            f"firing in {weakest['fires']} of {weakest['documents']} {compared})."
        )
    if best["auroc_low"] is not None and best["auroc_low"] <= 0.5:
        said.append(
            f"On the confirmation half its AUROC could be as low as {best['auroc_low']:.3f}: that is chance or worse."
        )
    return said


def _missing(evidence: Evidence) -> list[str]:
    contrast, said = evidence.contrast, []
    if not contrast["pairs"]:
        said.append(
            "No document of one side shares a sentence template with one of the other, so the sides may differ in "
            "length, syntax or punctuation as well."
        )
    if evidence.null is None and not contrast["stale"]:
        said.append(
            f"What chance alone would find is not computed; do that with: "
            f"atlas contrast ATLAS {contrast['name']} ... --null 200"
        )
    return [*said, *_unjudged(evidence), *_unlike_lengths(evidence)]


def enough_groups(contrast: Row) -> bool:
    """Whether each half has enough groups of both sides to choose on, or to judge by."""
    return not _few_groups(contrast)


def _few_groups(contrast: Row) -> list[str]:
    groups = [(contrast[f"groups_{side}"], side) for side in ("positive", "control")]
    return [f"the {side} documents are of {number}" for number, side in groups if number and number < 2 * MIN_GROUPS]


def _unjudged(evidence: Evidence) -> list[str]:
    """Why nothing is judged on the other half."""
    few = _few_groups(evidence.contrast)
    if few:
        return [
            f"Of the groups (books, laws, patients, templates) that count as independent, {' and '.join(few)}: with "
            f"fewer than {MIN_GROUPS} in a half nothing is chosen on one and judged on the other."
        ]
    if evidence.best is not None and evidence.best["auroc_low"] is None:
        return ["The first candidate fires in too few groups of the half kept for confirmation to be judged on it."]
    return []


def _unlike_lengths(evidence: Evidence) -> list[str]:
    """A maximum grows with length."""
    p, best = evidence.contrast["length_p"], evidence.best
    if p is None or p > UNLIKE:
        return []
    medians = [evidence.contrast[f"length_{side}_median"] for side in ("positive", "control")]
    said = (
        f"The sides differ in length (median {medians[0]:.3g} tokens against {medians[1]:.3g}, p {p:.2g}), and an "
        "activation's maximum grows with length"
    )
    if best is None or best["auroc_length"] is None:
        return [f"{said}."]
    alike = f"among documents of like length feature {best['feature']} has an AUROC of {best['auroc_length']:.3f}"
    return [f"{said}: {alike}."]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
