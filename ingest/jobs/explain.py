"""The explain job: prompts in, Shapley values in the atlas.

Each prompt is a transaction of its own, and what is stored is not computed again:
killed at any moment, the same command goes on from there.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from ingest.attribution.ahead import ahead
from ingest.attribution.prompts import Prompt, prompt_of_text, prompts_of_documents
from ingest.attribution.questions import (
    Answer,
    Asked,
    answer_feature,
    answer_logit,
    answer_token,
    ask_feature,
    ask_logit,
    ask_token,
)
from ingest.attribution.request import ExplainRequest
from ingest.attribution.storing import Asking, Explained, store, stored
from ingest.attribution.studying import add_study_rule
from ingest.attribution.subject import CleanRun, Subject, corpus_mean, find_keys, load_subject
from ingest.jobs.runs import RunRecord
from schema.errors import SelectionError
from schema.store import Atlas, open_atlas

Report = Callable[[int, int], None]
ASK = {"token": ask_token, "feature": ask_feature, "logit": ask_logit}


@dataclass(frozen=True)
class ExplainResult:
    """What a job did: the keys of new explanations and of those known before, prompts without an answer.

    `studied` are the prompts that the study's rule was run on.
    """

    new: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    silent: int = 0
    studied: int = 0
    evaluations: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Task:
    """What is asked of a prompt."""

    prompt: Prompt
    run: CleanRun
    asked: list[Asked]


Todo = tuple[Task | None, Mapping[str, Asked]]
"""A task, and by identity what of it is not stored yet."""


def explain(request: ExplainRequest, report: Report = lambda done, prompts: None) -> ExplainResult:
    """Run the job; `report` is told how many of the prompts are done.

    Raises:
        SelectionError: prompts, features, a position or a target that cannot be explained; nothing has changed then.
        ModelError, AtlasFileError: see there.
    """
    open_atlas(request.atlas).close()
    subject = load_subject(request.sae, request.model, request.device)
    with open_atlas(request.atlas) as atlas:
        return explain_into(atlas, request, subject, report)


def explain_into(
    atlas: Atlas, request: ExplainRequest, subject: Subject, report: Report = lambda done, prompts: None
) -> ExplainResult:
    """The same in an open atlas, by a model and an SAE that are loaded already."""
    started = time.perf_counter()
    asking = _asking(atlas, request, subject)
    _check_target(request, subject)
    prompts = _prompts(atlas, request, asking)
    given = [_task(request, subject, prompt) for prompt in prompts if prompt.document is None]
    found = _tasks(request, subject, [prompt for prompt in prompts if prompt.document is not None])
    new: list[int] = []
    known: list[int] = []
    silent = evaluations = studied = 0
    arguments = _arguments(request, subject)
    todo = ((task, _missing(atlas, asking, task)) for task in _chain(given, found))
    with (
        RunRecord(atlas, "explain", arguments, request.device) as record,
        closing(ahead(partial(_explained, asking), todo, _threads(request, subject, len(prompts)))) as answered,
    ):
        for done, ((task, _), explained) in enumerate(answered, start=1):
            if task is None:
                silent += 1
            else:
                evaluations += _store(record, asking, task, explained, (new, known))
            report(done, len(prompts))
        if request.method.study:
            studied = add_study_rule(record, subject, [*known, *new], report)
    if not new and not known:
        raise SelectionError(f"none of the {silent} prompts can be explained: {_why(request)}")
    return ExplainResult(new, known, silent, studied, evaluations, time.perf_counter() - started)


def _threads(request: ExplainRequest, subject: Subject, prompts: int) -> int:
    """Threads that prompts are shared between; a single prompt has all of them for itself."""
    alone = prompts == 1 or request.method.estimator == "partition"  # which is shap's own code
    return 1 if alone else subject.threads


def _missing(atlas: Atlas, asking: Asking, task: Task | None) -> dict[str, Asked]:
    """What a task asks that is not stored, by identity."""
    identities = {asking.identity(task.prompt, asked): asked for asked in task.asked} if task else {}
    there = stored(atlas, identities)
    return {identity: asked for identity, asked in identities.items() if identity not in there}


def _explained(asking: Asking, todo: Todo) -> list[Explained]:
    """The answers to what is missing."""
    task, missing = todo
    if task is None or not missing:
        return []
    answers = _answers(asking, task, list(missing.values()))
    return [Explained(task.prompt, identity, answer) for identity, answer in zip(missing, answers, strict=True)]


def _store(
    record: RunRecord, asking: Asking, task: Task, explained: Sequence[Explained], keys: tuple[list[int], list[int]]
) -> int:
    """Store the answers to a task in one transaction, and add to the new and the known keys; coalitions evaluated."""
    new, known = keys
    there = stored(record.atlas, [asking.identity(task.prompt, asked) for asked in task.asked])
    known.extend(there.values())
    fresh = [one for one in explained if one.identity not in there]  # a prompt may have been given twice
    if not fresh:
        record.add(known=1)
        return 0
    with record.atlas.transaction():
        new.extend(store(record.atlas, asking, fresh, record.start()))
        record.add(documents=1)
    return sum(one.answer.estimate.evaluations for one in fresh)


def _answers(asking: Asking, task: Task, asked: Sequence[Asked]) -> list[Answer]:
    if asking.question == "logit":
        return answer_logit(asking.subject, asking.method, asking.baseline, task.run, asked)
    answer = answer_token if asking.question == "token" else answer_feature
    return answer(asking.subject, asking.method, task.prompt, task.run, asked)


def _asking(atlas: Atlas, request: ExplainRequest, subject: Subject) -> Asking:
    keys = find_keys(atlas, subject)
    of_features = request.question == "logit" and request.method.baseline == "mean"
    baseline = corpus_mean(atlas, keys.sae, subject.sae.d_sae) if of_features else None
    return Asking(request.question, request.method, subject, keys, baseline)


def _check_target(request: ExplainRequest, subject: Subject) -> None:
    if request.target.token is not None:
        subject.target_id(request.target.token)
    for feature in request.target.features:
        if not 0 <= feature < subject.sae.d_sae:
            raise SelectionError(
                f"feature {feature} is not in {subject.sae.name}; its features are 0 to {subject.sae.d_sae - 1}"
            )


def _prompts(atlas: Atlas, request: ExplainRequest, asking: Asking) -> list[Prompt]:
    given = [prompt_of_text(text, asking.subject.tokenization) for text in request.texts]
    if not request.documents:
        return given
    return given + prompts_of_documents(atlas, request.documents, asking.keys.tokenization, request.limit)


def _task(request: ExplainRequest, subject: Subject, prompt: Prompt) -> Task:
    run = subject.run(prompt.token_ids)
    return Task(prompt, run, ASK[request.question](subject, request.target, prompt, run))


def _tasks(request: ExplainRequest, subject: Subject, prompts: Iterable[Prompt]) -> Iterator[Task | None]:
    """A task a prompt; None where there is nothing to explain, as where a feature is silent."""
    for prompt in prompts:
        try:
            yield _task(request, subject, prompt)
        except SelectionError:
            yield None


def _chain(given: Iterable[Task], found: Iterable[Task | None]) -> Iterator[Task | None]:
    yield from given
    yield from found


def _why(request: ExplainRequest) -> str:
    if request.target.position is not None:
        return f"position {request.target.position} is in none of them, or nothing fires there"
    return f"feature {', '.join(map(str, request.target.features))} never fires on them"


def _arguments(request: ExplainRequest, subject: Subject) -> dict[str, object]:
    return {
        "question": request.question,
        "sae": str(subject.sae.name),
        "documents": list(request.documents),
        "texts": list(request.texts),
        "features": list(request.target.features),
        "target": request.target.token,
        "baseline": request.method.baseline,
        "estimator": request.method.estimator,
    }
