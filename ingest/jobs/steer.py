"""The steer job: features pushed, clamped or removed on prompts, what becomes of the next token in the atlas.

Each prompt of a feature is a transaction of its own, and what is stored is not computed again: killed at any moment,
the same command goes on from there.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.attribution.prompts import Prompt, prompt_of_text, prompts_of_documents
from ingest.circuits.effects.controls import CONTROLS, control_features, read_features_to_draw_controls
from ingest.circuits.effects.particular_words import particular_words
from ingest.circuits.effects.steering import Kind, Steering
from ingest.circuits.effects.steering_rows import steering_identity, store_steering, stored_steering
from ingest.circuits.effects.steering_study import Question, steer_prompt
from ingest.circuits.tracer import Tracer, largest_activation
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.reader import POCKET_READER, Loaded, Reader
from ingest.jobs.run_record import RunRecord
from ingest.models.sampling import GREEDY, Sampling
from ingest.models.spelling import token_id
from schema.errors import SelectionError
from schema.store import Atlas, open_atlas

DOSES = (0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Push:
    """How features are changed, and what is followed; doses are in units of a feature's own largest activation.

    `words` are single tokens, `words_of` sets of documents, whose most particular words are taken too. `positions`,
    BOS being 0, are those steered; none: every one, and what is generated.
    """

    kind: Kind = "add"
    doses: tuple[float, ...] = DOSES
    positions: tuple[int, ...] = ()
    words: tuple[str, ...] = ()
    words_of: tuple[str, ...] = ()
    controls: int = CONTROLS
    new_tokens: int = 0
    sampling: Sampling = GREEDY


@dataclass(frozen=True)
class SteerRequest:
    """Which features to steer on which prompts: windows of documents, texts given by hand, or both."""

    atlas: Path
    features: tuple[int, ...]
    push: Push = Push()
    documents: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    limit: int | None = None
    reader: Reader = POCKET_READER


@dataclass
class SteerResult:
    """What a job did: the keys of prompts steered now, and of those known before."""

    new: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    effects: int = 0
    seconds: float = 0.0


def steer(request: SteerRequest, report: Report = silent_report) -> SteerResult:
    """Load the model and the SAE, and steer.

    Raises:
        SelectionError: prompts, features, positions or words that cannot be steered; nothing has changed then.
        ModelError, AtlasFileError: see there.
    """
    open_atlas(request.atlas).close()
    loaded = request.reader.load()
    with open_atlas(request.atlas) as atlas:
        return steer_into(atlas, request, loaded, report)


def steer_into(atlas: Atlas, request: SteerRequest, loaded: Loaded, report: Report = silent_report) -> SteerResult:
    """Steer features of an open atlas, by a loaded model and SAE."""
    started, result = time.perf_counter(), SteerResult()
    tracer = Tracer.of(atlas, *loaded)
    prompts = _prompts(atlas, request, tracer)
    questions = list(_questions(atlas, request, tracer))
    total = len(prompts) * len(questions)
    with RunRecord(atlas, "circuit steer", _arguments(request, tracer), request.reader.runs_on) as record:
        for done, (question, prompt) in enumerate(((q, p) for q in questions for p in prompts), start=1):
            _steer_one(record, tracer, question, prompt, result)
            report(Progress("steering", done, total, "prompts"))
    return replace(result, seconds=time.perf_counter() - started)


def _prompts(atlas: Atlas, request: SteerRequest, tracer: Tracer) -> list[Prompt]:
    """Those given by hand, then those of documents.

    Raises:
        SelectionError: there is none, or one has not the positions that are to be steered.
    """
    found = [prompt_of_text(text, tracer.tokenization) for text in request.texts]
    if request.documents:
        found += prompts_of_documents(atlas, request.documents, tracer.keys[0].tokenization, request.limit)
    if not found:
        raise SelectionError("no prompts to steer on: name documents or a text")
    for prompt in found:
        _check_positions(request.push.positions, prompt, tracer.tokenization.first_position)
    return found


def _check_positions(positions: Iterable[int], prompt: Prompt, first: int) -> None:
    end = first + len(prompt)
    for position in positions:
        if not first <= position < end:
            raise SelectionError(
                f"position {position} is not in {prompt.text[:40]!r}, whose positions are {first} to {end - 1}"
            )


def _questions(atlas: Atlas, request: SteerRequest, tracer: Tracer) -> Iterator[Question]:
    """One a feature."""
    push, keys = request.push, tracer.keys[0]
    words = [token_id(tracer.model, word) for word in push.words]
    if push.words_of:
        words += particular_words(atlas, push.words_of, keys.tokenization)
    matching = read_features_to_draw_controls(atlas, keys.sae)
    for feature in dict.fromkeys(request.features):
        tracer.check_feature(feature)
        yield Question(
            Steering(tracer.sae, feature, push.kind, push.positions or None, tracer.tokenization.first_position),
            largest_activation(atlas, keys.sae, feature),
            (0.0,) if push.kind == "remove" else tuple(dict.fromkeys(push.doses)),
            tuple(control_features(matching, feature, push.controls, push.sampling.seed)),
            tuple(dict.fromkeys(words)),
            push.new_tokens,
            push.sampling,
        )


def _steer_one(record: RunRecord, tracer: Tracer, question: Question, prompt: Prompt, result: SteerResult) -> None:
    known = stored_steering(record.atlas, steering_identity(tracer, question, prompt))
    if known is not None:
        result.known.append(known)
        record.add(known=1)
        return
    found = steer_prompt(tracer, question, prompt)
    with record.atlas.transaction():
        result.new.append(store_steering(record.atlas, tracer, question, found, record.start()))
        record.add(documents=1)
    result.effects += len(found.effects)


def _arguments(request: SteerRequest, tracer: Tracer) -> dict[str, object]:
    push = request.push
    return {
        "sae": str(tracer.sae.name),
        "features": list(request.features),
        "documents": list(request.documents),
        "texts": list(request.texts),
        "kind": push.kind,
        "doses": list(push.doses),
        "positions": list(push.positions),
        "controls": push.controls,
        "new_tokens": push.new_tokens,
        "seed": push.sampling.seed,
    }
