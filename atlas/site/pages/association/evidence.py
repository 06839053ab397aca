"""What speaks for an association's best feature and what against it, in sentences made of its numbers."""

from dataclasses import dataclass

from atlas.site.pages.contrast.evidence import STALE, UNLIKE
from atlas.site.pages.rows import Row
from ingest.statistics.groups import MIN_GROUPS

FIGURES = {
    "target": ("rho", "rho_confirmation", "rho_low", "rho_high"),
    "classes": ("epsilon_squared", "auroc_confirmed", "auroc_low", "auroc_high"),
}
"""Of each kind: the effect over all documents, and what judges it on the other half, with its interval."""
CHANCE = 0.5
"""The AUROC of a class where there is nothing."""


@dataclass(frozen=True)
class Evidence:
    """The numbers of an association on one SAE that a verdict rests on."""

    association: Row
    best: Row | None

    @property
    def what(self) -> str:
        """What the documents bear."""
        return str(self.association["field"] or "the class")

    def judged(self) -> tuple[float, float, float] | None:
        """What judges the best feature on the confirmation half, with its interval."""
        best = self.best
        if best is None:
            return None
        value, low, high = (best[name] for name in FIGURES[self.association["kind"]][1:])
        return None if value is None or low is None else (value, low, high)

    def confirmed(self) -> bool | None:
        """Whether the interval lies on the side of chance that the discovery half says; None where it is not known."""
        judged = self.judged()
        if judged is None or self.best is None:
            return None
        if self.association["kind"] == "target":
            return bool(self.best["confirmed"])
        _, low, _ = judged
        return low > CHANCE


def speaks_for(evidence: Evidence) -> list[str]:
    """Sentences that support the best feature; none of figures that are to be computed again."""
    said, best, association = list[str](), evidence.best, evidence.association
    if association["stale"]:
        return said
    if association["at_q"]:
        features = "feature goes" if association["at_q"] == 1 else "features go"
        said.append(
            f"{association['at_q']:,} {features} with {evidence.what} at a false-discovery rate of 5 %, of "
            f"{association['features_tested']:,} that fire often enough to be tested."
        )
    if best is not None and best["p"] <= UNLIKE:
        said.append(f"Feature {best['feature']} is the first: {_effect(evidence, best)}, p {best['p']:.2g}.")
    judged = evidence.judged()
    if judged is not None and evidence.confirmed():
        said.append(f"On the confirmation half by itself its {_judge(evidence)} is {_interval(judged)}.")
    if best is not None and best["family_p"] is not None and best["family_p"] <= UNLIKE:
        said.append(
            f"Under shuffles any feature at all does as well with a chance of {best['family_p']:.2g} (family-wise p)."
        )
    return said


def speaks_against(evidence: Evidence) -> list[str]:
    """Sentences that caution, and say what is missing."""
    association, said = evidence.association, list[str]()
    if association["stale"]:
        said.append(STALE)
    elif not association["at_q"]:
        said.append(f"No feature goes with {evidence.what} at a false-discovery rate of 5 %.")
    return [*said, *_unconfirmed(evidence), *_groups(evidence), *_length(evidence), *_left_out(evidence)]


def _unconfirmed(evidence: Evidence) -> list[str]:
    """Why the best feature is not believed on the other half."""
    judged, best = evidence.judged(), evidence.best
    if best is None or not enough_groups(evidence.association):
        return []
    if judged is None:
        return [f"Feature {best['feature']} fires in too few groups of the confirmation half to be judged on it."]
    if evidence.confirmed():
        return []
    return [
        f"On the confirmation half the {_judge(evidence)} of feature {best['feature']} is {_interval(judged)}: "
        "that may be chance, or the other way round."
    ]


def enough_groups(association: Row) -> bool:
    """Whether each half has enough groups to choose on, or to judge by."""
    return all(association[f"groups_{half}"] >= MIN_GROUPS for half in ("discovery", "confirmation"))


def _groups(evidence: Evidence) -> list[str]:
    association, said = evidence.association, []
    if not enough_groups(association):
        whose = "" if association["kind"] == "target" else " of a class"
        said.append(
            f"Fewer than {MIN_GROUPS} groups{whose} are in a half: nothing is chosen on one and judged on the other."
        )
    if association["groups_mixed"]:
        said.append(
            f"Documents of {association['groups_mixed']:,} groups differ in {evidence.what}: they exchange it within "
            "their group only, and what these groups differ in as a whole counts for nothing in p."
        )
    return said


def _length(evidence: Evidence) -> list[str]:
    """A maximum grows with length."""
    association = evidence.association
    if association["length_p"] > UNLIKE:
        return []
    effect = {"target": "rho", "classes": "epsilon squared"}[association["kind"]]
    return [
        f"Length itself goes with {evidence.what} ({effect} {association['length_effect']:.2g}, p "
        f"{association['length_p']:.2g}), and an activation's maximum grows with length."
    ]


def _left_out(evidence: Evidence) -> list[str]:
    left, field = evidence.association["documents_without"], evidence.association["field"]
    return [f"{left:,} documents are left out, since they have no {field}."] if left else []


def _effect(evidence: Evidence, best: Row) -> str:
    value = best[FIGURES[evidence.association["kind"]][0]]
    if evidence.association["kind"] == "classes":
        of = "" if best["best_class"] is None else f", most of all {best['best_class']} from the others"
        return f"it tells the classes apart{of} (epsilon squared {value:.3f}, where 1 is the most)"
    way = "more" if value > 0 else "less"
    return f"the higher {evidence.what}, the {way} it fires (rank correlation {value:.3f})"


def _judge(evidence: Evidence) -> str:
    if evidence.association["kind"] == "target":
        return "rank correlation"
    best = evidence.best
    return "AUROC" if best is None or best["best_class"] is None else f"AUROC of {best['best_class']}"


def _interval(judged: tuple[float, float, float]) -> str:
    value, low, high = judged
    return f"{value:.3f} ({low:.3f} to {high:.3f} with 95 % confidence)"
