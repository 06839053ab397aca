"""What a miss means: other ways to read the same files are tried, until one gives what was published.

What none of them gives is told by what holds beside it: the decoder, the stream, or neither.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ingest.doctor.examined_model import Reading, Subject
from ingest.doctor.expected import Expected
from ingest.doctor.kinds import KINDS, tolerances_apart
from ingest.models.language_model import LanguageModel, Processing
from ingest.models.sae import SAE
from schema.errors import ModelError

FEATURES = ("activations", "strongest", "places")
DECODER = ("similar", "decoder")
AVERAGED = ("means", "candidates")
SHARP = frozenset((*FEATURES, *DECODER, *AVERAGED, "moments", "logits", "stream"))
"""Kinds whose values tell one reading from another."""
FOLDED = Processing(center_writing_weights=True, fold_ln=True, center_unembed=True)
"""What TransformerLens does to weights by default."""
PROCESSINGS = (Processing(), Processing(center_writing_weights=True), FOLDED)


@dataclass(frozen=True)
class Others:
    """What else is at hand: the model with its weights processed in another way, and other SAEs of the release."""

    model: Callable[[Processing], LanguageModel]
    saes: Callable[[], Iterator[SAE]]


@dataclass(frozen=True)
class Suspicion:
    """Another way to read the same files, and what it would mean if it gave what was published."""

    meaning: str
    subject: Callable[[], Subject]
    about: frozenset[str] = SHARP


def diagnose_subject(
    missed: Sequence[Expected], held: Sequence[Expected], subject: Subject, others: Others
) -> list[str]:
    """What is wrong with a subject, a sentence each: the first way to read it that gives what was missed.

    `held` is what was found as it was published.
    """
    left, told = list(missed), []
    for suspicion in _suspicions(subject, others):
        about = [entry for entry in left if entry.kind in suspicion.about]
        given = _given(about, suspicion.subject) if about else []
        if given and len(given) * 2 >= len([entry for entry in left if entry.kind != "quality"]):
            told.append(f"{_count(given)} {suspicion.meaning}")
            left = [entry for entry in left if entry not in given]
    return told + _unexplained(left, held, told)


def _suspicions(subject: Subject, others: Others) -> Iterator[Suspicion]:
    """The likeliest first: a fault in the numbers, then one in the run, then another model or SAE."""
    for reading, meaning in _readings(subject):
        yield Suspicion(meaning, partial(subject.read_as, reading))
    yield Suspicion(
        "are given when b_dec is treated the other way before encoding: apply_b_dec_to_input is wrong in one place",
        lambda: replace(subject, sae=_other_b_dec(subject.reads), kept={}),
    )
    yield from _processed(subject, others)
    yield from _other_saes(subject, others)
    yield Suspicion(
        "are what steering gives that leaves BOS as it is: there it was steered from the first token of the text on",
        lambda: subject.read_as(Reading(steered_from=subject.bos)),
        frozenset({"completion"}),
    )
    if subject.bos:
        yield Suspicion(
            "are what means without the BOS position give: it was not counted there",
            lambda: subject.read_as(Reading(bos_counted=False)),
            frozenset(AVERAGED),
        )


def _readings(subject: Subject) -> Iterator[tuple[Reading, str]]:
    """Other ways to read the same files, and what each means."""
    for shift, why in ((1, "these are one less"), (-1, "they count from one")):
        yield (
            Reading(shift=shift),
            f"are what feature number {shift:+d} gives here: their numbers are one off; indices of an atlas are "
            f"zero-based, and {why}",
        )
    if subject.bos:
        yield Reading(bos=2), "are what two BOS tokens before the text give: BOS was doubled there"
        yield Reading(bos=0), "are what a text without BOS gives: it was left out there"
    else:
        yield Reading(bos=1), "are what a BOS token before the text gives, and this SAE has none"
    for norm, how in ((1, "times"), (-1, "divided by")):
        meaning = f"are these activations {how} the length of their decoder row: it is folded into one of the two"
        yield Reading(norm=norm), meaning
    for blocks in (1, -1):
        meaning = f"are what the SAE gives {blocks:+d} block from where it says it reads: its hook_name is one off"
        yield Reading(blocks=blocks), meaning


def _processed(subject: Subject, others: Others) -> Iterator[Suspicion]:
    for processing in PROCESSINGS:
        if processing != subject.model.processing:
            meaning = (
                f"are given by the model with {processing}, and it was loaded with {subject.model.processing}: "
                "the weights were processed otherwise (folded, centred) there"
            )
            yield Suspicion(meaning, partial(_with_model, subject, others.model, processing))


def _with_model(subject: Subject, model: Callable[[Processing], LanguageModel], processing: Processing) -> Subject:
    return replace(subject, model=model(processing), kept={})


def _other_saes(subject: Subject, others: Others) -> Iterator[Suspicion]:
    if subject.sae is None:
        return
    for sae in others.saes():
        meaning = (
            f"are those of {sae.name}: another SAE lies under the name of {subject.sae.name}, or the values name the "
            "wrong one"
        )
        for other in (sae, replace(sae, hook_name=subject.sae.hook_name)):
            yield Suspicion(meaning, partial(replace, subject, sae=other, kept={}))


def _other_b_dec(sae: SAE) -> SAE:
    module = copy.copy(sae.module)
    module.cfg = copy.copy(module.cfg)
    module.cfg.apply_b_dec_to_input = not module.cfg.apply_b_dec_to_input
    return replace(sae, module=module)


def _given(missed: Sequence[Expected], subject: Callable[[], Subject]) -> list[Expected]:
    """Those that a subject gives as they were published; none where it cannot be had."""
    try:
        other = subject()
    except ModelError:
        return []
    return [entry for entry in missed if _within(entry, other)]


def _within(entry: Expected, subject: Subject) -> bool:
    try:
        return tolerances_apart(entry, KINDS[entry.kind].found(entry, subject)) <= 1
    except ModelError:
        return False


def _unexplained(left: Sequence[Expected], held: Sequence[Expected], told: Sequence[str]) -> list[str]:
    """What remains, by where it stands: the stream, the decoder, the encoder, the unembedding, or text alone."""
    kinds, good = {entry.kind for entry in left}, {entry.kind for entry in held}
    found = []
    if "stream" in kinds:
        found.append(f"{_count(left, 'stream')} are not those of this model: it is another one, or its weights changed")
    if kinds & set(DECODER):
        found.append(
            f"{_count(left, *DECODER)} are not in this decoder: it is another SAE, or one that was trained anew; "
            "get its files again, and look at the release and the id"
        )
    elif kinds & set(FEATURES):
        cause = "the decoder is as published, so the encoder or the model is another"
        if not good & set(DECODER):
            cause = "nothing that was tried gives them: the SAE or the model is another"
        found.append(f"{_count(left, *FEATURES)} are not given: {cause}")
    found += _of_study(left, kinds)
    if "logits" in kinds and not kinds & set(DECODER):
        found.append(f"{_count(left, 'logits')} are not given by this unembedding: it is another model, or processed")
    if "completion" in kinds and not told:
        found.append(
            f"{_count(left, 'completion')} are other words: where all else holds, a near tie between two tokens that "
            "another precision or device decided otherwise"
        )
    if "quality" in kinds and not told:
        found.append(
            f"{_count(left, 'quality')} are far from those on the text of the registry: where all else holds, the "
            "bundled sentences differ from it more than is allowed for"
        )
    return found


def _of_study(left: Sequence[Expected], kinds: AbstractSet[str]) -> list[str]:
    """What remains of what the study printed."""
    found = []
    if "prompts" in kinds:
        found.append(
            f"{_count(left, 'prompts')} are those of the study's lists, and this notebook's have other lengths: it is "
            "another notebook, or was edited"
        )
    if kinds & set(AVERAGED):
        cause = "the prompts are other texts than the study's, or the SAE or the model is another"
        if "prompts" in kinds:
            cause = "they are of other prompts"
        found.append(f"{_count(left, *AVERAGED)} are not given: {cause}")
    if "moments" in kinds and not kinds & set(DECODER):
        found.append(
            f"{_count(left, 'moments')} are not those of this decoder and unembedding: one of the two is another, or "
            "the lists were sorted by another moment"
        )
    return found


def _count(entries: Sequence[Any], *kinds: str) -> str:
    n = sum(not kinds or entry.kind in kinds for entry in entries)
    return f"{n} missed: the values"
