"""The faults of the study, each with what the data say of it: pure functions on arrays and counts.

`counted`: what was averaged, compared and left unsaid; `named`: which SAE and feature a name or a list was of;
`prompts`: the filter of prompts. A fault whose data are missing is not told to be shown or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Figure = float | int | str | None

NAMES = {
    1: "Features are numbered from one",
    2: "Logit weights are another SAE's",
    3: "The label is another feature's",
    4: "Skewness lists are sorted by kurtosis",
    5: "The filter takes any word of the prompt for a pathology",
    6: "The BOS position is counted",
    7: "No uncertainty is given",
    8: "Controls differ in more than the topic",
    9: "High moments are taken for many meanings",
    10: "The filter does not look at the top tokens",
}
"""Each fault by its number, in a few words."""


@dataclass(frozen=True)
class Fault:
    """A fault, whether the data show it (None: nothing to tell it by), the sentence that says so, and its figures."""

    number: int
    shown: bool | None
    finding: str
    figures: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The fault in a few words."""
        return NAMES[self.number]


def study_fault_untold(number: int, why: str) -> Fault:
    """A fault that there is nothing to tell by."""
    return Fault(number, None, why)


def fault_share(count: int, total: int) -> str:
    """`3 of 40`."""
    return f"{count:,} of {total:,}"
