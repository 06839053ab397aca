"""The ten faults of a study that was run again, and what is said of it as a whole: from models, figures and rows."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ingest.models.circuit_weights import stream_directions
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.reproduction.evidence import Result, compare_lengths, reproduced_moment_correlations, survival_of_printed
from ingest.reproduction.faults import Fault, study_fault_untold
from ingest.reproduction.faults.counted import bos_counted, no_uncertainty, one_based, unmatched_lists
from ingest.reproduction.faults.named import label_elsewhere, moments_hypothesis, wrong_sae, wrong_sort
from ingest.reproduction.faults.prompts import fault_of_unread_tokens, prompts_passed_by_chance
from ingest.reproduction.filtered import Filtered, kept_by_chance
from ingest.reproduction.lists import Lists
from ingest.reproduction.means import PromptMeans, prompt_means, shuffled_lists
from ingest.reproduction.moments import Moments, study_moments
from ingest.reproduction.printed import MEASURED, NUMBER, Printed, printed_lists
from schema.methods import method_revision
from schema.store import Atlas


@dataclass(frozen=True)
class Subject:
    """What is reproduced: the lists, the model and its two SAEs, and under which keys the atlas has their contrasts.

    sae is the one whose activations the study compared, other the one that it loaded in its place.
    """

    lists: Lists
    model: LanguageModel
    sae: SAE
    other: SAE
    result: Result
    other_key: int
    matched: int | None
    printed: Printed | None

    @property
    def names(self) -> tuple[str, str]:
        """How the two SAEs are spelled."""
        return str(self.sae.name), str(self.other.name)


@dataclass(frozen=True)
class Computed:
    """What the study's method gives, under its processing of the model: means, and moments of either SAE."""

    means: PromptMeans
    moments: tuple[Moments | None, Moments | None]


def compute_findings(studied: LanguageModel, subject: Subject, told: Callable[[int, int], None]) -> Computed:
    """Run the study's method on its model."""
    means = prompt_means(studied, subject.sae, subject.lists.sides, told)
    return Computed(means, (study_moments(studied, subject.sae), study_moments(studied, subject.other)))


def reproduced_printed_number(subject: Subject, means: PromptMeans, asked: int | None) -> int:
    """The printed number that is read in four ways: the one asked for, the study's own, or the first of the list."""
    if asked is not None or subject.names[0] == MEASURED:
        return asked or NUMBER
    feature = means.printed() if subject.printed is None else subject.printed.feature
    return int(feature[0]) + 1 if len(feature) else 1


def faults_of(
    atlas: Atlas, subject: Subject, found: Computed, number: int, filtered: tuple[list[tuple[str, Filtered]], str]
) -> list[Fault]:
    """Each fault, by its number; `filtered` is what the filter made of prompts, and why of none."""
    lists, means, result = subject.lists, found.means, subject.result
    left = survival_of_printed(atlas, result, means.printed(), subject.matched)
    largest = float(means.difference()[means.printed()].max(initial=0.0))
    chances = [
        [kept_by_chance(subject.model.tokenizer, text) for text in texts] for texts in (lists.prompts, lists.control)
    ]
    told = [
        one_based(means, subject.printed),
        *_of_names(subject, found, number),
        prompts_passed_by_chance((chances[0], chances[1]), [run.kept for _, run in filtered[0]]),
        bos_counted(means),
        no_uncertainty(left, shuffled_lists(means), largest),
        unmatched_lists(lists.sides, compare_lengths(atlas, result), left),
        moments_hypothesis(reproduced_moment_correlations(atlas, result)),
        fault_of_unread_tokens(filtered[0], set(lists.positive), filtered[1]),
    ]
    return sorted(told, key=lambda fault: fault.number)


def _of_names(subject: Subject, found: Computed, number: int) -> list[Fault]:
    """Faults 2, 3 and 4, which are about what features write to the stream."""
    directions = [stream_directions(subject.model, sae) for sae in (subject.sae, subject.other)]
    measured, loaded = found.moments
    if measured is None or loaded is None or directions[0] is None or directions[1] is None:
        return [
            study_fault_untold(fault, "an SAE of the two writes nothing to the residual stream") for fault in (2, 3, 4)
        ]
    lists = printed_lists(subject.names[1])
    rows = [part.to("cpu", torch.float64).numpy() for part in directions if part is not None]
    return [
        wrong_sae(subject.names, measured, loaded, lists),
        label_elsewhere(subject.names, number, rows[0], rows[1]),
        wrong_sort(loaded, lists),
    ]


def inputs_hash(atlas: Atlas, subject: Subject, number: int | None, prompts_filtered: int) -> str:
    """A hash of all that a reproduction depends on."""
    contrasts = [key for key in (subject.result[0], subject.matched) if key is not None]
    hashes = atlas.rows(
        """
        SELECT contrast, documents_hash, (
          SELECT COUNT(*)
          FROM contrast_null
          WHERE contrast_null.contrast = sae_contrast.contrast
            AND contrast_null.sae = sae_contrast.sae
        )
        FROM sae_contrast
        WHERE contrast IN (SELECT UNNEST($1))
          AND sae = $2
        ORDER BY contrast
        """,
        [contrasts, subject.result[1]],
    )
    lists = subject.lists
    inputs = [method_revision("reproduction"), subject.names, subject.sae.weights_sha256, subject.other.weights_sha256]
    inputs += [subject.model.weights_sha256, subject.other_key, lists.positive, lists.control, lists.prompts, hashes]
    inputs += [number, prompts_filtered, None if subject.printed is None else subject.printed.content()]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
