"""Faults 5 and 10: what the filter of prompts tests, and which tokens it looks at."""

from collections.abc import Collection, Sequence

from ingest.reproduction.faults import Fault, Figure, fault_share, study_fault_untold
from ingest.reproduction.filtered import Filtered

TOP = 3


def prompts_passed_by_chance(chances: tuple[Sequence[float], Sequence[float]], kept: Sequence[bool]) -> Fault:
    """Fault 5: how many prompts pass by three tokens drawn at random; chances of the prompts, and of the controls."""
    if not chances[0]:
        return study_fault_untold(5, "the notebook has no list of prompts to filter")
    expected = [float(sum(side)) for side in chances]
    sizes = [len(side) for side in chances]
    figures: dict[str, Figure] = {"prompts": sizes[0], "expected": expected[0]}
    figures |= {"controls": sizes[1], "expected_controls": expected[1], "kept": sum(kept) if kept else None}
    ran = f"; as it ran here it keeps {fault_share(sum(kept), len(kept))}" if kept else ""
    told = (
        f"any three tokens of a prompt pass its test in {expected[0]:.1f} of {sizes[0]:,} prompts, and in "
        f"{expected[1]:.1f} of {sizes[1]:,} controls, which name no pathology{ran}"
    )
    return Fault(5, expected[1] > sizes[1] / 2, told, figures)


def fault_of_unread_tokens(
    found: Sequence[tuple[str, Filtered]], kept_in_print: Collection[str], why_not: str
) -> Fault:
    """Fault 10: how far the tokens looked at are those with the largest values; `why_not` where it was not run."""
    if not found:
        return study_fault_untold(10, why_not)
    runs = [run for _, run in found]
    read, top = sum(run.saw_the_top for run in runs), sum(len(run.top_tokens) for run in runs)
    chance = sum(len(run.looked_at) * len(run.top_tokens) / run.tokens for run in runs)
    kept, meant = sum(run.kept for run in runs), sum(run.names_first for run in runs)
    agree = sum(run.kept == (text in kept_in_print) for text, run in found)
    figures: dict[str, Figure] = {"prompts": len(runs), "top_tokens": top, "looked_at": read}
    figures |= {"looked_at_by_chance": chance, "kept": kept, "kept_as_meant": meant, "kept_as_printed": agree}
    told = (
        f"it looks at {fault_share(read, top)} tokens with the largest values, where chance alone gives {chance:.1f}; "
        f"it keeps {fault_share(kept, len(runs))} prompts, the rule it was meant to be {meant:,}, and {agree:,} end as "
        "in the study"
    )
    return Fault(10, 2 * read < top, told, figures)
