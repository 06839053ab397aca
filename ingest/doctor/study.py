"""What the study printed of two SAEs, and the same figures as a subject gives them.

prompts       texts in a list of the notebook
means         of features over the texts of a list: means over all positions, BOS counted: [feature, mean]
candidates    the features that the study's method prints of its two lists, in its order
moments       the ten features with the highest or the lowest of a moment of logit weights; those under skewness are
              sorted by kurtosis, as the study's are

The first three need the texts, which only the study's notebook has.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ingest.doctor.examined_model import Subject
from ingest.doctor.expected import PROMPTED, Expected, Published
from ingest.models.names import parse_sae_name
from ingest.reproduction.lists import CONTROL, POSITIVE, PROMPTS, Lists
from ingest.reproduction.means import STUDY_PROCESSING, PromptMeans, means_of_printed_lists
from ingest.reproduction.moments import Moments, study_moments
from ingest.reproduction.printed import LOADED, MEASURED, RELEASE, SIZES, printed_candidates, printed_lists
from schema.errors import ModelError

SOURCE = "study"
TOLERANCE, SHARE = 2e-4, 2e-3
"""How far means may be apart: they were printed with six digits, and computed in float32 on another device."""
NEAR_TIES = {"candidates": 2.0, "moments": 1.0}
"""How many features of a list may be others: the last of it and the first after it are nearly the same."""


def expected_with_printed_study(known: Published) -> Published:
    """What is known of a release, and what the study printed of it."""
    return known.with_entries([*known.entries, *_printed()]) if known.release == RELEASE else known


def expected_with_notebook(known: Published, lists: Lists | None) -> Published:
    """What is known, each entry that needs them with the prompts of a notebook; without these, if there is none."""
    if lists is None:
        return known.with_entries(entry for entry in known.entries if entry.kind not in PROMPTED)
    return known.with_entries(
        replace(entry, told={**entry.told, "texts": lists}) if entry.kind in PROMPTED else entry
        for entry in known.entries
    )


def _printed() -> list[Expected]:
    measured, loaded = (parse_sae_name(name).sae_id for name in (MEASURED, LOADED))
    candidates = printed_candidates(MEASURED)
    assert candidates is not None
    found = [_entry("prompts", measured, {"list": name, "count": count}) for name, count in SIZES.items()]
    for name, means in ((POSITIVE, candidates.positive), (CONTROL, candidates.control)):
        told = [[int(feature), float(mean)] for feature, mean in zip(candidates.feature, means, strict=True)]
        found.append(_entry("means", measured, {"list": name, "means": told}, TOLERANCE, SHARE))
    found.append(_listed("candidates", measured, [int(each) for each in candidates.feature]))
    for (heading, end), features in printed_lists(LOADED).items():
        found.append(_listed("moments", loaded, features, heading=heading, end=end))
    return found


def _listed(kind: str, sae_id: str, features: Sequence[int], **told: Any) -> Expected:
    return _entry(kind, sae_id, {**told, "features": features}, NEAR_TIES[kind])


def _entry(kind: str, sae_id: str, told: dict[str, Any], tolerance: float = 0.0, share: float = 0.0) -> Expected:
    return Expected(kind, SOURCE, sae_id, told, tolerance, share, STUDY_PROCESSING)


def examined_list_length(entry: Expected, subject: Subject) -> list[int]:
    """How many texts a list has."""
    return [len(_texts(entry))]


def examined_study_means(entry: Expected, subject: Subject) -> list[float]:
    """The means of features over the texts of a list."""
    of_list = _means(entry, subject).means(bos=subject.reading.bos_counted, positive=entry["list"] == POSITIVE)
    return [float(of_list[subject.feature(feature)]) for feature, _ in entry["means"]]


def examined_study_candidates(entry: Expected, subject: Subject) -> list[int]:
    """The features that the study's method prints."""
    found = _means(entry, subject).printed(bos=subject.reading.bos_counted)
    return [int(each) - subject.reading.shift for each in found]


def examined_study_moments(entry: Expected, subject: Subject) -> list[int]:
    """The features with the highest or the lowest of a moment, sorted as the study sorted them."""
    if "moments" not in subject.kept:
        subject.kept["moments"] = study_moments(subject.model, subject.reads)
    found: Moments | None = subject.kept["moments"]
    if found is None:
        raise ModelError(f"{subject.reads.name} reads where nothing is written: it has no logit weights")
    return [each - subject.reading.shift for each in found.by_the_study()[entry["heading"], entry["end"]]]


def _means(entry: Expected, subject: Subject) -> PromptMeans:
    if "means" not in subject.kept:
        lists: Lists = entry["texts"]
        d_sae = subject.reads.d_sae
        subject.kept["means"] = means_of_printed_lists(
            subject.positions(), subject.bos, d_sae, lists.sides, lambda done, total: None
        )
    found: PromptMeans = subject.kept["means"]
    return found


def _texts(entry: Expected) -> list[str]:
    lists: Lists = entry["texts"]
    return {POSITIVE: lists.positive, CONTROL: lists.control, PROMPTS: lists.prompts}[entry["list"]]
